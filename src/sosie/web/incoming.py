"""Products as they are sent: checked, and their pictures found or kept. Nothing is ever fetched."""

import os
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from sosie.catalog.pictures import SUFFIXES, Pictures
from sosie.config import Serving
from sosie.errors import CatalogueError
from sosie.media.picture import check_header
from sosie.store import Snapshot
from sosie.store.files import explained
from sosie.types import Matrix, Product, Review
from sosie.web.problems import Problem
from sosie.web.replies import picture_address
from sosie.web.schemas import Asked, Id

UPLOADED = "uploaded"  # the folder of the store in which pictures that were sent are kept, by their content
Text = Annotated[str, Field(max_length=1_000)]
Word = Annotated[str, Field(min_length=1, max_length=200)]
Named = Annotated[dict[Word, Annotated[str, Field(max_length=4_000)]], Field(max_length=500)]
Price = Annotated[float, Field(ge=0, le=1e12)]
Address = Annotated[str, Field(max_length=2_000, pattern=r"^$|^https?://|^/$|^/[^/]")]


class ReviewBody(Asked):
    """What one customer wrote."""

    text: Annotated[str, Field(max_length=20_000)]
    rating: Annotated[float | None, Field(ge=0, le=5)] = None


class ProductBody(Asked):
    """A product as it is sent: all of it, what is left out is not known of it."""

    title: Text = ""
    text: Annotated[str, Field(max_length=100_000, description="Description, as plain text or HTML.")] = ""
    category: Annotated[
        tuple[Text, ...], Field(max_length=50, description="Paths, the main one first.", examples=[["Women > Dresses"]])
    ] = ()
    brand: Text = ""
    price: Price | None = None
    currency: Annotated[str, Field(max_length=10, examples=["EUR"])] = ""
    sale_price: Price | None = None
    attributes: Annotated[Named, Field(default_factory=dict, description="Compared: material, size …")]
    other: Annotated[Named, Field(default_factory=dict, description="For filters; never compared.")]
    identifiers: Annotated[Named, Field(default_factory=dict, description="gtin, mpn, model, sku …")]
    images: Annotated[
        tuple[Text, ...],
        Field(max_length=64, description="Names of files below the catalogue's folder of pictures; never addresses."),
    ] = ()
    reviews: Annotated[tuple[ReviewBody, ...], Field(max_length=1_000)] = ()
    rating: Annotated[float | None, Field(ge=0, le=5)] = None
    rating_count: Annotated[int | None, Field(ge=0, le=2**53)] = None
    available: bool | None = None
    stock: Annotated[float | None, Field(ge=-1e12, le=1e12)] = None
    url: Annotated[Address, Field(description="Its page: an address of http or https, or a path.")] = ""
    language: Annotated[str, Field(max_length=20)] = ""
    group: Annotated[str, Field(max_length=500, description="Shared by the variants of one product.")] = ""


class ProductLine(ProductBody):
    """A line of an import: a product with its id; vectors made elsewhere by signal."""

    id: Id
    vectors: Annotated[
        dict[str, Annotated[tuple[float, ...], Field(min_length=1, max_length=8_192)]],
        Field(default_factory=dict, description="Vectors made elsewhere, by signal."),
    ]


class Finder:
    """Finds the pictures that products name: below the catalogue's folders, and those that the product has already."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._pictures: Pictures | None = None
        source = snapshot.manifest.source
        if named := source.get("catalogue"):
            catalogue = Path(str(named))
            images = Path(str(source["images"])) if source.get("images") else None
            try:
                self._pictures = Pictures(catalogue if catalogue.is_dir() else catalogue.parent, images, None)
            except CatalogueError:
                return  # the folder isn't on this machine: pictures can only be sent

    def find(self, id: str, images: Sequence[str]) -> tuple[str, ...]:
        """Paths of the pictures of a product. Raises Problem for an address, and what is not there or not allowed."""
        return tuple(self._one(id, name) for name in images)

    def _one(self, id: str, name: str) -> str:
        row = self._snapshot.row(id)
        if row is not None and name.startswith("/pictures/"):
            own = self._snapshot.products([row])[0].images
            for at, path in enumerate(own):
                if name.partition("?")[0] == picture_address(id, at).partition("?")[0]:
                    return path
        if "://" in name or name.startswith("//"):
            raise Problem(422, f"images: {name[:100]!r} is an address, and none is fetched; send the file itself.")
        if self._pictures is None:
            raise Problem(422, f"images: {name[:100]!r} can't be found: the catalogue's folder isn't on this machine.")
        try:
            path = self._pictures.find(name)
        except ValueError as error:
            raise Problem(422, f"images: {name[:100]!r} {error}.") from error
        if Path(path).suffix.lower() not in SUFFIXES or not Path(path).is_file():
            raise Problem(422, f"images: {name[:100]!r} is not there, or no picture.")
        return path


def product_of(body: ProductBody, id: str, images: tuple[str, ...]) -> Product:
    """The product that was sent."""
    said = {name: getattr(body, name) for name in ProductBody.model_fields if name not in ("images", "reviews")}
    reviews = tuple(Review(one.text, one.rating) for one in body.reviews)
    return Product(id=id, images=images, reviews=reviews, **said)


def vectors_of(lines: Sequence[ProductLine]) -> dict[str, Matrix]:
    """Raw vectors of lines by signal, (lines, dim); zeros where a line has none. Raises Problem: lengths differ."""
    signals = dict.fromkeys(signal for line in lines for signal in line.vectors)
    found = {}
    for signal in signals:
        lengths = {len(line.vectors[signal]) for line in lines if signal in line.vectors}
        if len(lengths) > 1:
            raise Problem(422, f"vectors.{signal}: lengths differ: {', '.join(map(str, sorted(lengths)))}.")
        matrix = np.zeros((len(lines), lengths.pop()), np.float32)
        for at, line in enumerate(lines):
            if signal in line.vectors:
                matrix[at] = line.vectors[signal]
        found[signal] = matrix
    return found


def keep_picture(store: Path, content: bytes, serving: Serving) -> str:
    """Keep a picture that was sent, by its content; returns its path. Raises PictureError, Problem, StoreError."""
    if len(content) > serving.picture_mb * 1_000_000:
        raise Problem(413, f"images: one is larger than {serving.picture_mb} MB; send a smaller one.")
    folder = store / UPLOADED
    with explained(store, "keep a picture"):
        folder.mkdir(exist_ok=True)
        file = folder / f"{blake2b(content, digest_size=16).hexdigest()}.picture"
        with NamedTemporaryFile(dir=folder, prefix=".new-", delete=False) as sink:
            fresh = Path(sink.name)
            try:
                sink.write(content)
                sink.flush()
                os.fsync(sink.fileno())
                check_header(fresh, "images", serving.picture_megapixels * 1_000_000)
            except BaseException:
                fresh.unlink()
                raise
        fresh.replace(file)
    return str(file.resolve())


def told_fields() -> dict[str, Any]:
    """An example of a product that is sent."""
    return {
        "title": "Linen dress, red",
        "text": "A light dress for warm days.",
        "category": ["Women > Dresses"],
        "brand": "Sosie",
        "price": 49.0,
        "currency": "EUR",
        "attributes": {"material": "linen"},
        "images": ["dress-red.jpg"],
        "available": True,
    }
