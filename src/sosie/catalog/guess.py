"""Which column holds what: by name, by what a sample of its cells looks like, and as the person said."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType

import polars as pl

from sosie.catalog import names
from sosie.catalog.frames import MORE
from sosie.catalog.money import decimal_comma
from sosie.catalog.pictures import SUFFIXES
from sosie.catalog.values import CategoryStyle, category_style, is_url, parse_pairs, rating_scale, split_pictures
from sosie.errors import CatalogueError
from sosie.types import NOTHING

NOTHING_GIVEN: Mapping[str, Sequence[str]] = MappingProxyType({})
ENOUGH = 20  # rows from which a column's statistics say something
LONG = 120  # characters of a text that is no attribute any more
_CLIP = re.compile(r"\.(?:mp4|m4v|mov|webm|mkv|avi|ogv|mpe?g|wmv|flv)\b", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d+(?:[.,]\d+)?")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}.*|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}.*|\d{4}年.*")
_KANA = re.compile("[ぁ-ヿ]")


@dataclass(frozen=True, slots=True)
class Guess:
    """What was recognised in a catalogue, for a person to look at before the work begins."""

    format: str
    encoding: str
    delimiter: str
    fields: Mapping[str, str]  # column -> field
    attributes: tuple[str, ...]  # columns that are compared as attributes
    ignored: Mapping[str, str]  # column that is kept but never compared -> why
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How every column is read; equal plans read equal rows equally."""

    fields: Mapping[str, tuple[str, ...]]  # field -> its columns, the main one first
    attributes: tuple[str, ...]
    other: tuple[str, ...]
    spread: frozenset[str] = frozenset()  # attributes whose cells hold several pairs
    levels: bool = False  # the columns of the category are levels of one path
    styles: Mapping[str, CategoryStyle] = field(default_factory=dict)
    comma: frozenset[str] = frozenset()  # columns of money with decimals after a comma
    currency: str = ""  # of prices that do not say it themselves
    yen: bool = False  # "¥" is the Japanese one
    scale: float = 5.0  # the largest rating of the catalogue


def make_plan(
    columns: Sequence[str],
    rows: pl.DataFrame,
    *,
    whole: bool,
    mapping: Mapping[str, str],
    ignore: Sequence[str],
    given: Mapping[str, Sequence[str]] = NOTHING_GIVEN,
    separate: Mapping[str, str] = NOTHING,
) -> tuple[Plan, Mapping[str, str], list[str]]:
    """Decide what every column is.

    `rows` is a sample, or all there is (`whole`). `given` fields and `separate` columns (with why) are known from the
    format; `mapping` and `ignore` are the person's word and come first. Columns named with "#" were made by a format
    and are read only where they are given, but for MORE, which holds further attributes. Returns the plan, the reason
    of every column that is kept apart, and notes. Raises CatalogueError for unknown fields and columns.
    """
    return _Guesser(list(columns), rows, whole, dict(separate)).plan(mapping, ignore, given)


