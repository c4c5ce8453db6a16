"""The patches of a product's first picture: what the picture network sees at each of 7 × 7 places.

They are not searched. The first candidates of a question are compared patch by patch (`matching`), which tells apart
what one vector a picture can't: a label, a pattern, a cut.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture

from sosie.encoders.export import exported, file_key
from sosie.encoders.image import CHUNK, EXACT_CONVOLUTIONS, NETWORK, SIZE, middle_square, weights_file
from sosie.encoders.matching import DIM, PATCHES
from sosie.encoders.pictures import Pixels, content_of, read_pictures
from sosie.encoders.runtime import Precision, Runtime
from sosie.encoders.state import fingerprint, keep_file, read_array, read_state, reservoir, unit_rows, write_state
from sosie.errors import EncoderError
from sosie.media import open_picture
from sosie.types import Matrix, Product, Query, Vector

if TYPE_CHECKING:
    from torch import nn

VERSION = 1
EARLY, LATE = 112, 192  # numbers of a place at two depths of the network
KEPT = DIM // 2  # main directions of each
FLOOR = 1e-3  # of the largest variance: directions below it are noise, and are not raised further
SAMPLE = 300  # products whose patches are measured

Floats = NDArray[np.float32]


class Fitted(NamedTuple):
    """What the patches of a catalogue have in common, and the directions in which they differ."""

    mean: Floats  # (EARLY + LATE,)
    early: Floats  # (EARLY, KEPT)
    late: Floats  # (LATE, KEPT)


class Patches:
    """Encoder of the signal "patches".

    Maps of two depths are centred by the mean patch of the catalogue, whitened by its main directions (Jégou & Chum,
    "Negative evidences and co-occurences in image retrieval", 2012), each brought to unit length and laid side by side.
    A product's vector is all its patches, (PATCHES, DIM) flat, and of unit length. A picture that can't be read is told
    in `problems`.
    """

    name = "efficientnet-lite0-patches"
    signal = "patches"
    dim = PATCHES * DIM

    def __init__(
        self, precision: Precision = "auto", fitted: Fitted | None = None, *, network: tuple[Path, str] | None = None
    ) -> None:
        self.problems: dict[str, str] = {}
        self._precision: Precision = precision
        self._fitted = fitted or Fitted(
            np.zeros(EARLY + LATE, np.float32),
            np.eye(EARLY, KEPT, dtype=np.float32),
            np.eye(LATE, KEPT, dtype=np.float32),
        )
        self._given = network  # an exported file and the key of its weights

    @property
    def fingerprint(self) -> str:
        """Names weights, settings, what was fitted, and code."""
        return fingerprint(self.name, VERSION, self._weights_key, self._precision, SIZE, *self._fitted)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn the main directions of the patches of some products' pictures."""
        refs = reservoir((product.images[0] for product in products if product.images), SAMPLE)
        maps = [self._maps(pixels) for _, pixels in read_pictures(refs, _square, SIZE, self.problems)]
        if maps:
            places = np.concatenate(maps).reshape(-1, EARLY + LATE).astype(np.float64)
            mean = places.mean(axis=0)
            centred = places - mean
            self._fitted = Fitted(
                mean.astype(np.float32), _whitening(centred[:, :EARLY]), _whitening(centred[:, EARLY:])
            )

    def content(self, product: Product) -> str:
        """Digest of the content of its first picture; "" where it has none."""
        return content_of(product.images[:1])

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Patches of products, (len(products), dim); a picture that several share is encoded once."""
        refs = list(dict.fromkeys(product.images[0] for product in products if product.images))
        vectors = np.zeros((len(refs), self.dim), np.float32)
        for places, pixels in read_pictures(refs, _square, SIZE, self.problems):
            vectors[places] = self._patches(pixels)
        place = {ref: at for at, ref in enumerate(refs)}
        out = np.zeros((len(products), self.dim), np.float32)
        for row, product in enumerate(products):
            if product.images:
                out[row] = vectors[place[product.images[0]]]
        return out

    def encode_query(self, query: Query) -> Vector | None:
        """Patches of a question's picture. Raises PictureError when it can't be read."""
        if query.image is None:
            return None
        patches: Vector = self._patches(_square(open_picture(str(query.image), draft=SIZE))[None])[0]
        return patches

    def save(self, folder: Path) -> None:
        """Write what was fitted and the exported network, so that `load` needs neither weights nor torch."""
        settings = {"precision": self._precision, "weights": self._weights_key}
        write_state(folder, self.name, settings, **self._fitted._asdict())
        keep_file(self._network_file, folder / NETWORK)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        fitted = Fitted(*(np.array(read_array(folder / f"{name}.npy"), np.float32) for name in Fitted._fields))
        try:
            return cls(values["precision"], fitted, network=(folder / NETWORK, values["weights"]))
        except KeyError as error:
            raise EncoderError(
                f"{folder}: the setting {error} of the encoder is missing; build the store again."
            ) from error

    def _patches(self, pixels: NDArray[np.uint8]) -> Matrix:
        centred = (self._maps(pixels) - self._fitted.mean).reshape(-1, EARLY + LATE)
        early = unit_rows(centred[:, :EARLY] @ self._fitted.early)
        late = unit_rows(centred[:, EARLY:] @ self._fitted.late)
        return unit_rows(np.hstack([early, late]).reshape(len(pixels), self.dim))

    def _maps(self, pixels: NDArray[np.uint8]) -> Floats:
        return self._runtime.run(pixels, chunk=CHUNK)

    @cached_property
    def _weights_key(self) -> str:
        return self._given[1] if self._given else file_key(weights_file())

    @cached_property
    def _network_file(self) -> Path:
        if self._given:
            return self._given[0]
        example = {"pixels": np.zeros((2, SIZE, SIZE, 3), np.uint8)}
        return exported(
            self.name, f"{VERSION} {self._weights_key} {self._exact}", self._network, example, {"pixels": ("n",)}
        )

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self._network_file, self._precision, exact_convolutions=self._exact)

    @property
    def _exact(self) -> int:
        return 0 if self._precision == "fp32" else EXACT_CONVOLUTIONS

    def _network(self) -> "nn.Module":
        from sosie.encoders.networks.efficientnet_lite import FromPixels, efficientnet_lite0, for_bf16
        from sosie.encoders.networks.patch_maps import PatchMaps

        network = efficientnet_lite0(weights_file())
        return FromPixels(PatchMaps(for_bf16(network, self._exact) if self._exact else network))


def _square(picture: Picture) -> Pixels:
    return middle_square(picture, SIZE)


def _whitening(centred: NDArray[np.float64]) -> Floats:
    """The KEPT main directions of some centred rows, (rows, dim), each divided by its deviation, (dim, KEPT)."""
    from scipy.linalg import eigh

    size = centred.shape[1]
    variances, directions = eigh(centred.T @ centred / len(centred), subset_by_index=[size - KEPT, size - 1])
    floored = variances + FLOOR * variances[-1] + 1e-12  # so that equal patches become 0, and not unusable
    whitening: Floats = (directions * floored**-0.5)[:, ::-1].astype(np.float32)
    return whitening
