"""Products that are written live: completed as a build completes them, and made into vectors by the frozen encoders."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from sosie.engine.encode import encode_products
from sosie.engine.reading import PRESENT
from sosie.engine.writing import final
from sosie.errors import CatalogueError
from sosie.store import Snapshot, VectorCache, records_of
from sosie.text import language, plain
from sosie.types import Encoder, Matrix, Product, Vector

LONGEST_ID = 500  # characters, as in a catalogue
LANGUAGE_CHARS = 100  # of the description, beside the title
SAME = 1e-4  # largest difference between two vectors that are equal but for rounding

Basis = tuple[tuple[str, str, float, int], ...]


@dataclass(frozen=True, slots=True)
class Made:
    """Final vectors of one product, the record that it replaces, and what the vectors were made with."""

    vectors: Mapping[str, Vector]
    before: bytes | None
    basis: Basis


@dataclass(slots=True)
class Item:
    """One product to be written; `given` are raw vectors that its sender made."""

    product: Product
    record: bytes
    given: Mapping[str, Vector] = field(default_factory=dict)
    made: Made | None = None  # None where nothing of it is new


def items_of(snapshot: Snapshot, products: Sequence[Product], vectors: Mapping[str, Matrix] | None) -> list[Item]:
    """Products ready to be made into vectors. Raises CatalogueError: an unusable id, vectors that don't fit."""
    whole = [completed(product) for product in products]
    given = {signal: _unit_rows(snapshot, signal, matrix, len(whole)) for signal, matrix in (vectors or {}).items()}
    return [
        Item(product, record, {signal: rows[at] for signal, rows in given.items()})
        for at, (product, record) in enumerate(zip(whole, records_of(whole), strict=True))
    ]


def completed(product: Product) -> Product:
    """A product with what a build works out where a catalogue doesn't say it: language, group, stock, rating.

    Raises CatalogueError for an id that no store takes.
    """
    id = product.id
    if not id or len(id) > LONGEST_ID or any(ord(c) < 32 or ord(c) == 127 for c in id):
        raise CatalogueError(
            f"product id {id[:40]!r}: is empty, longer than {LONGEST_ID} characters or holds line breaks."
        )
    title, text = (plain(words) if "<" in words or "&" in words else words for words in (product.title, product.text))
    ratings = [review.rating for review in product.reviews if review.rating is not None]
    rating = sum(ratings) / len(ratings) if ratings and product.rating is None else product.rating
    in_stock = product.stock > 0 if product.available is None and product.stock is not None else product.available
    return replace(
        product,
        title=title,
        text=text,
        language=product.language or language(f"{title} {text[:LANGUAGE_CHARS]}"),
        group=product.group or id,
        available=in_stock,
        rating=rating,
        rating_count=len(product.reviews) or None if product.rating_count is None else product.rating_count,
    )


def _unit_rows(snapshot: Snapshot, signal: str, matrix: Matrix, count: int) -> Matrix:
    """Raw vectors as they were given, of unit length, (count, raw dim); zeros stay zeros."""
    if signal not in snapshot.signals:
        raise CatalogueError(
            f"vectors: there is no signal '{signal}'; this store has {', '.join(snapshot.signals) or 'none'}."
        )
    rows = np.ascontiguousarray(matrix, np.float32)
    wanted = (count, len(snapshot.scales[signal].mean))
    if rows.shape != wanted:
        raise CatalogueError(f"vectors: '{signal}' has the shape {rows.shape}; these products need {wanted}.")
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    if not np.isfinite(length).all():
        raise CatalogueError(f"vectors: '{signal}' holds values that are not finite numbers.")
    unit: Matrix = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0, casting="same_kind")
    return unit


def basis_of(snapshot: Snapshot) -> Basis:
    """What vectors of a store are made with; equal ones fit beside each other."""
    states = snapshot.manifest.signals.items()
    return tuple((signal, state.fingerprint, state.sigma, state.dim) for signal, state in states)


def is_same(snapshot: Snapshot, row: int, record: bytes, item: Item) -> bool:
    """Whether a product stands in the store as it is to be written; `record` is that of its row."""
    if record != item.record:
        return False
    made = item.made.vectors if item.made is not None else {}
    return all(
        signal in made and np.allclose(made[signal], snapshot.vectors(signal, [row])[0], rtol=0, atol=SAME)
        for signal in item.given
    )


def make(snapshot: Snapshot, items: Sequence[Item], encoders: Callable[[str], Encoder], cache: VectorCache) -> None:
    """Make the vectors of items of different ids, where they are not in the store already. Raises EncoderError.

    Where what an encoder reads of a product is what it was, its vector stays; so do vectors made elsewhere.
    """
    rows = snapshot.rows([item.product.id for item in items]).tolist()
    records: list[bytes | None] = [snapshot.raw_records(np.array([row]))[0] if row >= 0 else None for row in rows]
    fresh = [at for at, item in enumerate(items) if item.given or records[at] is None or records[at] != item.record]
    products = [items[at].product for at in fresh]
    before = [rows[at] for at in fresh]
    old = [snapshot.products([row])[0] if row >= 0 else None for row in before]
    made: list[dict[str, Vector]] = [{} for _ in fresh]
    for signal, scale in snapshot.scales.items():
        given = [at for at, place in enumerate(fresh) if signal in items[place].given]
        if given:
            raw = np.stack([items[fresh[at]].given[signal] for at in given])
            for at, vector in zip(given, final(signal, raw, scale), strict=True):
                made[at][signal] = vector
        encoder = encoders(signal) if signal in PRESENT and len(given) < len(fresh) else None
        todo = []
        for at, product in enumerate(products):
            if signal in made[at]:
                continue
            stays = _kept(snapshot, signal, before[at], old[at], product, encoder)
            if stays is not None:
                made[at][signal] = stays
            elif encoder is not None:
                todo.append(at)
        if todo and encoder is not None:
            raw, _ = encode_products(encoder, [products[at] for at in todo], cache)
            for at, vector in zip(todo, final(signal, raw, scale), strict=True):
                made[at][signal] = vector
    basis = basis_of(snapshot)
    for at, place in enumerate(fresh):
        items[place].made = Made(made[at], records[place], basis)


def _kept(
    snapshot: Snapshot, signal: str, row: int, old: Product | None, new: Product, encoder: Encoder | None
) -> Vector | None:
    """The vector that a product has already, where it is still right; None where it has to be made."""
    if old is None:
        return None
    vector: Vector = snapshot.vectors(signal, [row])[0]
    if encoder is None:
        return vector
    content = encoder.content(new)
    # A picture that could not be read when the row was written may be there by now.
    return vector if encoder.content(old) == content and (vector.any() or not content) else None
