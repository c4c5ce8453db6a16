"""Columns of the store as words, and words that are nearly right."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from sosie.errors import TruthError
from sosie.store import Snapshot
from sosie.types import Column, Rows


@dataclass(frozen=True, slots=True)
class Words:
    """A column as words: `codes` number them, -1 = missing."""

    codes: Rows  # (size,)
    words: tuple[str, ...]


def words_of(snapshot: Snapshot, name: str) -> Words:
    """A column of the store, numbers as words. Raises TruthError where there is none of that name."""
    columns: Mapping[str, Column] = snapshot.columns
    if name not in columns:
        raise TruthError(
            f"store {snapshot.store}: there is no column '{name}'{near_to(name, columns)} "
            f"It has {some(list(columns), 30)}. Columns that became part of the category are judged as 'category'; "
            f"to keep one apart, build with --ignore '{name}'."
        )
    column = columns[name]
    if column.vocabulary is not None:
        return Words(column.values.astype(np.int64), column.vocabulary)
    numbers, codes = np.unique(column.values, return_inverse=True)
    written = tuple(np.format_float_positional(number, trim="-") for number in numbers)
    return Words(np.where(np.isnan(column.values), -1, codes), written)


def some(words: Sequence[str], most: int = 5) -> str:
    """The first of some words."""
    return ", ".join(words[:most]) + (", …" if len(words) > most else "")


def near_to(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a word that is not there: "; did you mean x?", or "."."""
    near = get_close_matches(word, list(words), n=3, cutoff=0.5)
    return f"; did you mean {' or '.join(near)}?" if near else "."
