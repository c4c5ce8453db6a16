"""What is kept of every product of a stream: numbers, counts and the first examples of each fault."""

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from sosie.catalog.check.kinds import KINDS
from sosie.catalog.check.pictures import Sample, key_of
from sosie.catalog.check.texts import (
    ENDS,
    LEAST_TEXT,
    LEAST_TITLE,
    SEASONS,
    UPDATES,
    garbled,
    is_placeholder,
    is_short,
    last_date,
    season_year,
)
from sosie.text import language
from sosie.types import Example, Finding, Product

EXAMPLES = 20  # of each finding
PICTURES_A_PRODUCT = 4  # as many as a build looks at
CATEGORIES = 100_000  # judged for prices
COLUMNS = 2_000  # judged for dates
LANGUAGE_READ = 120  # characters of a description
SURE_LANGUAGE = 80  # characters: names in shorter texts pass for another language
SHOWN = 120  # characters of a value

OF_PICTURES = frozenset({"unreadable-picture", "blank-picture", "tiny-picture", "near-same-picture"})


class Tally:
    """How often each kind was found, and its first examples."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, list[Example]] = defaultdict(list)

    def add(self, kind: str, row: int, id: str, value: str = "", picture: str = "") -> None:
        """Count one case; the first of each kind are kept as examples."""
        self.counts[kind] += 1
        if len(self.examples[kind]) < EXAMPLES:
            self.examples[kind].append(Example(row, id, _short(value), picture))

    def findings(self, products: int, rejected: int, examined: int) -> tuple[Finding, ...]:
        """All kinds found, what harms most first; shares are of the rows, or of the pictures examined."""
        found = []
        for kind, count in self.counts.items():
            told, wrong, examples = KINDS[kind], KINDS[kind].wrong, tuple(self.examples[kind])
            if kind.startswith("no-") and count == products:
                wrong, examples = wrong.replace("Products without", "No product has"), ()
            share = count / max(1, examined if kind in OF_PICTURES else products + rejected)
            found.append(Finding(kind, told.weight, count, round(share, 6), wrong, told.advice, examples))
        return tuple(sorted(found, key=lambda finding: (-finding.weight * finding.share, finding.kind)))


class Ids:
    """Ids by number, packed: millions of separate strings would take gigabytes."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])

    def add(self, id: str) -> None:
        """Append one."""
        self._bytes += id.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def __getitem__(self, at: int) -> str:
        return bytes(self._bytes[self._ends[at] : self._ends[at + 1]]).decode("utf-8", "surrogatepass")


@dataclass(slots=True)
class Column:
    """A column that may hold dates: values seen, those that are dates, those that are over, the newest."""

    role: str
    values: int = 0
    dates: int = 0
    over: list[Example] = field(default_factory=list)
    count: int = 0
    newest: date | None = None


