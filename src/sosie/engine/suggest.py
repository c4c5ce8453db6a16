"""What somebody is about to type: categories, brands, titles by the beginnings of words; small typos are mended."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from sosie.text import folded

if TYPE_CHECKING:
    from sosie.store import Snapshot

BLOCK = 16_384  # records read at a time
LOOKED = 2_000  # places in which the rarest word begins that are looked at
TYPOS = ((8, 2), (4, 1))  # letters from which on so many may be wrong
WORDS = re.compile(r"[^\W_]+")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")  # scripts in which words are not parted


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A title with the id of its product, or a category or brand, which has none."""

    kind: str  # "category", "brand", "title"
    text: str
    id: str = ""


def suggest(snapshot: "Snapshot", typed: str, limit: int = 10) -> list[Suggestion]:
    """Categories, brands and titles in which every word typed begins a word; the last may be half a word.

    Those that begin with what was typed come first, then shorter ones. Where a word begins none at all, the nearest
    one takes its place.
    """
    words = _words(typed)
    if not words:
        return []
    titles = _titles(snapshot.folder, snapshot.generation.key)
    with titles.lock:
        titles.read(snapshot)
        named = [(kind, text) for kind in ("category", "brand") for text in _named(snapshot, kind)]
        found = _suggested(snapshot, titles, named, words, limit)
        if found:
            return found
        mended = titles.mended(words, (text for _, text in named))
        return _suggested(snapshot, titles, named, mended, limit) if mended != words else []


def _suggested(
    snapshot: "Snapshot", titles: "_Titles", named: Sequence[tuple[str, str]], words: list[str], limit: int
) -> list[Suggestion]:
    first = [(_merit(_plain(text), words), Suggestion(kind, text)) for kind, text in named if _has(_plain(text), words)]
    found = [one for _, one in sorted(first, key=lambda one: one[0])[: max(limit // 2, 1)]]
    rows = [row for row in titles.rows(words) if snapshot.alive[row]]
    seen: set[str] = set()
    for row in sorted(rows, key=lambda row: (*_merit(titles.plain(row), words), row)):
        text = titles.shown[row]
        if text not in seen:
            seen.add(text)
            found.append(Suggestion("title", text, snapshot.ids([row])[0]))
        if len(found) >= limit:
            break
    return found[:limit]


@dataclass(slots=True)
class _Titles:
    """Titles of a generation's rows and of its delta's, as far as they were read, as one text to be searched."""

    shown: list[str] = field(default_factory=list)
    text: str = ""  # each title's words, a space before every one, a new line after the last
    starts: list[int] = field(default_factory=list)
    vocabulary: set[str] = field(default_factory=set)
    last: str = ""  # id of the last row read
    lock: Lock = field(default_factory=Lock)

    def read(self, snapshot: "Snapshot") -> None:
        """Read the rows that came since; all anew where these are not the rows read before."""
        count = len(self.shown)
        if count > snapshot.size or (count and snapshot.ids([count - 1])[0] != self.last):
            self.shown, self.text, self.starts, self.vocabulary = [], "", [], set()
        if len(self.shown) == snapshot.size:
            return
        parts, length = [self.text], len(self.text)
        for start in range(len(self.shown), snapshot.size, BLOCK):
            rows = np.arange(start, min(start + BLOCK, snapshot.size))
            for product in snapshot.products(rows):
                words = _words(product.title)
                line = "".join(f" {word}" for word in words) + "\n"
                self.shown.append(product.title)
                self.starts.append(length)
                self.vocabulary.update(words)
                parts.append(line)
                length += len(line)
        self.text = "".join(parts)
        self.last = snapshot.ids([snapshot.size - 1])[0]

    def plain(self, row: int) -> str:
        """The words of a row's title."""
        stop = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[row] : stop - 1]

    def rows(self, words: Sequence[str]) -> list[int]:
        """Rows of titles in which every word begins one."""
        rarest = max(words, key=len)
        found = dict.fromkeys(islice(self._places(rarest), LOOKED))
        return [row for row in found if _has(self.plain(row), words)]

    def _places(self, word: str) -> Iterable[int]:
        wanted = _beginning(word)
        at = self.text.find(wanted)
        while at >= 0:
            yield bisect_right(self.starts, at) - 1
            at = self.text.find(wanted, at + 1)

    def mended(self, words: Sequence[str], more: Iterable[str]) -> list[str]:
        """Words with those that begin nothing replaced by the nearest beginning there is."""
        known = self.vocabulary | {word for text in more for word in _words(text)}
        return [word if any(one.startswith(word) for one in known) else _nearest(word, known) for word in words]


def _nearest(word: str, known: Iterable[str]) -> str:
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    wrong = next((typos for letters, typos in TYPOS if len(word) >= letters), 0)
    beginnings = sorted({one[: len(word) + extra] for one in known for extra in (0, 1)})
    found = process.extractOne(word, beginnings, scorer=OSA.distance, score_cutoff=wrong) if wrong else None
    return str(found[0]) if found else word


def _named(snapshot: "Snapshot", kind: str) -> Iterable[str]:
    """Distinct brands, or category paths."""
    said: dict[str, None] = {}
    for entry in snapshot.columns[kind].vocabulary or ():
        said.update(dict.fromkeys(entry.split(" | ") if kind == "category" else (entry,)))
    return said


def _words(text: str) -> list[str]:
    return WORDS.findall(folded(text))


def _plain(text: str) -> str:
    return "".join(f" {word}" for word in _words(text))


def _beginning(word: str) -> str:
    return word if UNSPACED.search(word) else f" {word}"


def _has(plain: str, words: Sequence[str]) -> bool:
    return all(_beginning(word) in plain for word in words)


def _merit(plain: str, words: Sequence[str]) -> tuple[bool, int]:
    return not plain.startswith("".join(f" {word}" for word in words)), len(plain)


@lru_cache(maxsize=2)
def _titles(folder: Path, key: object) -> _Titles:
    """The titles of a generation; `key` tells a folder that was written anew from the one before."""
    return _Titles()
