"""Words found literally in products: an inverted index of tokens, with typos and parts of model numbers.

A row's score is the share of the question's weight of words (inverse document frequency, Spärck Jones 1972) that is
found in it, 0..1: 1 = every word, in its title, brand or identifiers. Words found only in the rest of a product, words
a typo away and model numbers of which only the beginning is given count for less.
"""

import json
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from sosie.errors import StoreError
from sosie.text import searchable, tokens
from sosie.types import Product, Rows, Vector

BODY = 0.7  # what a word counts that stands only in description, category or attributes
TYPO = (1.0, 0.7, 0.5)  # what a word counts that is 0, 1, 2 typos away
BEGINNING = 0.8  # what a model number counts of which the question gives the beginning
MOST_ALTERNATIVES = 20
COMMON = 8  # a word that more than one row in so many holds is added to all rows
COLUMNS = 64_000_000  # bytes of such words that are kept
CHUNK = 4_000_000  # postings sorted at a time

Meant = Mapping[str, Sequence[tuple[int, float]]]  # tokens of a question -> words of the vocabulary, what each counts
Document = tuple[Sequence[str], Sequence[str]]  # tokens of title, brand, identifiers; tokens of everything


def document(product: Product) -> Document:
    """The words of a product, those of title, brand and identifiers apart."""
    named = " ".join([product.title, product.brand, *product.identifiers.values()])
    return tokens(named), tokens(searchable(product))


def build_postings(folder: Path, documents: Iterable[Document]) -> None:
    """Write the inverted index of documents, in the order of their rows, streamed (words.json, .txt, -*.npy)."""
    numbers: dict[str, int] = {}
    counts: list[int] = []
    rows = 0
    spill = folder / "words.tmp"
    with spill.open("wb") as out:
        held: list[int] = []
        for head, everything in documents:
            important = set(head)
            for token in important.union(everything):
                if "\n" in token or not token:
                    continue
                number = numbers.setdefault(token, len(numbers))
                if number == len(counts):
                    counts.append(0)
                counts[number] += 1
                held += (number, rows * 2 + (token in important))
            rows += 1
            if len(held) >= 2 * CHUNK // 4:
                out.write(np.array(held, np.int64).astype(np.uint32).tobytes())
                held.clear()
        out.write(np.array(held, np.int64).astype(np.uint32).tobytes())
    words = sorted(numbers)
    places = np.empty(len(words), np.int64)
    places[[numbers[word] for word in words]] = np.arange(len(words))
    starts = np.zeros(len(words) + 1, np.int64)
    np.cumsum(np.array(counts, np.int64)[np.argsort(places)] if words else [], out=starts[1:])
    _scatter(spill, places, starts, folder / "words-postings.npy")
    spill.unlink()
    np.save(folder / "words-starts.npy", starts)
    (folder / "words.txt").write_bytes("\n".join(words).encode("utf-8", "surrogatepass"))
    (folder / "words.json").write_text(json.dumps({"rows": rows, "words": len(words)}), encoding="utf-8")


def _scatter(spill: Path, places: NDArray[np.int64], starts: NDArray[np.int64], file: Path) -> None:
    """Sort spilled (word, posting) pairs by word, chunk by chunk, keeping the rows' order within a word."""
    if starts[-1] == 0:
        np.save(file, np.empty(0, np.uint32))
        return
    out = np.lib.format.open_memmap(file, "w+", np.uint32, (int(starts[-1]),))
    cursor = starts[:-1].copy()
    with spill.open("rb") as source:
        for pairs in _chunks(source):
            words = places[pairs[:, 0]]
            order = np.argsort(words, kind="stable")
            words = words[order]
            first = np.flatnonzero(np.concatenate([[True], words[1:] != words[:-1]]))
            lengths = np.diff(np.append(first, len(words)))
            within = np.arange(len(words)) - np.repeat(first, lengths)
            out[cursor[words] + within] = pairs[order, 1]
            cursor[words[first]] += lengths
    out.flush()


def _chunks(source: BinaryIO) -> Iterator[NDArray[np.uint32]]:
    while raw := source.read(CHUNK * 8):
        yield np.frombuffer(raw, np.uint32).reshape(-1, 2)


