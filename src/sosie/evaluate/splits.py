"""Splits: their names, as people write them, and the products of a store that are in them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sosie.errors import TruthError
from sosie.evaluate.words import Words, words_of
from sosie.store import Snapshot
from sosie.types import Mask

TEST = "test"
KINDS = {
    "train": ("train", "training", "trn", "learn", "fit", "训练", "训练集"),
    "val": ("val", "valid", "validation", "validate", "dev", "development", "eval", "验证", "验证集"),
    "test": ("test", "testing", "tst", "holdout", "测试", "测试集"),
}
_KIND = {name: kind for kind, names in KINDS.items() for name in names}


def split_kind(name: str) -> str:
    """train, val or test; "" for a name that is none of them."""
    return _KIND.get(name.strip().casefold(), "")


def find_split(wanted: str, there: Iterable[str], where: str) -> tuple[str, ...]:
    """The splits that are meant by a name: the one so called, in any case, else all of the same kind.

    Raises TruthError where there is none, saying what there is.
    """
    names = [name for name in there if name.strip()]
    meant = [n for n in names if n == wanted] or [n for n in names if n.strip().casefold() == wanted.strip().casefold()]
    kind = split_kind(wanted)
    meant = meant or [n for n in names if kind and split_kind(n) == kind]
    if not meant:
        told = ", ".join(sorted(names)[:20]) or "nothing"
        raise TruthError(f"{where}: there is no split '{wanted}'; it says {told}.")
    return tuple(meant)


def find_splits(wanted: Sequence[str], there: Sequence[str], where: str) -> tuple[str, ...]:
    """The splits that are meant by several names, each once. Raises TruthError."""
    return tuple(dict.fromkeys(split for name in wanted for split in find_split(name, there, where)))


@dataclass(frozen=True, eq=False)
class Splits:
    """A column of a store that tells splits."""

    snapshot: Snapshot
    words: Words
    there: tuple[str, ...]  # the splits that living products have
    where: str  # for messages

    @classmethod
    def of(cls, snapshot: Snapshot, column: str) -> "Splits":
        """The splits of a column. Raises TruthError where there is no such column."""
        words = words_of(snapshot, column)
        codes = np.unique(words.codes[snapshot.alive])
        there = tuple(words.words[code] for code in codes[codes >= 0].tolist())
        return cls(snapshot, words, there, f"column '{column}'")

    def rows(self, splits: Sequence[str]) -> Mask:
        """Living products of some splits, (size,)."""
        chosen = np.array([*(word in splits for word in self.words.words), False])
        rows: Mask = self.snapshot.alive & chosen[self.words.codes]
        return rows
