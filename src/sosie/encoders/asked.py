"""Many questions at once: one pass through the network where an encoder can, one after the other where not."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from sosie.types import Encoder, Matrix, Query, Vector


@runtime_checkable
class OfMany(Protocol):
    """An encoder that takes several questions together."""

    def encode_queries(self, queries: Sequence[Query]) -> list[Vector | None]:
        """The same as `encode_query` of each, in their order. Raises PictureError where any can't be read."""


def encode_queries(encoder: Encoder, queries: Sequence[Query]) -> list[Vector | None]:
    """Vectors of questions in their order; None where one says nothing to the signal. Raises PictureError."""
    if isinstance(encoder, OfMany):
        return encoder.encode_queries(queries)
    return [encoder.encode_query(query) for query in queries]


def texts_at_once(encoder: "Embedder", queries: Sequence[Query]) -> list[Vector | None]:
    """Vectors of the words of questions, those that have any in one pass."""
    worded = [at for at, query in enumerate(queries) if query.text.strip()]
    found: list[Vector | None] = [None] * len(queries)
    if worded:
        for at, vector in zip(worded, encoder.embed([queries[at].text for at in worded]), strict=True):
            found[at] = vector
    return found


class Embedder(Protocol):
    """What reads texts many at a time."""

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order."""