@dataclass(frozen=True, slots=True)
class Postings:
    """The inverted index of a generation."""

    rows: int
    words: tuple[str, ...]  # sorted
    starts: NDArray[np.int64]
    postings: NDArray[np.uint32]  # row * 2 + 1 where the word stands in title, brand or identifiers
    columns: dict[int, Vector] = field(default_factory=dict, repr=False)  # of common words that were asked for

    @classmethod
    def open(cls, folder: Path) -> "Postings":
        """Open what `build_postings` wrote, memory-mapped. Raises StoreError."""
        try:
            about = json.loads((folder / "words.json").read_text(encoding="utf-8"))
            text = (folder / "words.txt").read_bytes().decode("utf-8", "surrogatepass")
            starts = np.load(folder / "words-starts.npy", allow_pickle=False)
            postings = np.asarray(np.load(folder / "words-postings.npy", mmap_mode="r", allow_pickle=False))
            words = tuple(text.split("\n")) if text else ()
            if len(words) != about["words"] or len(starts) != len(words) + 1 or starts[-1] != len(postings):
                raise ValueError("its files don't belong together")
            return cls(int(about["rows"]), words, starts, postings)
        except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
            raise StoreError(f"{folder}: the words can't be opened ({error}); build the store again.") from error

    def meant(self, tokens: Sequence[str]) -> Meant:
        """What each of some tokens may mean, each once: see `alternatives`."""
        return {token: self.alternatives(token) for token in dict.fromkeys(tokens)}

    def scores(self, meant: Meant) -> Vector:
        """Share of the tokens' weight found in each row, (rows,), 0..1."""
        total = np.zeros(self.rows, np.float32)
        mass = 0.0
        for alternatives in meant.values():
            idf = self.idf(alternatives[0][0]) if alternatives else float(np.log1p(self.rows))
            mass += idf
            if len(alternatives) == 1:
                self._add(total, *alternatives[0], idf)
            elif alternatives:
                best = np.zeros(self.rows, np.float32)
                for word, factor in alternatives:
                    rows, found = self._found(word, factor)
                    best[rows] = np.maximum(best[rows], found)
                total += best * np.float32(idf)
        return total / np.float32(mass) if mass else total

    def _add(self, total: Vector, word: int, factor: float, idf: float) -> None:
        """Add what a word counts to the rows that hold it."""
        if self.rows and (self.starts[word + 1] - self.starts[word]) * COMMON > self.rows:
            total += self._column(word) * np.float32(factor * idf)
        else:
            rows, found = self._found(word, factor * idf)
            total[rows] += found

    def _column(self, word: int) -> Vector:
        """What a word counts in every row; kept, since words that stand in many rows are asked for again and again."""
        column = self.columns.get(word)
        if column is None:
            column = np.zeros(self.rows, np.float32)
            rows, found = self._found(word, 1.0)
            column[rows] = found
            if 4 * self.rows * (len(self.columns) + 1) > COLUMNS:
                self.columns.clear()
            self.columns[word] = column
        return column

    def _found(self, word: int, factor: float) -> tuple[Rows, Vector]:
        entries = self.postings[self.starts[word] : self.starts[word + 1]]
        weights = np.array([factor * BODY, factor], np.float32)[entries & 1]
        return (entries >> 1).astype(np.int64), weights

    def idf(self, word: int) -> float:
        """What a word of the vocabulary weighs."""
        return float(np.log1p(self.rows / (self.starts[word + 1] - self.starts[word])))

    def alternatives(self, token: str) -> list[tuple[int, float]]:
        """Words of the vocabulary that a token may mean, with what each counts: itself, else beginnings, else typos."""
        at = bisect_left(self.words, token)
        if at < len(self.words) and self.words[at] == token:
            return [(at, TYPO[0])]
        begun: list[tuple[int, float]] = []
        if len(token) >= 3 and any(c.isdigit() for c in token):
            while at < len(self.words) and self.words[at].startswith(token) and len(begun) < MOST_ALTERNATIVES:
                begun.append((at, BEGINNING))
                at += 1
        return begun or self._near(token)

    def _near(self, token: str) -> list[tuple[int, float]]:
        typos = _typos_allowed(token)
        if typos == 0:
            return []
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        found = extract(token, self.words, scorer=OSA.distance, score_cutoff=typos, limit=MOST_ALTERNATIVES)
        same = [(index, distance) for word, distance, index in found if _digits(word) == _digits(token)]
        nearest = min((distance for _, distance in same), default=0)
        return [(index, TYPO[int(distance)]) for index, distance in same if distance == nearest]


def _typos_allowed(token: str) -> int:
    if len(token) < 4 or token.isdigit():
        return 0
    return 1 if len(token) < 8 else 2


def _digits(word: str) -> str:
    """A wrong letter is a typo; a wrong digit is another product."""
    return "".join(c for c in word if c.isdigit())


class LaterWords:
    """The words of rows that came after those of an index: they are scored as rows of it, and weigh what its words do.

    One thread adds at a time; what was added is never changed.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._entries: dict[str, array[int]] = {}  # row * 2 + 1 where the word stands in title, brand or identifiers

    def add(self, one: Document) -> None:
        """Append a row."""
        head = set(one[0])
        for word in head.union(one[1]):
            self._entries.setdefault(word, array("q")).append(2 * self.rows + (word in head))
        self.rows += 1

    def scores(self, meant: Meant, postings: Postings, rows: int) -> Vector:
        """Share of the tokens' weight found in each of the first rows, (rows,), 0..1."""
        total = np.zeros(rows)
        mass = 0.0
        for token, alternatives in meant.items():
            idf = postings.idf(alternatives[0][0]) if alternatives else float(np.log1p(postings.rows))
            mass += idf
            best = np.zeros(rows)
            for word, factor in ({token: 1.0} | {postings.words[at]: factor for at, factor in alternatives}).items():
                entries = np.array(self._entries.get(word, ()), np.int64)
                entries = entries[: entries.searchsorted(2 * rows)]
                places = entries >> 1
                best[places] = np.maximum(best[places], np.where(entries & 1, factor, factor * BODY))
            total += idf * best
        return (total / mass if mass else total).astype(np.float32)