class Seen:
    """What is kept of every product: numbers only."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.tally = Tally()
        self.ids = Ids()
        self.rows = array("q")
        self.groups = array("Q")
        self.everything = array("Q")
        self.titles = array("Q")  # 0: none
        self.texts = array("Q")
        self.prices = array("d")
        self.categories = array("i")  # -1: not judged
        self.category_codes: dict[tuple[str, str], int] = {}
        self.currencies: Counter[str] = Counter()
        self.currency_examples: dict[str, list[Example]] = defaultdict(list)
        self.picture_keys = array("Q")
        self.picture_owners = array("q")
        self.sample = Sample()
        self.languages: Counter[str] = Counter()
        self.language_examples: dict[str, list[Example]] = defaultdict(list)
        self.columns: dict[str, Column | None] = {}

    def add(self, row: int, product: Product) -> None:
        """Judge a product by itself and keep what judging the whole needs."""
        at = len(self.ids)
        self.ids.add(product.id)
        self.rows.append(row)
        self.groups.append(key_of(product.group or product.id))
        self.everything.append(_everything(product))
        self.titles.append(key_of(product.title.casefold()) if product.title else 0)
        self.texts.append(key_of(product.text.casefold()) if product.text else 0)
        self._add_price(row, product)
        for ref in product.images[:PICTURES_A_PRODUCT]:
            key = key_of(ref)
            self.picture_keys.append(key)
            self.picture_owners.append(at)
            self.sample.add(key, ref, at)
        for kind, value in _faults(product):
            self.tally.add(
                kind, row, product.id, value, product.images[0] if kind == "no-title" and product.images else ""
            )
        self._add_language(row, product)
        for name, value in (*product.attributes.items(), *product.other.items()):
            self._add_date(row, product.id, name, value)

    def _add_price(self, row: int, product: Product) -> None:
        path = (product.category[0] if product.category else "", product.currency)
        code = self.category_codes.get(path)
        if code is None:
            code = len(self.category_codes) if len(self.category_codes) < CATEGORIES else -1
            if code >= 0:
                self.category_codes[path] = code
        priced = product.price is not None and product.price > 0
        self.prices.append(product.price if priced and product.price is not None else np.nan)
        self.categories.append(code)
        if priced and product.currency:
            currency = product.currency.upper()
            self.currencies[currency] += 1
            if len(self.currency_examples[currency]) < EXAMPLES:
                self.currency_examples[currency].append(
                    Example(row, product.id, _short(f"{product.price:,.2f} for {product.title}"))
                )

    def _add_language(self, row: int, product: Product) -> None:
        text = f"{product.title} {product.text[:LANGUAGE_READ]}"
        found = language(text)
        if found == "other" and len(text) < SURE_LANGUAGE:
            found = ""
        self.languages[found] += 1
        examples = self.language_examples[found]
        if len(examples) < EXAMPLES:
            examples.append(Example(row, product.id, _short(product.title or product.text)))

    def _add_date(self, row: int, id: str, name: str, value: str) -> None:
        if name not in self.columns:
            if len(self.columns) >= COLUMNS:
                return
            role = _role(name)
            self.columns[name] = Column(role) if role else None
        column = self.columns[name]
        if column is None or not value.strip():
            return
        column.values += 1
        over = False
        if column.role == "season":
            year = season_year(value)
            column.dates += year is not None
            over = year is not None and year < self.today.year - 1
        else:
            day = last_date(value)
            column.dates += day is not None
            if day is not None:
                column.newest = max(day, column.newest or day)
                over = column.role == "end" and day < self.today
        if over:
            column.count += 1
            if len(column.over) < EXAMPLES:
                column.over.append(Example(row, id, _short(f"{name}: {value}")))

    def example(self, at: int, value: str = "", picture: str = "") -> tuple[int, str, str, str]:
        """Row and id of the product number `at`, with what was found there."""
        return self.rows[at], self.ids[at], value, picture


def _role(name: str) -> str:
    if ENDS.search(name):
        return "end"
    if SEASONS.fullmatch(name.strip()):
        return "season"
    return "update" if UPDATES.search(name) else ""


def _everything(product: Product) -> int:
    attributes = (f"{name}\x1e{value}" for name, value in sorted(product.attributes.items()))
    price = f"{product.price}\x1e{product.currency}\x1e{product.sale_price}"
    return key_of(
        product.title,
        product.text,
        product.brand,
        price,
        "\x1e".join(product.category),
        "\x1e".join(product.images),
        *attributes,
    )


def _faults(product: Product) -> Iterator[tuple[str, str]]:
    for kind, present in (
        ("no-title", product.title),
        ("no-text", product.text),
        ("no-category", product.category),
        ("no-brand", product.brand),
        ("no-attributes", product.attributes),
        ("no-picture", product.images),
    ):
        if not present:
            yield kind, "" if kind == "no-title" else product.title
    if product.price is None:
        yield "no-price", product.title
    elif product.price <= 0:
        yield "price-not-positive", f"{product.price:g} {product.currency}"
    elif product.sale_price is not None and product.sale_price > product.price:
        yield "sale-above-price", f"{product.sale_price:g} instead of {product.price:g} {product.currency}"
    if product.sale_price is not None and product.sale_price <= 0:
        yield "price-not-positive", f"sale price {product.sale_price:g}"
    yield from _text_faults(product)


def _text_faults(product: Product) -> Iterator[tuple[str, str]]:
    named = (("title", product.title), ("description", product.text), ("brand", product.brand))
    if held := next(((name, text) for name, text in named if is_placeholder(text)), None):
        yield "placeholder-text", f"{held[0]}: {held[1]}"
    elif is_short(product.title, LEAST_TITLE):
        yield "short-text", f"title: {product.title}"
    elif is_short(product.text, LEAST_TEXT):
        yield "short-text", f"description: {product.text}"
    for name, text in named:
        if text and (why := garbled(text)):
            yield "garbled-text", f"{name}, {why}: {text}"
            return


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