class _Guesser:
    def __init__(self, columns: list[str], rows: pl.DataFrame, whole: bool, separate: dict[str, str]) -> None:
        self.columns = [name for name in columns if not name.startswith("#")]
        self.made = {name for name in columns if name.startswith("#")}
        self.rows = rows
        self.whole = whole
        self.separate = separate
        self.fields: dict[str, tuple[str, ...]] = {}
        self.notes: list[str] = []
        self.levels = False
        self.cells = {name: [c for c in rows[name].head(5_000).to_list() if c and c.strip()] for name in columns}
        self.compact = {name: names.without_currency(name)[0] for name in columns}

    def plan(
        self, mapping: Mapping[str, str], ignore: Sequence[str], given: Mapping[str, Sequence[str]]
    ) -> tuple[Plan, Mapping[str, str], list[str]]:
        for name in ignore:
            self.separate[self._column(name, "--ignore")] = "ignored as asked"
        mapped = {self._field(name): self._mapped(name, value) for name, value in mapping.items()}
        self.levels = len(mapped.get("category", ())) > 1
        taken = {column for columns in mapped.values() for column in columns}
        ignored = set(self.separate) - taken
        for name in taken & set(self.separate):
            del self.separate[name]
        for name, wanted in given.items():
            free = tuple(c for c in wanted if c in self.compact and c not in taken and c not in ignored)
            if name not in mapped and free:
                mapped[name] = free
        pairs = [*mapped.pop("options", ()), *self.made & {MORE}]
        self.fields = mapped
        self.free = [c for c in self.columns if c not in ignored and not any(c in used for used in mapped.values())]
        self._guess_fields()
        attributes, spread = self._attributes()
        return self._plan([*pairs, *attributes], spread | set(pairs)), self.separate, self.notes

    # What the person said.

    def _field(self, name: str) -> str:
        wanted = re.sub(r"[\s-]+", "_", name.strip().casefold())
        wanted = names.FIELD_ALIASES.get(wanted, wanted)
        if wanted not in names.MAPPABLE:
            known = [*names.MAPPABLE, *names.FIELD_ALIASES]
            near = get_close_matches(wanted, known, n=3, cutoff=0.5)
            raise CatalogueError(
                f"--map {name}=…: there is no field '{name}'. "
                + (f"Did you mean {' or '.join(near)}? " if near else "")
                + f"Fields: {', '.join(names.MAPPABLE)}."
            )
        return wanted

    def _column(self, name: str, where: str) -> str:
        if name in self.columns:
            return name
        same = [c for c in self.columns if names.compact(c) == names.compact(name)]
        if len(same) == 1:
            return same[0]
        near = get_close_matches(name, self.columns, n=3, cutoff=0.5)
        raise CatalogueError(
            f"{where} {name}: the catalogue has no column '{name}'. "
            + (f"Did you mean {' or '.join(repr(n) for n in near)}? " if near else "")
            + f"Columns: {', '.join(self.columns)}."
        )

    def _mapped(self, name: str, value: str) -> tuple[str, ...]:
        parts = [part.strip() for part in value.split(",")]
        if value not in self.columns and len(parts) > 1 and all(part in self.columns for part in parts):
            return tuple(parts)
        return (self._column(value, f"--map {name}="),)

    # What names and cells say.

    def _guess_fields(self) -> None:
        self._guess_id()
        self._guess_images()
        for name in (
            "title",
            "text",
            "group",
            "category",
            "brand",
            "price",
            "list_price",
            "sale_price",
            "currency",
            "facets",
        ):
            self._guess(name)
        for name in ("url", "videos", "gtin", "mpn", "model", "sku", "available", "stock", "rating", "rating_count"):
            self._guess(name)
        for name in ("reviews", "language", "more_text"):
            self._guess(name)
        if self.fields.get("list_price") and not self.fields.get("price"):
            self.fields["price"] = self.fields.pop("list_price")
        if self.fields.get("list_price"):
            regular, paid = self.fields["list_price"][0], self.fields["price"][0]
            self.notes.append(f"where '{regular}' is higher it is the price, and '{paid}' the sale price.")
        self._say_what_lost()

    def _named(self, field: str) -> list[str]:
        order = {name: at for at, name in reversed(list(enumerate(names.FIELDS[field])))}
        found = [(order[self.compact[c]], at, c) for at, c in enumerate(self.free) if self.compact[c] in order]
        return [column for _, _, column in sorted(found)]

    def _take(self, field: str, columns: Sequence[str]) -> None:
        self.fields[field] = tuple(columns)
        self.free = [c for c in self.free if c not in columns]

    def _guess(self, field: str) -> None:
        if field in self.fields:
            return
        if field == "category" and len(rungs := names.ladder(self.free)) > 1:
            self._take(field, rungs)
            self.levels = True
            self.notes.append(f"the category is the path {' > '.join(rungs)}.")
            return
        found = [column for column in self._named(field) if self._fits(field, column)]
        if found:
            self._take(field, found if field == "more_text" else found[:1])

    def _fits(self, field: str, column: str) -> bool:
        cells = self.cells[column]
        if not cells:
            return True
        few = cells[:200]
        numbers = sum(bool(_NUMBER.fullmatch(c.strip())) for c in few) / len(few)
        if field in {"title", "text", "more_text", "brand", "currency", "language"}:
            return numbers < 0.9 or field == "title"
        if field in {"url", "videos"}:
            return sum(is_url(c.strip()) or "/" in c or bool(_CLIP.search(c)) for c in few) > 0.5 * len(few)
        if field == "reviews" and numbers > 0.9:
            if "rating_count" not in self.fields:
                self._take("rating_count", [column])
            return False
        if field in {"price", "list_price", "sale_price", "stock", "rating", "rating_count"}:
            return sum(any(char.isdigit() for char in c) or "★" in c for c in few) > 0.5 * len(few)
        if field == "category":
            return numbers < 0.9
        if field == "group":
            return self._groups(column)
        return True

    def _groups(self, column: str) -> bool:
        """Whether rows that share a cell can be variants: an address has to repeat, a "group" be no whole aisle."""
        cells = self.cells[column]
        distinct = len(set(cells))
        if self.compact[column] in {"slug", "handle", "urlhandle"}:
            return distinct < 0.95 * len(cells)
        return self.compact[column] not in {"group", "parent"} or len(cells) < ENOUGH or len(cells) <= 10 * distinct

    def _guess_id(self) -> None:
        if "id" in self.fields:
            return
        candidates = self._named("id")
        if not candidates:
            return
        best = next((c for c in candidates if self._distinct(c) >= 0.8), candidates[0])
        passed = candidates[0] if best != candidates[0] else None
        self._take("id", [best])
        if passed and self._distinct(passed) > 0 and "group" not in self.fields and not self._named("group"):
            self._take("group", [passed])
            self.notes.append(f"'{passed}' repeats: rows that share it are taken for variants; '{best}' is the id.")

    def _distinct(self, column: str) -> float:
        """Share of the rows with a value of their own in a column."""
        cells = self.rows[column].str.strip_chars()
        return int(cells.filter(cells != "").n_unique()) / max(self.rows.height, 1)

    def _guess_images(self) -> None:
        if "images" in self.fields:
            return
        order = {name: at for at, name in reversed(list(enumerate(names.FIELDS["images"])))}
        found = []
        for at, column in enumerate(self.free):
            bare = self.compact[column].rstrip("0123456789")
            rank = order.get(self.compact[column], order.get(bare, order.get(bare + "url", -1)))
            if rank >= 0 and self._pictured(column, _may_be_picture) >= 0.3:
                found.append((bare in names.FIELDS["images"] and bare.startswith("additional"), rank, at, column))
        chosen = [column for *_, column in sorted(found)]
        if not chosen:
            chosen = [c for c in self.free if self.cells[c] and self._pictured(c, _names_picture) >= 0.8][:1]
        if chosen:
            self._take("images", chosen)

    def _pictured(self, column: str, like: Callable[[str], bool]) -> float:
        """Share of a column's cells that look like pictures; an empty column says nothing against it."""
        few = self.cells[column][:200]
        if not few:
            return 0.5
        return sum(any(like(ref) for ref in split_pictures(cell)[:3]) for cell in few) / len(few)

    def _say_what_lost(self) -> None:
        used = {name for name in self.fields if name not in {"images", "more_text"}}
        for column in list(self.free):
            for name in (
                "title",
                "text",
                "category",
                "brand",
                "price",
                "currency",
                "available",
                "stock",
                "rating",
                "language",
            ):
                if name in used and self.compact[column] in names.FIELDS[name]:
                    self.separate[column] = f"{name} is read from '{self.fields[name][0]}'"
                    self.free.remove(column)
                    break

    # Attributes, and what is kept apart from them.

    def _attributes(self) -> tuple[list[str], set[str]]:
        attributes: list[str] = []
        spread: set[str] = set()
        sides = {names.compact(c) for c in self.columns}
        for column in self.free:
            reason = names.separate_reason(column) or self._looks_separate(column, sides)
            if reason:
                self.separate[column] = reason
                continue
            attributes.append(column)
            few = self.cells[column][:200]
            if few and sum(parse_pairs(cell) is not None for cell in few) >= 0.6 * len(few):
                spread.add(column)
        return attributes, spread

    def _looks_separate(self, column: str, sides: set[str]) -> str:
        cells = self.cells[column]
        few = cells[:200]
        if not few:
            return ""
        if self.compact[column] in {"width", "height"}:
            whole = all(re.fullmatch(r"\d{2,5}", c.strip()) for c in few)
            if whole and "images" in self.fields and {"width", "height"} <= sides and not {"depth", "length"} & sides:
                return "a measure of the file"
        known = self.compact[column] in names.KNOWN_ATTRIBUTES
        if sum(is_url(c.strip()) for c in few) > 0.8 * len(few):
            return "addresses"
        if known or sum(parse_pairs(cell) is not None for cell in few) >= 0.6 * len(few):
            return ""
        if sum(bool(_DATE.fullmatch(c.strip())) for c in few) > 0.8 * len(few):
            return "dates"
        if sum(map(len, few)) > LONG * len(few):
            return "long texts"
        if self.rows.height >= ENOUGH and len(cells) >= ENOUGH:
            distinct = len(set(cells))
            if distinct >= 0.95 * len(cells):
                return "another value in every row"
            if self.whole and distinct == 1 and len(cells) == min(self.rows.height, 5_000):
                return "the same value in every row"
        return ""

    def _plan(self, attributes: list[str], spread: set[str]) -> Plan:
        money = [c for name in ("price", "sale_price", "list_price") for c in self.fields.get(name, ())]
        ratings = [cell for c in self.fields.get("rating", ()) for cell in self.cells[c]]
        currency = next((code for c in money if (code := names.without_currency(c)[1])), "")
        texts = [cell for name in ("title", "text") for c in self.fields.get(name, ()) for cell in self.cells[c][:200]]
        categories = self.fields.get("category", ())
        return Plan(
            fields=self.fields,
            attributes=tuple(attributes),
            other=tuple(c for c in self.columns if c in self.separate),
            spread=frozenset(spread),
            levels=self.levels,
            styles={}
            if self.levels
            else {c: category_style(list(map(html.unescape, self.cells[c]))) for c in categories},
            comma=frozenset(c for c in money if decimal_comma(self.cells[c])),
            currency=currency,
            yen=any(_KANA.search(text) for text in texts),
            scale=rating_scale(ratings),
        )


def _names_picture(ref: str) -> bool:
    path = ref.split("?")[0].split("#")[0]
    dot = path.rfind(".")
    return dot > 0 and path[dot:].casefold() in SUFFIXES


def _may_be_picture(ref: str) -> bool:
    return is_url(ref) or _names_picture(ref)
