"""Which rows a filter keeps, column by column; text is compared on the vocabulary, then looked up for the rows."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache, reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sosie.errors import QuestionError
from sosie.filters.grammar import (
    And,
    Compare,
    Contains,
    Filter,
    Missing,
    Not,
    OfQuery,
    OneOf,
    Or,
    Truth,
    Value,
)
from sosie.types import Column, Mask

OPERATORS: Mapping[str, Callable[..., Mask]] = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}
YES = {"1", "true", "yes", "y", "on", "in stock", "in_stock", "available", "有货", "是"}


def evaluate(
    condition: Filter, columns: Mapping[str, Column], size: int, query: Mapping[str, Value | None] | None = None
) -> Mask:
    """Which rows a filter keeps, (size,).

    `query` holds the fields of the product asked about (None where it lacks one), or is None where no product is.
    Raises QuestionError for an unknown field (naming near and known ones) and for a comparison of text with a number.
    """
    match condition:
        case And(parts):
            return reduce(and_, [evaluate(part, columns, size, query) for part in parts])
        case Or(parts):
            return reduce(or_, [evaluate(part, columns, size, query) for part in parts])
        case Not(part):
            return ~evaluate(part, columns, size, query)
        case Missing(field):
            column = _column(columns, field)
            return np.isnan(column.values) if column.vocabulary is None else column.values < 0
        case Truth(field):
            column = _column(columns, field)
            if column.vocabulary is None:
                kept: Mask = (column.values != 0) & (column.values == column.values)
                return kept
            return _where_entry(column, [entry.strip().casefold() in YES for entry in column.vocabulary])
        case Contains(field, pattern, anchored):
            return _contains(_text_column(columns, field), pattern, anchored)
        case Compare(field, operator, value):
            return _compare(columns, field, operator, _value(columns, query, value))
        case OneOf(field, values):
            known = [v for v in (_value(columns, query, value) for value in values) if v is not None]
            return _one_of(columns, field, known, size)


def _column(columns: Mapping[str, Column], field: str) -> Column:
    return columns[_name(columns, field)]


def _name(columns: Mapping[str, Column], field: str) -> str:
    if field in columns:
        return field
    for name in columns:
        if name.casefold() == field.casefold():
            return name
    raise _unknown_field(field, columns)


def _unknown_field(field: str, columns: Mapping[str, Column]) -> QuestionError:
    from difflib import get_close_matches

    known = sorted(columns)
    near = get_close_matches(field, known, n=2)
    hint = f" Did you mean {' or '.join(near)}?" if near else ""
    return QuestionError(f"filter: there is no field '{field}'.{hint} Known here: {', '.join(known)}.")


def _text_column(columns: Mapping[str, Column], field: str) -> Column:
    column = _column(columns, field)
    if column.vocabulary is None:
        raise QuestionError(f"filter: '{field}' is a number; compare it with <, <=, =, >= or >.")
    return column


def _value(
    columns: Mapping[str, Column], query: Mapping[str, Value | None] | None, value: Value | OfQuery
) -> Value | None:
    if not isinstance(value, OfQuery):
        return value
    if query is None:
        raise QuestionError(f"filter: query.{value.field} needs a product that is asked about, and there is none.")
    return query.get(_name(columns, value.field))


def _compare(columns: Mapping[str, Column], field: str, operator: str, value: Value | None) -> Mask:
    column = _column(columns, field)
    if value is None or value != value:
        return np.zeros(len(column.values), np.bool_)
    if column.vocabulary is None:
        kept = OPERATORS[operator](column.values, _as_number(field, value))
        return kept & (column.values == column.values) if operator == "!=" else kept
    if isinstance(value, str) and operator in ("=", "!="):
        codes = _codes_of(field, column.vocabulary, value)
        kept = column.values == codes[0] if len(codes) == 1 else _where_code(column, codes)
        return kept if operator == "=" else ~kept & (column.values >= 0)
    return _where_entry(column, _compared_entries(field, column.vocabulary, operator, value))


def _as_number(field: str, value: Value) -> float:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            if value.strip().casefold() in YES | {"no", "false"}:
                return float(value.strip().casefold() in YES)
            raise QuestionError(
                f"filter: '{field}' is a number and can't be compared with the text '{value}'."
            ) from None
    return value


def _compared_entries(field: str, vocabulary: tuple[str, ...], operator: str, value: Value) -> list[bool]:
    compare: Callable[..., bool] = OPERATORS[operator]  # type: ignore[assignment]
    if isinstance(value, str):
        wanted = value.casefold()
        return [compare(entry.casefold(), wanted) for entry in vocabulary]
    numbers = [_number(entry) for entry in vocabulary]
    if vocabulary and all(number is None for number in numbers):
        raise QuestionError(
            f"filter: '{field}' is text, such as '{vocabulary[0]}'; put what it is compared with in quotes."
        )
    return [number is not None and compare(number, value) for number in numbers]


def _number(entry: str) -> float | None:
    try:
        number = float(entry)
    except ValueError:
        return None
    return number if number == number else None


def _one_of(columns: Mapping[str, Column], field: str, values: list[Value], size: int) -> Mask:
    column = _column(columns, field)
    kept = np.zeros(size, np.bool_)
    if column.vocabulary is None:
        for value in values:
            kept |= column.values == _as_number(field, value)
        return kept
    codes = {
        code
        for value in values
        for code in _codes_of(field, column.vocabulary, value if isinstance(value, str) else f"{value:g}")
    }
    return _where_code(column, tuple(codes))


class _Same:
    """A vocabulary as a key of a cache: compared by identity, since hashing 50,000 words takes longer than a filter."""

    __slots__ = ("words",)

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def __hash__(self) -> int:
        return id(self.words)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.words is other.words


@lru_cache(maxsize=256)
def _folded(vocabulary: _Same) -> dict[str, tuple[int, ...]]:
    codes: dict[str, tuple[int, ...]] = {}
    for code, entry in enumerate(vocabulary.words):
        key = entry.casefold()
        codes[key] = (*codes.get(key, ()), code)
    return codes


@lru_cache(maxsize=256)
def _codes_below(vocabulary: _Same, path: str) -> tuple[int, ...]:
    wanted = [_path(one) for one in path.split(" | ")]
    return tuple(
        code
        for code, entry in enumerate(vocabulary.words)
        if any(_path(one)[: len(above)] == above for one in entry.split(" | ") for above in wanted)
    )


def _path(text: str) -> list[str]:
    return [level.strip().casefold() for level in text.split(">")]


def _codes_of(field: str, vocabulary: tuple[str, ...], value: str) -> tuple[int, ...]:
    if field.casefold() == "category":
        return _codes_below(_Same(vocabulary), value)
    return _folded(_Same(vocabulary)).get(value.casefold(), ())


def _contains(column: Column, pattern: str, anchored: bool) -> Mask:
    entries = [entry.casefold() for entry in column.vocabulary or ()]
    if not anchored:
        return _where_entry(column, [pattern.casefold() in entry for entry in entries])
    parts = {"%": ".*", "_": "."}
    regex = re.compile("".join(parts.get(c, re.escape(c)) for c in pattern.casefold()), re.DOTALL)
    return _where_entry(column, [regex.fullmatch(entry) is not None for entry in entries])


def _where_code(column: Column, codes: tuple[int, ...]) -> Mask:
    if len(codes) <= 6:  # a comparison costs a sixth of a look-up
        kept = np.zeros(len(column.values), np.bool_)
        for code in codes:
            kept |= column.values == code
        return kept
    table = np.zeros(len(column.vocabulary or ()) + 1, np.bool_)
    table[list(codes)] = True
    return table.take(_codes(column))


def _where_entry(column: Column, holds: list[bool]) -> Mask:
    """Rows whose entry of the vocabulary holds; the code -1 (missing) reads the last, False."""
    return np.array([*holds, False], np.bool_).take(_codes(column))


def _codes(column: Column) -> NDArray[np.int32]:
    return cast("NDArray[np.int32]", column.values)


def category_filter(path: str) -> Filter:
    """The filter of `--category`: a path and everything below it."""
    return Compare("category", "=", path)
