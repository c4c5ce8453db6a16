"""The colours of a product's first picture, its background discounted."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from sosie.encoders.pictures import Pixels, content_of, encode_asked, read_pictures
from sosie.encoders.state import fingerprint, read_state, unit_rows, write_state
from sosie.media import open_picture
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
SIDE = 32  # pixels a side that are counted
BINS = (7, 9, 9)  # lightness, green-red, blue-yellow
# Chroma is binned by its root: near grey, small steps change a colour's name.
LOW, HIGH = np.array([0.0, -8.0, -8.0], np.float32), np.array([100.0, 8.0, 8.0], np.float32)
BACKGROUND = 0.2  # weight of a pixel that has the colour of the border
DISTANCE = 15.0  # from the border's colour (CIE 1976) at which a pixel counts fully
SPREAD = 0.5  # of the weight of the middle, in half sides

TO_XYZ = np.array(  # of linear sRGB, brought to white (1, 1, 1) of D65
    [
        [0.4124564 / 0.95047, 0.2126729, 0.0193339 / 1.08883],
        [0.3575761 / 0.95047, 0.7151522, 0.1191920 / 1.08883],
        [0.1804375 / 0.95047, 0.0721750, 0.9503041 / 1.08883],
    ],
    np.float32,
)
LINEAR = np.array(
    [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in np.arange(256) / 255], np.float32
)

Floats = NDArray[np.float32]


class Colour:
    """Encoder of the signal "colour": a histogram over CIELAB.

    Every pixel is shared among the eight bins around it; roots are taken, so that the cosine of two products is the
    Bhattacharyya coefficient of their histograms (0..1). A picture that can't be read is told in `problems`.
    """

    name = "colour"
    signal = "colour"
    dim = BINS[0] * BINS[1] * BINS[2]

    def __init__(self) -> None:
        self.problems: dict[str, str] = {}

    @property
    def fingerprint(self) -> str:
        """Names settings and code."""
        return fingerprint(self.name, VERSION, SIDE, BINS, BACKGROUND, DISTANCE, SPREAD)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn nothing: colours are what they are."""

    def content(self, product: Product) -> str:
        """Digest of the content of its first picture; "" where it has none."""
        return content_of(product.images[:1])

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim); a picture that several share is read once."""
        refs = list(dict.fromkeys(product.images[0] for product in products if product.images))
        vectors = np.zeros((len(refs), self.dim), np.float32)
        for places, pixels in read_pictures(refs, small, 2 * SIDE, self.problems):
            vectors[places] = histograms(pixels)
        place = {ref: at for at, ref in enumerate(refs)}
        out = np.zeros((len(products), self.dim), np.float32)
        for row, product in enumerate(products):
            if product.images:
                out[row] = vectors[place[product.images[0]]]
        return out

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of a question's picture. Raises PictureError when it can't be read."""
        if query.image is None:
            return None
        vector: Vector = histograms(small(open_picture(str(query.image), draft=2 * SIDE))[None])[0]
        return vector

    def encode_queries(self, queries: Sequence[Query]) -> list[Vector | None]:
        """Vectors of the pictures of questions, in one pass. Raises PictureError when one can't be read."""
        return encode_asked(queries, small, 2 * SIDE, histograms)

    def save(self, folder: Path) -> None:
        """Write the name: there is nothing else."""
        write_state(folder, self.name, {})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        read_state(folder, cls.name)
        return cls()


def small(picture: Picture) -> Pixels:
    """The whole picture, (SIDE, SIDE, 3)."""
    return np.asarray(picture.resize((SIDE, SIDE), Resampling.BICUBIC, reducing_gap=2.0))


def histograms(pixels: NDArray[np.uint8]) -> Matrix:
    """Unit vectors of pictures, (n, SIDE, SIDE, 3) -> (n, dim)."""
    lab = cielab(pixels)
    weights = (_foreground(lab) * _MIDDLE).reshape(len(pixels), -1)
    values = lab.reshape(len(pixels), -1, 3)
    values[..., 1:] = np.sign(values[..., 1:]) * np.sqrt(np.abs(values[..., 1:]))
    steps = np.array(BINS, np.float32) - 1
    scaled = np.clip((values - LOW) / (HIGH - LOW) * steps, 0, steps - 1e-4)
    lower = scaled.astype(np.int32)
    above = scaled - lower
    shares = (1 - above, above)
    strides = (BINS[1] * BINS[2], BINS[2], 1)
    first = lower @ np.array(strides, np.int32) + np.arange(len(pixels), dtype=np.int32)[:, None] * Colour.dim
    counts = np.zeros(len(pixels) * Colour.dim)
    for x, y, z in np.ndindex(2, 2, 2):
        share = weights * shares[x][..., 0] * shares[y][..., 1] * shares[z][..., 2]
        at = first + (x * strides[0] + y * strides[1] + z)
        counts += np.bincount(at.ravel(), share.ravel(), len(counts))
    vectors: Matrix = unit_rows(np.sqrt(counts.reshape(len(pixels), Colour.dim)))
    return vectors


def cielab(pixels: NDArray[np.uint8]) -> Floats:
    """CIELAB of sRGB, (..., 3): lightness 0..100, green-red and blue-yellow around 0."""
    xyz = LINEAR[pixels] @ TO_XYZ
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29)
    lab: Floats = np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    ).astype(np.float32)
    return lab


def _foreground(lab: Floats) -> Floats:
    """Weight of each pixel by its distance from the usual colour of the border, (n, SIDE, SIDE)."""
    border = np.concatenate([lab[:, 0], lab[:, -1], lab[:, :, 0], lab[:, :, -1]], axis=1)
    away = np.linalg.norm(lab - np.median(border, axis=1)[:, None, None], axis=-1)
    weights: Floats = BACKGROUND + (1 - BACKGROUND) * np.minimum(away / DISTANCE, 1) ** 2
    return weights


def _middle() -> Floats:
    line = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * 2 - 1
    return np.exp(-(line[:, None] ** 2 + line**2) / (2 * SPREAD**2))


_MIDDLE = _middle()
