"""A small residual network for pictures of 28 to 64 pixels, trained from scratch in minutes on a processor."""

from dataclasses import dataclass

from torch import Tensor, nn

from sosie.encoders.networks.pixels import convolution, normalised


@dataclass(frozen=True)
class ResidualSettings:
    """`widths` are the channels of the stages; each stage has half the resolution of the one before."""

    dim: int = 128
    widths: tuple[int, ...] = (64, 128)


class Residual(nn.Module):
    """Wide and shallow: per stage, a convolution that halves the picture and two that add to it; max-pooled, linear.

    He et al., "Deep residual learning", 2016, in the shape of Page's "How to train your ResNet", 2018. Plain
    convolutions of many channels at low resolution, since those are what a processor is quick at, backwards too
    (depthwise ones aren't); the first one halves the picture already.
    """

    def __init__(self, settings: ResidualSettings) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        inside, kernel = 3, 5
        for width in settings.widths:
            stages += [convolution(inside, width, kernel, stride=2), Added(width)]
            inside, kernel = width, 3
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
