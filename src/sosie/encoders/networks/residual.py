"""A small residual network for pictures of 28 to 64 pixels, trained from scratch in minutes on a processor."""

from dataclasses import dataclass

from torch import Tensor, nn

from sosie.encoders.networks.bounds import Counts
from sosie.encoders.networks.pixels import convolution, normalised


@dataclass(frozen=True)
class ResidualSettings:
    """`widths` are the channels of the stages; each stage has half the resolution of the one before."""

    dim: int = 128
    widths: Counts = (48, 96, 192)


class Residual(nn.Module):
    """Wide and shallow: per stage a convolution, a pooling that halves the picture, two convolutions that add to it.

    He et al., "Deep residual learning", 2016, in the shape of Page's "How to train your ResNet", 2018. Plain
    convolutions of many channels, since those are what a processor is quick at, backwards too (depthwise ones aren't);
    only the first of each stage sees the resolution of the stage before. What is left is max-pooled, and mapped.
    """

    def __init__(self, settings: ResidualSettings) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inside = 3
        for width in settings.widths:
            stages += [convolution(inside, width), nn.MaxPool2d(2), Added(width)]
            inside = width
        self.stages = nn.Sequential(*stages)
        self.last = nn.Linear(inside, settings.dim)
        self.norm = nn.BatchNorm1d(settings.dim)

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, h, w, 3), uint8 or float in 0..255 -> embeddings (n, dim), not normalised."""
        features = self.stages(normalised(pixels)).amax((2, 3))
        embeddings: Tensor = self.norm(self.last(features))
        return embeddings


class Added(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(convolution(width, width), convolution(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """(n, width, h, w), unchanged in shape."""
        added: Tensor = x + self.inner(x)
        return added
