"""Shared attributes, the brand among them: the rarer a shared value, the more alike."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log1p, sqrt
from pathlib import Path
from typing import Self

from sosie.encoders.bags import bag_vectors, frequent
from sosie.encoders.state import digest, fingerprint, read_state, reservoir, write_state
from sosie.text import folded, tokens
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
SAMPLE = 100_000  # products that frequencies are learnt from
WORDS = 0.5  # what the words of a value weigh beside the value itself
DOUBT = 10  # products from which an attribute of nothing but different values is held for a number or a name
LEAST = 0.05  # what such an attribute still weighs


class Attributes:
    """Encoder of the signal "attributes".

    A value weighs by its rareness, log(1 + N / n), less when hardly any other product has it; its words share half
    of that weight, so that "dark blue" and "blue" are somewhat alike. An attribute whose values are almost all
    different (a serial number, a sentence) tells little and weighs little.
    """

    name = "attributes"
    signal = "attributes"
    dim = 256

    def __init__(self) -> None:
        self._total = 0
        self._counts: Counter[str] = Counter()  # products with a feature; those of one product only are left out
        self._trust: dict[str, float] = {}  # by name of the attribute
        self._axes: dict[str, int] = {}

    @property
    def fingerprint(self) -> str:
        """Names code and frequencies."""
        return fingerprint(self.name, VERSION, self.dim, self._total, self._counts, self._trust)

    def fit(self, products: Iterable[Product]) -> None:
        """Count values and their words, and how different each attribute's values are."""
        pairs = (list(_pairs(product)) for product in products)
        sample = reservoir((found for found in pairs if found), SAMPLE)
        counts: Counter[str] = Counter()
        values: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for found in sample:
            counts.update({feature for name, value in found for feature in _features(name, value)})
            for name, value in found:
                values[name][value] += 1
        self._total = len(sample)
        self._trust = {name: _trust(counted) for name, counted in sorted(values.items())}
        self._counts = Counter({feature: count for feature, count in sorted(counts.items()) if count > 1})
        self._axes = self._numbered()

    def content(self, product: Product) -> str:
        """Digest of brand and attributes."""
        return digest("\n".join(f"{name}={value}" for name, value in sorted(_pairs(product))))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        return bag_vectors([self._bag(product) for product in products], self._axes, self.dim)

    def encode_query(self, query: Query) -> Vector | None:
        """None: words are sought in the signals of text."""
        return None

    def save(self, folder: Path) -> None:
        """Write the frequencies."""
        write_state(folder, self.name, {"total": self._total, "counts": self._counts, "trust": self._trust})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        encoder = cls()
        encoder._total, encoder._trust = values["total"], values["trust"]
        encoder._counts = Counter(values["counts"])
        encoder._axes = encoder._numbered()
        return encoder

    def _numbered(self) -> dict[str, int]:
        return {feature: at for at, feature in enumerate(frequent(self._counts, self.dim // 2))}

    def _bag(self, product: Product) -> Mapping[str, float]:
        bag: dict[str, float] = {}
        for name, value in _pairs(product):
            whole, *words = _features(name, value)
            trust = self._trust.get(name, 1.0)
            bag[whole] = sqrt(trust * self._rareness(whole))
            for word in words:
                bag[word] = max(bag.get(word, 0.0), sqrt(trust * WORDS * self._rareness(word) / len(words)))
        return bag

    def _rareness(self, feature: str) -> float:
        count = self._counts[feature] or 1
        return log1p((self._total + 1) / count) * count / (count + 1)


def _pairs(product: Product) -> Iterator[tuple[str, str]]:
    """Name and value of everything compared; a cell `a|b` gives two."""
    for name, cell in (("brand", product.brand), *product.attributes.items()):
        for part in dict.fromkeys(cell.split("|")):
            value = " ".join(folded(part).split())
            if value:
                yield " ".join(folded(name).split()), value


def _features(name: str, value: str) -> list[str]:
    """The value itself, then its words."""
    return [f"{name}={value}", *(f"{name}:{word}" for word in dict.fromkeys(tokens(value)))]


def _trust(values: Counter[str]) -> float:
    total = values.total()
    return max(1 - len(values) / total * total / (total + DOUBT), LEAST)
