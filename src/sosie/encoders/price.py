"""Nearness of price within the scale of its category."""

from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite, log
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.state import fingerprint, read_state, unit_rows, write_state
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
FREQUENCIES = 32
PERIOD = 32.0  # in spreads: positions are held within a half of it, so that far never looks near
LEAST_SPREAD = 0.05  # of log price: 5% apart is about alike even where all prices agree
TRUST = 10  # products that a category needs to be believed as much as the catalogue
COMMON = "*"  # the currency of prices brought to one by a rate


class Price:
    """Encoder of the signal "price": a cosine of about 1 / (1 + d²), d the distance of log prices in spreads.

    d is measured in the spread of the category where both lie in one, and between categories from median to median
    in the spread of the catalogue. The vector holds sines and cosines of the position at evenly spaced frequencies,
    weighted by the spectrum of that kernel (after Rahimi & Recht, "Random Features for Large-Scale Kernel
    Machines", 2007). Currencies have axes of their own: cosine 0 between them unless `rates` brings both to a
    common one; a price without a currency counts in the catalogue's most frequent one, and a currency that the
    catalogue didn't hold when fitted can't be compared (zeros).
    """

    name = "price"
    signal = "price"

    def __init__(self, rates: Mapping[str, float] | None = None) -> None:
        self._rates = {currency.upper(): rate for currency, rate in sorted((rates or {}).items())}
        self._currencies: list[str] = [""]
        self.dim = 2 * FREQUENCIES  # times the currencies, once fitted
        self._scales: dict[str, dict[str, tuple[float, float]]] = {}  # by currency and category ("" = all of them)

    @property
    def fingerprint(self) -> str:
        """Names rates, currencies and scales."""
        return fingerprint(self.name, VERSION, FREQUENCIES, PERIOD, self._rates, self._currencies, self._scales)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn median and spread of log price of each category and currency."""
        logs: defaultdict[str, defaultdict[str, array[float]]] = defaultdict(lambda: defaultdict(lambda: array("d")))
        for product in products:
            found = self._log_price(product)
            if found is not None:
                logs[found[0]][_category(product)].append(found[1])
        sizes = {currency: sum(map(len, by.values())) for currency, by in logs.items()}
        named = sorted((c for c in sizes if c), key=lambda c: (-sizes[c], c))
        if "" in logs and named:  # a price without a currency is taken for one in the main currency
            for category, values in logs.pop("").items():
                logs[named[0]][category].extend(values)
        self._currencies = named or [""]
        self.dim = 2 * FREQUENCIES * len(self._currencies)
        self._scales = {currency: _scales(logs[currency]) for currency in self._currencies if currency in logs}

    def content(self, product: Product) -> str:
        """Price, currency and category."""
        found = self._log_price(product)
        return "" if found is None else f"{product.price!r} {product.currency.upper()} {_category(product)}"

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        places = {currency: at for at, currency in enumerate(self._currencies)}
        rows, blocks, positions = [], [], []
        for row, product in enumerate(products):
            found = self._log_price(product)
            currency = found[0] or self._currencies[0] if found else None
            if found and currency in places:
                rows.append(row)
                blocks.append(places[currency])
                positions.append(self._position(currency, _category(product), found[1]))
        omegas = 2 * np.pi / PERIOD * (np.arange(FREQUENCIES) + 0.5)
        angles = np.array(positions)[:, None] * omegas
        waves = np.exp(-omegas / 2)[None, :, None] * np.stack([np.cos(angles), np.sin(angles)], axis=2)
        out = np.zeros((len(products), len(self._currencies), 2 * FREQUENCIES), np.float32)
        out[rows, blocks] = unit_rows(waves.reshape(len(rows), 2 * FREQUENCIES))
        return out.reshape(len(products), self.dim)

    def encode_query(self, query: Query) -> Vector | None:
        """None: a question names no price to be near to (`--where` limits prices)."""
        return None

    def save(self, folder: Path) -> None:
        """Write rates, currencies and scales."""
        values = {"rates": self._rates, "currencies": self._currencies, "scales": self._scales}
        write_state(folder, self.name, values)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        encoder = cls(values["rates"])
        encoder._currencies = values["currencies"]
        encoder.dim = 2 * FREQUENCIES * len(encoder._currencies)
        encoder._scales = {
            currency: {category: (median, spread) for category, (median, spread) in scales.items()}
            for currency, scales in values["scales"].items()
        }
        return encoder

    def _log_price(self, product: Product) -> tuple[str, float] | None:
        """Currency (or COMMON) and log of a price that can be compared."""
        if product.price is None or not isfinite(product.price) or product.price <= 0:
            return None
        currency = product.currency.upper()
        if currency in self._rates:
            return COMMON, log(product.price * self._rates[currency])
        return currency, log(product.price)

    def _position(self, currency: str, category: str, value: float) -> float:
        scales = self._scales.get(currency, {})
        middle, wide = scales.get("", (0.0, 1.0))
        median, spread = scales.get(category, (middle, wide))
        position = (median - middle) / wide + (value - median) / spread
        return min(max(position, -PERIOD / 4), PERIOD / 4)


def _category(product: Product) -> str:
    return product.category[0].strip().casefold() if product.category else ""


def _scales(logs: Mapping[str, "array[float]"]) -> dict[str, tuple[float, float]]:
    by = {category: np.frombuffer(values) for category, values in logs.items()}
    everything = np.concatenate(list(by.values()))
    middle, wide = float(np.median(everything)), _spread(everything)
    rests = [own - np.median(own) for own in by.values() if len(own) > TRUST]
    usual = _spread(np.concatenate(rests)) if rests else wide  # of a category, where one has too few products to tell
    scales = {}
    for category, own in by.items():
        trust = len(own) / (len(own) + TRUST)
        scales[category] = (float(np.median(own)), trust * _spread(own) + (1 - trust) * usual)
    return scales | {"": (middle, wide)}


def _spread(values: NDArray[np.float64]) -> float:
    """Standard deviation as the middle half of the values has it, so that one price in cents doesn't stretch it."""
    low, high = np.quantile(values, [0.25, 0.75])
    return max(float(high - low) / 1.349, LEAST_SPREAD)
