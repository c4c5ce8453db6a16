"""A pretrained network with a small head, as one that learns: the trunk's features, mapped to an embedding."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class EmbedderSettings:
    """`features` numbers of the trunk, `dim` of an embedding; a `dim` of 0 takes the features themselves."""

    features: int
    dim: int = 256
    dropout: float = 0.0


class Embedder(nn.Module):
    """Features of the trunk, normed and mapped: `trunk` and `head` learn at rates of their own.

    The norm has no scale of its own and stays out of the way of the map; features of all products lie on one side
    of the origin, and cosines of such tell little until they are centred.
    """

    def __init__(self, trunk: nn.Module, settings: EmbedderSettings) -> None:
        super().__init__()
        self.trunk = trunk
        self.norm = nn.BatchNorm1d(settings.features, affine=False)
        self.dropout = nn.Dropout(settings.dropout)
        self.head: nn.Module = nn.Identity()
        if settings.dim:
            self.head = nn.Linear(settings.features, settings.dim, bias=False)
            nn.init.orthogonal_(self.head.weight)  # random directions keep the angles of the features

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (n, h, w, 3), uint8 or 0..255 -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.head(self.dropout(self.norm(self.trunk(pixels))))
        return embeddings


def freeze(module: nn.Module) -> None:
    """Keep a module as it is, its norms' averages too, whatever mode its owner is put in."""
    module.requires_grad_(False)
    module.eval()
    module.train = lambda mode=True: module  # type: ignore[method-assign]


@torch.no_grad()
def parameters(module: nn.Module) -> int:
    """How many numbers a network holds."""
    return sum(parameter.numel() for parameter in module.parameters())
