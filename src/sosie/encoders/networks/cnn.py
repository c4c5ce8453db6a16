"""The classic small convolutional network for tiny pictures."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance, Count, Counts
from sosie.encoders.networks.pixels import normalised


@dataclass(frozen=True)
class CnnSettings:
    """`size` pixels a side; `widths` are the channels of the convolutions, `hidden` the numbers behind them."""

    size: int = 32
    dim: int = 128
    widths: Counts = (32, 64)
    hidden: Count = 256
    dropout: Chance = 0.2


class Cnn(nn.Module):
    """Convolution, ReLU, pooling to half the size, some times over; then linear, ReLU, linear.

    LeCun et al., "Gradient-based learning applied to document recognition", 1998, with ReLU and max pooling.
    """

    def __init__(self, settings: CnnSettings) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inside, outside in pairwise((3, *settings.widths)):
            layers += [nn.Conv2d(inside, outside, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2, ceil_mode=True)]
        self.convolutions = nn.Sequential(*layers)
        side = -(-settings.size // 2 ** len(settings.widths))
        self.linear = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear(settings.widths[-1] * side**2, settings.hidden),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(settings.hidden, settings.dim),
        )

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, size, size, 3), uint8 or float in 0..255 -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.linear(torch.flatten(self.convolutions(normalised(pixels)), 1))
        return embeddings
