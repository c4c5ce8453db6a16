"""A pretrained network with a small head, as one that learns: the trunk's features, mapped to an embedding."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance

FLOOR = 1e-3  # of the largest variance: directions below it are noise, and are not raised further
BLOCK = re.compile(r"(.*?(?:blocks?|layers?|\bh)\.)(\d+)\.")  # as networks name the parts that follow one another


@dataclass(frozen=True)
class EmbedderSettings:
    """`features` numbers of the trunk, `dim` of an embedding: features themselves where these are as many."""

    features: int
    dim: int
    dropout: Chance = 0.0


class Embedder(nn.Module):
    """Features of the trunk, mapped where another dimension is wanted: `trunk` and `head` learn at their own rates."""

    def __init__(self, trunk: nn.Module, settings: EmbedderSettings) -> None:
        super().__init__()
        self.trunk = trunk
        self.dropout = nn.Dropout(settings.dropout)
        self.head: nn.Module = nn.Identity()
        if settings.dim != settings.features:
            self.head = nn.Linear(settings.features, settings.dim, bias=False)
            nn.init.orthogonal_(self.head.weight)  # random directions keep the angles of the features

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, h, w, 3), uint8 or 0..255 -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.head(self.dropout(self.trunk(pixels)))
        return embeddings


class Rest(nn.Module):
    """What of an embedder learns, when the first blocks of its trunk were run elsewhere: from their maps on."""

    def __init__(self, embedder: Embedder, blocks: int) -> None:
        super().__init__()
        self.embedder, self.blocks = embedder, blocks

    def forward(self, maps: Tensor) -> Tensor:
        """Maps of the first blocks (n, width, h, w) -> embeddings (n, dim), not normalised."""
        features = self.embedder.trunk.network.rest(maps, self.blocks)  # type: ignore[union-attr,operator]
        embeddings: Tensor = self.embedder.head(self.embedder.dropout(features))
        return embeddings


class Reduced(nn.Module):
    """A trained network and the directions that are kept of its embeddings: fewer numbers, nearly the same cosines."""

    def __init__(self, network: nn.Module, directions: Tensor) -> None:
        super().__init__()
        self.network = network
        self.directions = nn.Parameter(directions, requires_grad=False)  # (dim, inside)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, h, w, 3) -> (n, dim)."""
        embeddings: Tensor = self.network(pixels) @ self.directions.T
        return embeddings


@torch.no_grad()
def kept_directions(embeddings: Tensor, dim: int) -> Tensor:
    """The `dim` directions in which most of some embeddings lies, (dim, inside): cosines change least, uncentred."""
    values = embeddings.double()
    _, directions = torch.linalg.eigh(values.T @ values)  # the largest last
    kept: Tensor = directions.flip(1)[:, :dim].T.to(embeddings.dtype).contiguous()
    return kept


class Whitened(nn.Module):
    """A trained network whose embeddings, of unit length, are centred and turned to half-whitened directions."""

    def __init__(self, network: nn.Module, centre: Tensor, directions: Tensor) -> None:
        super().__init__()
        self.network = network
        self.centre = nn.Parameter(centre, requires_grad=False)  # (inside,)
        self.directions = nn.Parameter(directions, requires_grad=False)  # (dim, inside)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, h, w, 3) -> (n, dim)."""
        embeddings: Tensor = (nn.functional.normalize(self.network(pixels), dim=1) - self.centre) @ self.directions.T
        return embeddings


@torch.no_grad()
def half_whitened(embeddings: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Mean of some embeddings of unit length, and their `dim` main directions over the root of their deviations.

    (inside,) and (dim, inside). As `sosie.scoring.fit_scale` does it for pictures of a catalogue: what few classes fill
    entirely leaves room for what tells products of a class apart.
    """
    values = embeddings.double()
    mean = values.mean(0)
    variances, directions = torch.linalg.eigh((values - mean).T @ (values - mean) / len(values))
    variances, directions = variances.flip(0)[:dim].clamp_min(0), directions.flip(1)[:, :dim]
    scaled = directions * (variances + FLOOR * variances[0]) ** -0.25
    return mean.to(embeddings.dtype), scaled.T.to(embeddings.dtype).contiguous()


def freeze(module: nn.Module) -> None:
    """Keep a module as it is, its norms' averages too, whatever mode its owner is put in."""
    module.requires_grad_(False)
    hold_norms(module)


def hold_norms(module: nn.Module) -> None:
    """Keep the averages that norms have learnt: batches of a few look-alikes would pull them astray."""
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.eval()
            norm.train = lambda mode=True, norm=norm: norm  # type: ignore[method-assign,misc]


def shares_by_layer(network: nn.Module, decay: float) -> Mapping[str, float]:
    """What share of the full rate each parameter of a trunk of blocks learns at: `decay` less for each block below.

    Clark et al., "ELECTRA", 2020: what a network sees first is of use whatever is asked of it. What comes behind the
    last block learns at the full rate, layers behind a pooling too.
    """
    names = [name for name, _ in network.named_parameters()]
    found = [BLOCK.match(name) for name in names]
    stack = next((one[1] for one in found if one), "")
    depths = [int(one[2]) if one and one[1] == stack else None for one in found]
    there = [at for at, depth in enumerate(depths) if depth is not None]
    if decay == 1 or not there:
        return dict.fromkeys(names, 1.0)
    top = max(depth for depth in depths if depth is not None) + 1
    shares = {}
    for at, (name, depth) in enumerate(zip(names, depths, strict=True)):
        place = depth if depth is not None else (-1 if at < there[0] else top)
        shares[name] = decay ** (top - place)
    return shares


@torch.no_grad()
def parameters(module: nn.Module) -> int:
    """How many numbers a network holds."""
    return sum(parameter.numel() for parameter in module.parameters())
