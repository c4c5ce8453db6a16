"""One row of a catalogue made a product; what can't be read of it is dropped by name, the rest is kept."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from sosie.catalog.guess import Plan
from sosie.catalog.money import SIGNS, parse_money
from sosie.catalog.names import separate_reason
from sosie.catalog.pictures import Pictures
from sosie.catalog.values import (
    LEVEL,
    flat,
    is_url,
    nothing,
    parse_available,
    parse_category,
    parse_count,
    parse_facets,
    parse_list,
    parse_object,
    parse_pairs,
    parse_rating,
    split_pictures,
)
from sosie.text import language, plain
from sosie.types import Product, Reject, Review

RAW = 2_000  # characters of a faulty cell that are kept
LANGUAGE_CHARS = 100  # of the description, beside the title
IDENTIFIERS = ("gtin", "mpn", "model", "sku")
Row = Mapping[str, str]
T = TypeVar("T")
_SUBTAG = re.compile("[-_]")

_separate = lru_cache(maxsize=1 << 12)(separate_reason)
_clean = lru_cache(maxsize=1 << 14)(plain)
_language = lru_cache(maxsize=1 << 14)(language)
_METAFIELD = re.compile(r"\s*\((?:product\.)?metafields\.[^)]*\)")


@dataclass(frozen=True, slots=True)
class Parser:
    """Reads rows by a plan."""

    plan: Plan
    pictures: Pictures

    def product(self, id: str, number: int, row: Row, reviews: tuple[Review, ...]) -> tuple[Product, list[Reject]]:
        """The product of a row, and the faults for which fields of it were dropped (none is fatal)."""
        faults: list[Reject] = []
        fields = self.plan.fields

        def cell(field: str) -> str:
            for name in fields.get(field, ()):
                value = row[name].strip()
                if value:
                    return value
            return ""

        def read(field: str, parse: Callable[[str], T]) -> T | None:
            value = cell(field) if field in fields else ""
            if not value:
                return None
            try:
                return parse(value)
            except ValueError as error:
                faults.append(Reject(number, field, str(error), value[:RAW], fatal=False))
                return None

        title, text = _clean(cell("title")), self._text(row)
        price, sale_price, currency = self._prices(read)
        stated = cell("currency")
        stock = read("stock", parse_count)
        available = read("available", parse_available)
        rating = read("rating", lambda value: parse_rating(value, self.plan.scale))
        count = read("rating_count", parse_count)
        told = (*self._reviews(row), *reviews)
        images = self._files("images", row, number, faults)
        videos = self._files("videos", row, number, faults)
        attributes, other = self._attributes(row)
        category = self._category(row)
        brand = "" if nothing(named := cell("brand")) else _clean(named)
        for facet, values in self._facets(row).items():
            if facet.casefold() == "category":
                category = category or (LEVEL.join(values),)
            elif facet.casefold() == "brand":
                brand = brand or values[0]
            else:
                attributes.setdefault(facet, ", ".join(values))
        product = Product(
            id=id,
            title=title,
            text=text,
            category=category,
            brand=brand,
            price=price,
            currency=(_currency(stated) if stated else "") or currency,
            sale_price=sale_price,
            attributes=attributes,
            other=other,
            identifiers=self._identifiers(row),
            images=images,
            videos=videos,
            reviews=told,
            rating=_mean(told) if rating is None else rating,
            rating_count=int(count) if count is not None else len(told) or None,
            available=stock > 0 if available is None and stock is not None else available,
            stock=stock,
            url=cell("url"),
            language=_SUBTAG.split(cell("language").casefold())[0] or _language(f"{title} {text[:LANGUAGE_CHARS]}"),
            group=cell("group") or id,
        )
        return product, faults

    def _text(self, row: Row) -> str:
        parts: list[str] = []
        for field in ("text", "more_text"):
            for name in self.plan.fields.get(field, ()):
                value = row[name]
                if not value:
                    continue
                listed = parse_list(value) if value.startswith("[") else None
                part = _clean("; ".join(map(flat, listed)) if listed is not None else value)
                if part and not nothing(part) and not any(part in earlier for earlier in parts):
                    parts.append(part)
        return "\n".join(parts)

    def _prices(
        self, read: Callable[[str, Callable[[str], tuple[float | None, str]]], tuple[float | None, str] | None]
    ) -> tuple[float | None, float | None, str]:
        """Regular price, sale price (where lower) and currency."""
        plan = self.plan

        def money(field: str) -> tuple[float | None, str]:
            comma = any(name in plan.comma for name in plan.fields.get(field, ()))
            return read(field, lambda value: parse_money(value, comma)) or (None, "")

        price, currency = money("price")
        sale, of_sale = money("sale_price") if "sale_price" in plan.fields else (None, "")
        if "list_price" in plan.fields:
            regular, _ = money("list_price")
            if regular is not None and price is not None and regular > price and sale is None:
                price, sale = regular, price
        currency = currency or of_sale or plan.currency
        if currency == "CNY" and plan.yen:
            currency = "JPY"
        return price, sale, currency

    def _category(self, row: Row) -> tuple[str, ...]:
        plan = self.plan
        columns = plan.fields.get("category", ())
        if plan.levels:
            levels = [value for name in columns if not nothing(value := _clean(row[name]))]
            # A level that only repeats the one above says nothing new.
            kept = [value for at, value in enumerate(levels) if at == 0 or value != levels[at - 1]]
            return (LEVEL.join(kept),) if kept else ()
        paths = (p for name in columns if row[name] for p in parse_category(_clean(row[name]), plan.styles[name]))
        return tuple(dict.fromkeys(paths))

    def _files(self, field: str, row: Row, number: int, faults: list[Reject]) -> tuple[str, ...]:
        """Pictures or videos, each once: absolute paths, and addresses of videos."""
        found: dict[str, None] = {}
        for name in self.plan.fields.get(field, ()):
            value = row[name]
            if not value or nothing(value):
                continue
            for ref in split_pictures(value):
                try:
                    path = ref if field == "videos" and is_url(ref) else self.pictures.find(ref)
                except ValueError as error:
                    faults.append(Reject(number, field, f"'{name}' {error}", ref[:RAW], fatal=False))
                    continue
                if path:
                    found[path] = None
        return tuple(found)

    def _identifiers(self, row: Row) -> dict[str, str]:
        out = {}
        for field in IDENTIFIERS:
            for name in self.plan.fields.get(field, ()):
                value = row[name].strip().lstrip("'")
                if not nothing(value):
                    out[field] = value
        return out

    def _reviews(self, row: Row) -> tuple[Review, ...]:
        return tuple(r for name in self.plan.fields.get("reviews", ()) if row[name] for r in parse_reviews(row[name]))

    def _facets(self, row: Row) -> dict[str, list[str]]:
        cells = [row[name] for name in self.plan.fields.get("facets", ()) if row[name]]
        return parse_facets("|".join(cells)) if cells else {}

    def _attributes(self, row: Row) -> tuple[dict[str, str], dict[str, str]]:
        attributes: dict[str, str] = {}
        other = {name: value for name in self.plan.other if (value := row[name].strip())}
        spread = self.plan.spread
        for name in self.plan.attributes:
            value = row[name]
            if not value or nothing(value):
                continue
            pairs = parse_pairs(value) if name in spread else None
            if pairs is None:
                attributes[attribute_name(name)] = _attribute(value)
                continue
            for key, inner in pairs.items():
                if not nothing(inner):
                    kept = other if _separate(key) else attributes
                    kept.setdefault(key, _attribute(inner))
        return attributes, other


@lru_cache(maxsize=1 << 12)
def attribute_name(column: str) -> str:
    """The name of an attribute, without what a format adds to it ("Google Shopping / Gender", metafields)."""
    return _METAFIELD.sub("", column.rsplit(" / ", 1)[-1]).strip()


@lru_cache(maxsize=1 << 16)
def _attribute(value: str) -> str:
    listed = parse_list(value)
    return flat(listed) if listed is not None else plain(value)


def _currency(cell: str) -> str:
    if nothing(cell):
        return ""
    return cell.upper() if len(cell) == 3 and cell.isascii() else SIGNS.get(cell, cell)


def _mean(reviews: tuple[Review, ...]) -> float | None:
    ratings = [review.rating for review in reviews if review.rating is not None]
    return sum(ratings) / len(ratings) if ratings else None


def parse_reviews(cell: str) -> list[Review]:
    """The reviews of a cell: a JSON list of texts or of objects with text and rating, or texts parted by "||"."""
    listed = parse_list(cell)
    if listed is None:
        single = parse_object(cell)
        listed = [single] if single is not None else list(cell.split("||"))
    out = []
    for item in listed:
        rating = None
        said = item
        if isinstance(item, dict):
            keys = {str(key).casefold(): value for key, value in item.items()}
            said = next(
                (
                    keys[k]
                    for k in ("text", "review", "comment", "body", "content", "reviewtext", "评论", "内容")
                    if keys.get(k)
                ),
                "",
            )
            given = next(
                (keys[k] for k in ("rating", "stars", "score", "overall", "评分") if keys.get(k) is not None), None
            )
            try:
                rating = parse_rating(str(given), 5.0) if given is not None else None
            except ValueError:
                rating = None
        text = plain(flat(said))
        if text and not nothing(text):
            out.append(Review(text, rating))
    return out


def urls_of(cell: str) -> list[str]:
    """The addresses among the pictures of a cell."""
    return [ref for ref in split_pictures(cell) if is_url(ref)]
