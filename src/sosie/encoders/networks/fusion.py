"""Networks over several frozen encoders' vectors: all signals into one space, and two towers that meet in one."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance, Count
from sosie.encoders.networks.heads import main_directions

Signals = Mapping[str, Tensor]  # unit vectors (n, dim of the signal) by signal; a row of zeros = lacks the signal
KEPT = 512  # main directions of a signal that are looked at, at most


@dataclass(frozen=True)
class MultimodalSettings:
    """`signals` are names and how many numbers a vector has; `missing` is how often training withholds one."""

    signals: tuple[tuple[str, int], ...]
    dim: int = 256
    width: Count = 256
    missing: Chance = 0.3
    dropout: Chance = 0.1


@dataclass(frozen=True)
class TwoTowerSettings:
    """Both towers need the same `dim`."""

    a: MultimodalSettings
    b: MultimodalSettings


class Multimodal(nn.Module):
    """Any subset of the signals into one space.

    Each signal is reduced to its half-whitened main directions, and mapped into the space; the sum of the maps is what
    `start` sets to the main directions of all signals side by side, so that training begins at frozen quality. To it
    a mixing of all signals is added that starts at nothing. In both, a missing signal has a learned vector in its
    place. In training, signals are withheld at random (Neverova et al., "ModDrop", 2016), so that the embedding from
    a subset is near that from all.
    """

    def __init__(self, settings: MultimodalSettings) -> None:
        super().__init__()
        width = settings.width
        self.names = tuple(name for name, _ in settings.signals)
        self.dims = tuple(dim for _, dim in settings.signals)
        self.missing, self.dim = settings.missing, settings.dim
        self.parts = nn.ModuleList(Part(inside, width, settings.dim) for _, inside in settings.signals)
        last = nn.Linear(2 * width, settings.dim)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mixing = nn.Sequential(
            nn.GELU(),
            nn.Dropout(settings.dropout),
            nn.Linear(width * len(self.names), 2 * width),
            nn.GELU(),
            nn.Dropout(settings.dropout),
            last,
        )

    @torch.no_grad()
    def start(self, signals: Signals, weights: Mapping[str, float] | None = None) -> None:
        """Set the linear maps from vectors of the training set.

        Each signal counts as in a score: its weight (1 where none is given) over the spread of its random pairs.
        """
        scaled, scales = [], []
        for name, part in self._parts():
            reduced = part.start(signals[name])
            present = (signals[name] != 0).any(1).sum().clamp_min(1)
            spread = (reduced.T @ reduced / present).norm()  # of the products of random pairs
            scales.append(torch.sqrt((weights or {}).get(name, 1.0) / spread.clamp_min(1e-6)))
            scaled.append(reduced * scales[-1])
        joint, _ = main_directions(torch.cat(scaled, 1), self.dim)
        blocks = _blocks(joint, [reduced.shape[1] for reduced in scaled])
        for (_, part), block, scale in zip(self._parts(), blocks, scales, strict=True):
            part.map.weight.copy_(block * scale)

    def forward(self, signals: Signals, kept: Tensor | None = None) -> Tensor:
        """Vectors by signal -> embeddings (n, dim), not normalised.

        `kept` (n, signals) bool tells which may be looked at. Without it all may; in training, `withheld` draws it.
        """
        present = torch.stack([(signals[name] != 0).any(1) for name in self.names], dim=1)
        if kept is None and self.training:
            kept = withheld(present, self.missing)
        if kept is not None:
            present = present & kept
        both = [part(signals[name], present[:, at, None]) for at, (name, part) in enumerate(self._parts())]
        mapped = torch.stack([mapped for mapped, _ in both]).sum(0)
        mixed: Tensor = self.mixing(torch.cat([token for _, token in both], dim=1))
        return mapped + mixed

    def _parts(self) -> Iterator[tuple[str, "Part"]]:
        for name, part in zip(self.names, self.parts, strict=True):
            assert isinstance(part, Part)
            yield name, part


class Part(nn.Module):
    """What becomes of one signal: a linear map into the space, and a token for the mixing."""

    reduction: Tensor
    mean: Tensor

    def __init__(self, inside: int, width: int, dim: int) -> None:
        super().__init__()
        reduced = min(inside, KEPT)
        self.register_buffer("reduction", torch.eye(reduced, inside))
        self.register_buffer("mean", torch.zeros(inside))
        self.map = nn.Linear(reduced, dim, bias=False)
        self.token = nn.Linear(reduced, width)
        self.norm = nn.LayerNorm(width)
        self.absent_map = nn.Parameter(torch.zeros(dim))
        self.absent_token = nn.Parameter(torch.zeros(width))

    @torch.no_grad()
    def start(self, vectors: Tensor) -> Tensor:
        """Set the reduction; returns what it makes of the vectors, (n, reduced), zeros where they are."""
        weight, mean = main_directions(vectors, len(self.reduction), whiten=0.5)
        self.reduction.copy_(weight)
        self.mean.copy_(mean)
        return (vectors - mean) @ weight.T * (vectors != 0).any(1, keepdim=True)

    def forward(self, vectors: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors (n, inside), which of them are there (n, 1) -> (n, dim) and (n, width)."""
        reduced = (vectors - self.mean) @ self.reduction.T
        token = self.norm(self.token(reduced * math.sqrt(len(self.reduction))))  # numbers of about 1
        return torch.where(present, self.map(reduced), self.absent_map), torch.where(present, token, self.absent_token)


class AllSignals(nn.Module):
    """A network of several signals' vectors, in the shape in which it is trained and exported."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, vectors: dict[str, Tensor]) -> Tensor:
        """Vectors by signal -> embeddings (n, dim)."""
        embeddings: Tensor = self.network(vectors)
        return embeddings


class TwoTower(nn.Module):
    """Two encoders that meet in one space: pictures (a) and words (b), each a `Multimodal` over its signals.

    Trained with a symmetric contrast of cosines (Radford et al., "Learning transferable visual models from natural
    language supervision", 2021).
    """

    def __init__(self, settings: TwoTowerSettings) -> None:
        super().__init__()
        self.tower_a, self.tower_b = Multimodal(settings.a), Multimodal(settings.b)

    def forward(self, signals: Signals) -> Tensor:
        """Vectors by signal -> the sum of what both towers say, of unit length each; of one where the other lacks."""
        sides = []
        for tower, embed in ((self.tower_a, self.forward_a), (self.tower_b, self.forward_b)):
            there = torch.stack([(signals[name] != 0).any(1) for name in tower.names]).any(0)
            sides.append(nn.functional.normalize(embed(signals), dim=1) * there[:, None])
        return sides[0] + sides[1]

    def forward_a(self, signals: Signals) -> Tensor:
        """Vectors of pictures by signal -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.tower_a(signals)
        return embeddings

    def forward_b(self, signals: Signals) -> Tensor:
        """Vectors of words by signal -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.tower_b(signals)
        return embeddings


def withheld(present: Tensor, share: float) -> Tensor:
    """Draw from torch's generator which signals may be looked at, (n, signals) bool; never none of those present."""
    kept = torch.rand(present.shape, device=present.device) >= share
    return kept | ~(present & kept).any(1, keepdim=True)


def _blocks(joint: Tensor, widths: Sequence[int]) -> Sequence[Tensor]:
    return torch.tensor_split(joint, list(accumulate(widths))[:-1], dim=1)
