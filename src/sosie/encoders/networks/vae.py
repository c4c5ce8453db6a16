"""Variational autoencoders of pictures and of texts: without any labels, μ is the embedding.

Kingma & Welling, "Auto-encoding variational Bayes", 2014; β: Higgins et al., 2017.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.bounds import Chance, Count, Counts
from sosie.encoders.networks.pixels import convolution, normalised
from sosie.encoders.networks.words import WordVectors, empty_as_zeros, real

MOST_LOGVAR = 6.0  # of a code's numbers: bounds keep a few pictures from blowing up the loss
NOISE = 0.1  # deviation of a pixel of 0..1 from its reconstruction that counts as one nat's half


@dataclass(frozen=True)
class PictureVaeSettings:
    """`size` pixels a side; each of the `widths` is the channels of a layer that halves the picture."""

    size: int
    dim: int = 64
    widths: Counts = (32, 64)


@dataclass(frozen=True)
class TextVaeSettings:
    """`words` in the vocabulary with padding as 0, `width` numbers a word, `hidden` between it and the code."""

    words: int
    width: int = 128
    dim: int = 64
    hidden: Count = 256
    dropout: Chance = 0.2


class Vae(nn.Module, ABC):
    """What both kinds share: a picture or text -> mean and log variance of its code -> what it is made of again."""

    @abstractmethod
    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the code, (n, dim) each."""

    @abstractmethod
    def decoded(self, codes: Tensor) -> Tensor:
        """Codes (n, dim) -> reconstructions."""

    @abstractmethod
    def errors(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """How far reconstructions are off: -log likelihood up to a constant, summed per item, (n,)."""

    def forward(self, x: Tensor) -> Tensor:
        """Pictures or texts -> the means of their codes (n, dim), not normalised."""
        return self.coded(x)[0]

    def parts(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reconstruction from a code drawn with torch's generator, mean and log variance of the code."""
        mean, logvar = self.coded(x)
        drawn = mean + torch.exp(logvar / 2) * torch.randn_like(mean)
        return self.decoded(drawn), mean, logvar


class PictureVae(Vae):
    """Convolutions down to a code, and up again."""

    def __init__(self, settings: PictureVaeSettings) -> None:
        super().__init__()
        widths = settings.widths
        self.size, self.side = settings.size, -(-settings.size // 2 ** len(widths))
        self.down = nn.Sequential(*(convolution(a, b, 5 if a == 3 else 3, 2) for a, b in pairwise((3, *widths))))
        self.to_code = nn.Linear(widths[-1] * self.side**2, 2 * settings.dim)
        self.from_code = nn.Linear(settings.dim, widths[-1] * self.side**2)
        up = [
            layer
            for inside, outside in pairwise(reversed(widths))
            for layer in (nn.Upsample(scale_factor=2), convolution(inside, outside))
        ]
        # the last doubling comes from channels: convolutions at full resolution would cost most of the time
        self.up = nn.Sequential(*up, nn.Conv2d(widths[0], 3 * 4, 3, padding=1), nn.PixelShuffle(2))

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """RGB (n, size, size, 3), uint8 or float in 0..255 -> mean and log variance of the code, (n, dim) each."""
        return _halves(self.to_code(self.down(normalised(x)).flatten(1)))

    def decoded(self, codes: Tensor) -> Tensor:
        """Codes (n, dim) -> pixels of 0..1, (n, size, size, 3)."""
        wide = self.from_code(codes).unflatten(1, (-1, self.side, self.side))
        pixels: Tensor = torch.sigmoid(self.up(wide)).permute(0, 2, 3, 1)
        return pixels[:, : self.size, : self.size]

    def errors(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Of pixels with normal noise of NOISE, (n,)."""
        return ((x / 255.0 - reconstruction) ** 2).sum((1, 2, 3)) / (2 * NOISE**2)


class TextVae(Vae):
    """The mean of a text's words down to a code, and up to how likely each word is.

    Miao et al., "Neural variational inference for text processing", 2016: the order of words is not looked at.
    """

    def __init__(self, settings: TextVaeSettings) -> None:
        super().__init__()
        self.vectors = WordVectors(settings.words, settings.width)
        self.down = nn.Sequential(
            nn.Dropout(settings.dropout), nn.Linear(settings.width, settings.hidden), nn.GELU(),
            nn.Linear(settings.hidden, 2 * settings.dim),
        )  # fmt: skip
        self.up = nn.Linear(settings.dim, settings.words)

    def start(self, vectors: Tensor) -> None:
        """Begin with given word vectors (words, width); rows of zeros keep random ones."""
        self.vectors.start(vectors)

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of words (n, length) int64, 0 = padding -> mean and log variance of the code; none = zeros."""
        counts = real(x).sum(1, keepdim=True).clamp_min(1)
        mean, logvar = _halves(self.down(self.vectors(x).sum(1) / torch.sqrt(counts)))
        return empty_as_zeros(mean, x), empty_as_zeros(logvar, x)

    def decoded(self, codes: Tensor) -> Tensor:
        """Codes (n, dim) -> log of how likely each word is, (n, words)."""
        return F.log_softmax(self.up(codes), dim=1)

    def errors(self, x: Tensor, reconstruction: Tensor) -> Tensor:
        """Of the words drawn one by one, (n,)."""
        return -(reconstruction.gather(1, x) * real(x)).sum(1)


def negative_elbo(network: Vae, x: Tensor, beta: float = 1.0, wanted: Tensor | None = None) -> Tensor:
    """The loss: errors of the reconstruction plus `beta` times the divergence of the code from a standard normal, ().

    Sums per item, averaged over the items. `wanted` is what should come out where `x` is an augmented view of it.
    """
    reconstruction, mean, logvar = network.parts(x)
    errors = network.errors(wanted if wanted is not None else x, reconstruction)
    return (errors + beta * divergence(mean, logvar)).mean()


def divergence(mean: Tensor, logvar: Tensor) -> Tensor:
    """Kullback–Leibler divergence of normal codes (n, dim) from the standard normal, summed per item, (n,)."""
    return (mean**2 + logvar.exp() - 1 - logvar).sum(1) / 2


def warmed_up(beta: float, step: int, steps: int) -> float:
    """β at a step: rises evenly from 0 over the first `steps` (Bowman et al., 2016)."""
    return beta * min(1.0, step / steps) if steps else beta


def _halves(code: Tensor) -> tuple[Tensor, Tensor]:
    mean, logvar = code.chunk(2, dim=1)
    return mean, MOST_LOGVAR * torch.tanh(logvar / MOST_LOGVAR)
