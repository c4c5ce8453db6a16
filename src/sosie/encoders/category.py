"""Shared levels of the category path: the deeper and the rarer the shared level, the more alike."""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log1p, sqrt
from pathlib import Path
from typing import Self

from sosie.encoders.bags import bag_vectors, frequent
from sosie.encoders.state import digest, fingerprint, read_state, reservoir, write_state
from sosie.text import folded
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
SAMPLE = 200_000  # products that frequencies are learnt from


class Category:
    """Encoder of the signal "category".

    Every prefix of every path ("A", "A > B", …) is a feature of weight sqrt(log(1 + N / n)), n of N products
    lying below it, so the cosine of two products is the share of their weight in the levels they have in common.
    """

    name = "category"
    signal = "category"
    dim = 256

    def __init__(self) -> None:
        self._total = 0
        self._counts: Counter[str] = Counter()
        self._axes: dict[str, int] = {}

    @property
    def fingerprint(self) -> str:
        """Names code and frequencies."""
        return fingerprint(self.name, VERSION, self.dim, self._total, self._counts)

    def fit(self, products: Iterable[Product]) -> None:
        """Count the products below each level."""
        sample = reservoir((product.category for product in products if product.category), SAMPLE)
        self._counts = Counter(prefix for paths in sample for prefix in _prefixes(paths))
        self._total = len(sample)
        self._axes = {prefix: at for at, prefix in enumerate(frequent(self._counts, self.dim // 2))}

    def content(self, product: Product) -> str:
        """Digest of the paths."""
        return digest("\n".join(sorted(_prefixes(product.category))))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        bags = [{prefix: self._weight(prefix) for prefix in _prefixes(product.category)} for product in products]
        return bag_vectors(bags, self._axes, self.dim)

    def encode_query(self, query: Query) -> Vector | None:
        """None: words are sought in the signals of text (`--category` limits the answers)."""
        return None

    def save(self, folder: Path) -> None:
        """Write the frequencies."""
        write_state(folder, self.name, {"total": self._total, "counts": self._counts})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        encoder = cls()
        encoder._total, encoder._counts = values["total"], Counter(values["counts"])
        encoder._axes = {prefix: at for at, prefix in enumerate(frequent(encoder._counts, cls.dim // 2))}
        return encoder

    def _weight(self, prefix: str) -> float:
        return sqrt(log1p((self._total + 1) / (self._counts[prefix] + 0.5)))


def _prefixes(paths: Sequence[str]) -> list[str]:
    """Every level of every path, once each: "A", "A > B", …; case, accents and spaces aside."""
    found: dict[str, None] = {}
    for path in paths:
        levels = [" ".join(folded(level).split()) for level in path.split(">")]
        levels = [level for level in levels if level]
        for depth in range(1, len(levels) + 1):
            found[" > ".join(levels[:depth])] = None
    return list(found)
