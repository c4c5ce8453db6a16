"""Which rows may answer a question: found by an index, always scored exactly.

Few allowed rows are scored one by one, but for those that their bytes rule out. Otherwise an index over the distinct
vectors proposes more than are needed, the proposals are scored from the memory-mapped vectors, and the caller asks for
a wider wave when too few survive its rules; the last wave holds every allowed row. Rows written since the generation
(the delta) are scored while they are few, and found by codes of their own when they are many.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from sosie.engine.indexing import BYTES, FILE, TIE, build_candidates, proposals
from sosie.engine.later import Later
from sosie.engine.patches import Compared
from sosie.errors import StoreError
from sosie.index.bytes import Bytes
from sosie.index.codes import Codes
from sosie.index.exact import best, inner_products
from sosie.index.graph import Graph
from sosie.types import Mask, Matrix, Rows, Vector

if TYPE_CHECKING:
    from sosie.store import Snapshot

__all__ = ["Candidates", "Sought", "build_candidates"]

GRAPH_DEPTH = 400  # proposals beyond which codes are quicker than the graph
GRAPH_PRECISION, GRAPH_SPARE = 4, 16  # its bytes rank so well that a quarter of the codes' proposals will do
EXACT_ROWS = 4_000  # so many allowed rows are scored sooner than proposals are found
EXACT_SHARE = 0.02
LATE_ROWS = 500  # of the delta, that are sooner scored than found
BYTES_FROM = 500  # rows that are sooner looked at through their bytes
MARGIN = 1.0  # standard errors of the codes by which the last answer must stand above the end of the list
MARGIN_FILTERED = 1.5  # a filter may have left just the rows whose codes flatter them
_OPENING = Lock()  # many ask at once when a generation is new: one opens it, the others wait
WORD_ROWS = 1_000  # rows proposed for the words found literally in them
HALVINGS = 7  # of the range of scores, until nearly only those are left


@dataclass(frozen=True, slots=True)
class Sought:
    """A question as vectors: each signal's unit vector, its share of the score (shares add up to 1), and the words.

    `words` is the share-scaled score of every row of the snapshot for words found literally, (size,), or None.
    `row` is the row that these vectors are of, where they are of one. `compared` is what the first candidates are
    compared with, beside; it finds none.
    """

    vectors: Mapping[str, Vector]
    shares: Mapping[str, float]
    words: Vector | None = None
    row: int | None = None
    compared: Compared | None = None


@dataclass(frozen=True, slots=True)
class _Generation:
    """What is opened once for a generation."""

    members: Rows
    starts: Rows
    alone: bool  # no two rows have equal vectors
    codes: Codes | None
    bytes: Bytes | None
    graph: Graph | None
    graph_factors: Mapping[str, float]
    signals: tuple[str, ...]
    matrices: Mapping[str, Matrix]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The rows of a snapshot, ready to be searched."""

    snapshot: "Snapshot"
    generation: _Generation
    delta: Mapping[str, Matrix]
    later: Later | None = None  # where there are codes

    @classmethod
    def open(cls, snapshot: "Snapshot") -> "Candidates":
        """Open, or find again, what was built for a snapshot. Raises StoreError for missing or damaged files."""
        return _opened(_Same(snapshot))

    def vector(self, signal: str, row: int) -> Vector:
        """The vector of a row of the snapshot, (dim,)."""
        base = self.snapshot.base
        vector: Vector = self.generation.matrices[signal][row] if row < base else self.delta[signal][row - base]
        return vector

    def vectors(self, signal: str, rows: Rows) -> Matrix:
        """The vectors of rows of the snapshot, (rows, dim)."""
        base, matrix = self.snapshot.base, self.generation.matrices[signal]
        if base == self.snapshot.size:
            return matrix[rows]
        found = np.empty((len(rows), matrix.shape[1]), np.float32)
        late = rows >= base
        found[~late], found[late] = matrix[rows[~late]], self.delta[signal][rows[late] - base]
        return found

    def variants(self, row: int) -> tuple[str, ...]:
        """Ids of the other living rows of a row's group, in the order of rows."""
        groups = self.snapshot.groups
        same = np.flatnonzero((groups == groups[row]) & self.snapshot.alive)
        return tuple(self.snapshot.ids(same[same != row]))

    def cosines(self, signal: str, vector: Vector, rows: Rows) -> Vector:
        """Inner product of a vector with rows of the snapshot, (rows,)."""
        base = self.snapshot.base
        if base == self.snapshot.size:
            return inner_products(self.generation.matrices[signal], vector, rows)
        late = rows >= base
        count = np.count_nonzero(late)  # mostly none or all: a call costs as much as dozens of rows
        if count == 0:
            return inner_products(self.generation.matrices[signal], vector, rows)
        if count == len(rows):
            return inner_products(self.delta[signal], vector, rows - base)
        found = np.empty(len(rows), np.float32)
        found[~late] = inner_products(self.generation.matrices[signal], vector, rows[~late])
        found[late] = inner_products(self.delta[signal], vector, rows[late] - base)
        return found

    def scores(self, sought: Sought, rows: Rows) -> Vector:
        """Exact scores of rows of the snapshot, (rows,)."""
        total = np.zeros(len(rows), np.float32)
        if len(rows) == 0:
            return total
        for signal, vector in sought.vectors.items():
            total += self.cosines(signal, vector * np.float32(sought.shares[signal]), rows)
        if sought.words is not None:
            total += sought.words[rows]
        return total

    def find(self, sought: Sought, allowed: Mask | None, need: int) -> Iterator[tuple[Rows, Vector]]:
        """Waves of rows with their exact scores, each wider than the one before, the last holding every allowed row.

        `allowed`, (size,), holds no dead row; None = every living row. `need` is how many answers are hoped for.
        """
        import faiss

        faiss.omp_set_num_threads(1)  # of this thread: waking a second one costs more than one question's share of work
        snapshot, base = self.snapshot, self.snapshot.base
        living = snapshot.alive if allowed is None else allowed
        few = np.flatnonzero(living) if allowed is not None or self.generation.codes is None else None
        if few is not None and (self.generation.codes is None or len(few) <= max(EXACT_ROWS, EXACT_SHARE * base)):
            yield from self._proven(sought, few, need)
            yield few, self.scores(sought, few)
            return
        worded = None
        if sought.words is not None:
            whole = allowed is None and len(snapshot.delta.removed) == 0
            worded = _by_words(sought.words if whole else sought.words * living)
        share = 1.0 if few is None else len(few) / snapshot.size
        depth = int(proposals(need) / share)
        while sought.vectors and depth < max(base // 4, 1):
            rows, scores, deep = self._propose(sought, living, depth, need, few is not None)
            if deep:
                beside = self._late(sought, living, depth if few is None else snapshot.size)
                if worded is not None:
                    fresh = worded[~np.isin(worded, rows)]
                    beside = np.union1d(beside, fresh) if len(beside) else fresh
                yield np.concatenate([rows, beside]), np.concatenate([scores, self.scores(sought, beside)])
            depth *= 4
        rows = np.flatnonzero(living)
        yield rows, self.scores(sought, rows)

    def _late(self, sought: Sought, living: Mask, depth: int) -> Rows:
        """Living rows of the delta, ascending: all of them while they are few, else those that look best."""
        base = self.snapshot.base
        alive = living[base:]
        if self.later is None or np.count_nonzero(alive) <= max(LATE_ROWS, depth):
            return base + np.flatnonzero(alive)
        return base + self.later.nearest(self._fused(sought, sought.shares), self.delta, alive, depth)

    def _proven(self, sought: Sought, rows: Rows, need: int) -> Iterator[tuple[Rows, Vector]]:
        """The best of the rows, with their scores, where bytes show that all others are worse."""
        early = rows[: np.searchsorted(rows, self.snapshot.base)]
        rounded, k = self.generation.bytes, proposals(need)
        if rounded is None or sought.words is not None or not sought.vectors or len(early) < max(BYTES_FROM, 2 * k):
            return
        found, most = rounded.best(self._fused(sought, sought.shares), early, k)
        best_rows = np.concatenate([early[np.sort(found)], rows[len(early) :]])
        scores = self.scores(sought, best_rows)
        proven = scores > most + TIE
        if np.count_nonzero(proven) >= need:
            yield best_rows[proven], scores[proven]

    def _propose(
        self, sought: Sought, living: Mask, depth: int, need: int, filtered: bool
    ) -> tuple[Rows, Vector, bool]:
        """Living rows among the `depth` that look best, their scores, and whether that was deep enough."""
        graph = self._graph_for(sought) if depth <= GRAPH_DEPTH and not filtered else None
        if graph is not None:
            factors = self.generation.graph_factors
            found, seeming = graph.nearest(self._fused(sought, factors), depth // GRAPH_PRECISION + GRAPH_SPARE)
            rows, _ = self._expand(found[found >= 0], seeming[found >= 0])
            rows = rows[living[rows]]
            return rows, self.scores(sought, rows), sought.row in rows
        assert self.generation.codes is not None
        found, seeming = self.generation.codes.nearest(self._fused(sought, sought.shares), depth)
        if len(found) == 0:
            return found, seeming, False
        deepest = seeming[-1]
        rows, seeming = self._expand(found, seeming)
        kept = living[rows]
        rows = rows[kept]
        scores = self.scores(sought, rows)
        if len(scores) <= need:
            return rows, scores, False
        # Errors of the codes seen here tell how far below the list a better row could still hide.
        errors = scores - seeming[kept]
        margin = MARGIN_FILTERED if filtered else MARGIN
        reach = float(deepest + errors.mean() + margin * errors.std())
        return rows, scores, float(np.partition(scores, -need)[-need]) >= reach - TIE

    def _graph_for(self, sought: Sought) -> Graph | None:
        """The graph, where it was built for these very shares and can be checked.

        About one walk in a hundred goes astray on a million rows. One that starts from a row of the graph and doesn't
        find it is recognised; other questions are left to the codes.
        """
        generation = self.generation
        if generation.graph is None or sought.row is None or sought.row >= self.snapshot.base:
            return None
        if len(sought.vectors) != len(generation.signals):
            return None
        searched = sum(sought.shares[s] for s in sought.vectors)  # what is only compared has a share, too
        same = all(abs(f * f - sought.shares[s] / searched) < 1e-6 for s, f in generation.graph_factors.items())
        return generation.graph if same or len(generation.signals) == 1 else None

    def _fused(self, sought: Sought, factors: Mapping[str, float]) -> Vector:
        parts = [
            sought.vectors[s] * np.float32(factors[s])
            if s in sought.vectors
            else np.zeros(self.generation.matrices[s].shape[1], np.float32)
            for s in self.generation.signals
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _expand(self, found: Rows, seeming: Vector) -> tuple[Rows, Vector]:
        """Rows whose vectors are those of the index's entries, with the entries' scores."""
        generation = self.generation
        if generation.alone:
            return generation.members[found], seeming
        starts = generation.starts[found]
        counts = generation.starts[found + 1] - starts
        within: Rows = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        return generation.members[np.repeat(starts, counts) + within], np.repeat(seeming, counts)


def _by_words(words: Vector) -> Rows:
    """The rows of the best scores, ascending. Most rows hold but a common word: they are cut off before any sorting."""
    low, high = np.float32(0), words.max(initial=0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if np.count_nonzero(words >= middle) >= WORD_ROWS else (low, middle)
    rows = np.flatnonzero(words >= low if low > 0 else words)
    return rows[np.sort(best(words[rows], WORD_ROWS))] if len(rows) > WORD_ROWS else rows


class _Same:
    """Something as the key of a cache: the same object, not an equal one."""

    __slots__ = ("it",)

    def __init__(self, it: object) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it is other.it


@lru_cache(maxsize=2)
def _opened(same: _Same) -> Candidates:
    snapshot: Snapshot = same.it  # type: ignore[assignment]
    file = snapshot.folder / FILE
    try:
        status = file.stat()
    except OSError as error:
        raise StoreError(f"{file}: is missing ({error.strerror}); build the store again.") from error
    with _OPENING:
        generation = _open_generation(snapshot.folder, (status.st_mtime_ns, status.st_ino))
        late = snapshot.size > snapshot.base and generation.codes is not None
        later = _later(_Same(generation.codes), _Same(snapshot.delta.grown), generation.signals) if late else None
    matrices = {signal: _plain(snapshot.matrix(signal)) for signal in snapshot.signals}
    delta = {s: _plain(snapshot.delta_matrix(s)) for s in snapshot.signals} if snapshot.size > snapshot.base else {}
    return Candidates(snapshot, replace(generation, matrices=matrices), delta, later)


@lru_cache(maxsize=2)
def _later(codes: _Same, grown: _Same, signals: tuple[str, ...]) -> Later:
    """The codes of what a delta grew to: one for all of its snapshots."""
    return Later(codes.it, signals)  # type: ignore[arg-type]


def _plain(matrix: Matrix) -> Matrix:
    return np.ascontiguousarray(np.asarray(matrix), np.float32)


@lru_cache(maxsize=4)
def _open_generation(folder: Path, stamp: tuple[int, int]) -> _Generation:
    try:
        about = json.loads((folder / FILE).read_text(encoding="utf-8"))
        members = np.load(folder / "members.npy", allow_pickle=False)
        starts = np.load(folder / "starts.npy", allow_pickle=False)
        signals = tuple(about["signals"])
        factors = dict(zip(signals, about["graph"] or (), strict=False))
        has_codes, has_graph = bool(about["codes"]), about["graph"] is not None
        rounded = about.get("bytes")  # stores of an earlier version have none
        size, dims = int(about["rows"]), [int(dim) for dim in about.get("dims", ())]
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise StoreError(f"{folder}: the index can't be opened ({error}); build the store again.") from error
    codes = Codes.load(folder / "codes.bin") if has_codes else None
    graph = Graph.load(folder / "graph.faiss") if has_graph else None
    as_bytes = Bytes.load(folder / BYTES, size, dims, **rounded) if rounded else None
    return _Generation(members, starts, len(starts) - 1 == len(members), codes, as_bytes, graph, factors, signals, {})
