"""Writing to a store while it answers: products put and removed, durable and visible when the call returns."""

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sosie.engine.build import silent
from sosie.engine.candidates import Candidates
from sosie.engine.making import Item, basis_of, is_same, items_of, make
from sosie.engine.shop import Store
from sosie.engine.wording import word_scores
from sosie.engine.writing import LEAST_DELTA, write_indexes
from sosie.errors import BusyError, SosieError, StoreError
from sosie.store import Snapshot
from sosie.types import Matrix, Product, Progress

WAIT = 30.0  # seconds for another writer of the store
LOT = 1_024  # products or removals that are committed at a time
MOST_DELTA = 10_000  # rows: every one of them is looked at for every question
MERGE_WAIT = 600.0  # seconds for another writer before a finished merge is given up
GATHER = 0.004  # seconds in which calls gather where several threads write: a commit costs as much for many
FEW = 8  # products of a call that are encoded together with those of other calls

_MERGE = """
import os, sys
from pathlib import Path
from sosie.engine.live import Live
from sosie.engine.shop import Store
from sosie.errors import SosieError
if hasattr(os, "nice"):
    os.nice(10)
try:
    Live(Store(Path(sys.argv[1]))).merge()
except SosieError as error:
    print(f"{type(error).__name__}: {error}")
    sys.exit(1)
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one product: "created", "updated", "unchanged", "removed", or "unknown" (nothing to remove)."""

    id: str
    what: str


@dataclass(slots=True)
class _Call:
    """Part of a call that waits to be committed; no id stands in it twice."""

    ids: Sequence[str]
    items: Sequence[Item]  # of the products to be put; none where the ids are to be removed
    deadline: float
    written: list[Written] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False
    woken: threading.Event = field(default_factory=threading.Event)  # once it is done, or is to lead

    def fail(self, error: BaseException) -> None:
        self.error, self.done = error, True


class _StaleError(Exception):
    """The store is not any more as it was when vectors were made."""


class Live:
    """Writes to an open store. Threads may share it; other processes may write to the same store.

    Calls that wait at the same moment are committed together: one thread leads, commits for all until its own call is
    done, and wakes the next to lead.
    """

    def __init__(self, store: Store, wait: float = WAIT) -> None:
        self._store, self._wait = store, wait
        self._waiting: deque[_Call] = deque()
        self._queue = threading.Lock()
        self._led = False  # whether a thread leads

    def put(self, products: Sequence[Product], vectors: Mapping[str, Matrix] | None = None) -> list[Written]:
        """Write products, in their order; each is encoded as a build would, with the store's frozen encoders.

        `vectors` are raw ones made elsewhere, by signal, (products, raw dim); zeros = missing. More than 1,024
        products are committed in parts. Raises CatalogueError (an unusable id, vectors that don't fit), EncoderError,
        BusyError (another process writes), StoreError (disk full); then parts before may be written, and it can be
        called again.
        """
        snapshot = self._store.snapshot
        items = items_of(snapshot, products, vectors)
        written: list[Written] = []
        for part in _parts([item.product.id for item in items]):
            some = items[part]
            if len(some) > FEW:
                self._make(self._store.snapshot, some)
            written += self._submit(_Call([item.product.id for item in some], some, self._deadline()))
        return written

    def remove(self, ids: Sequence[str]) -> list[Written]:
        """Remove products, in their order. Raises BusyError, StoreError as `put` does."""
        written: list[Written] = []
        for part in _parts(ids):
            written += self._submit(_Call(ids[part], (), self._deadline()))
        return written

    def due(self) -> bool:
        """Whether so much was written since the last generation that it should be merged."""
        snapshot = self._store.snapshot
        removed = int(np.count_nonzero(~snapshot.alive[: snapshot.base]))
        share = snapshot.config.build.merge_share * snapshot.base
        return snapshot.size - snapshot.base + removed > max(LEAST_DELTA, min(share, MOST_DELTA))

    def merge(self, progress: Progress = silent, *, apart: bool = False) -> str:
        """Take what was written since the last generation into the next one; returns the version of the store then.

        Reads and writes go on, also those of other processes; only one process merges. `apart` does it in a process
        of its own, of low priority, so that threads of this one that answer are not held up. Raises BusyError: another
        process merges, or one that builds does not end; StoreError (disk full); then the store is as it was before.
        """
        before = self._store.snapshot
        if before.manifest.commit:
            progress("indexing", 0, None)
            if apart:
                _merge_apart(self._store.folder)
            else:
                with self._store.local.merge(MERGE_WAIT) as (old, fresh):
                    write_indexes(fresh, old.weights, old.scales, old.config.index)
            self._warm(before)
        return self._store.snapshot.version

    def _warm(self, before: Snapshot) -> None:
        """Open what questions asked for before, so that the first ones of a new generation needn't wait for it."""
        snapshot = self._store.snapshot
        Candidates.open(snapshot)
        word_scores(snapshot, "warm")
        for name in before.asked_columns:
            snapshot.columns.get(name)

    def _deadline(self) -> float:
        return time.monotonic() + self._wait

    def _make(self, snapshot: Snapshot, items: Sequence[Item]) -> None:
        make(snapshot, items, self._store.encoder, self._store.cache)

    def _submit(self, call: _Call) -> list[Written]:
        with self._queue:
            self._waiting.append(call)
            leads, self._led = not self._led, True
        if not leads:
            call.woken.wait()
            if not call.done:
                time.sleep(GATHER)
        if not call.done:
            try:
                while not call.done:
                    self._lead(self._take())
            finally:
                self._hand_over()
        if call.error is None:
            return call.written
        if isinstance(call.error, SosieError):
            raise type(call.error)(str(call.error)) from call.error  # several threads may raise what one met
        raise call.error

    def _hand_over(self) -> None:
        """Let another thread lead, where any waits."""
        with self._queue:
            self._led = bool(self._waiting)
            if self._waiting:
                self._waiting[0].woken.set()

    def _take(self) -> list[_Call]:
        """The calls to be committed together: in their order, none with an id of an earlier one."""
        calls: list[_Call] = []
        seen: set[str] = set()
        while self._waiting and len(seen) < LOT and seen.isdisjoint(self._waiting[0].ids):
            call = self._waiting.popleft()
            seen.update(call.ids)
            calls.append(call)
        return calls

    def _lead(self, taken: list[_Call]) -> None:
        """Commit calls, and tell each what became of it."""
        try:
            while calls := [call for call in taken if not call.done]:
                try:
                    self._prepare(calls)
                    self._commit([call for call in calls if not call.done])
                except _StaleError:
                    continue
                except BusyError as error:
                    for call in calls:
                        if call.deadline <= time.monotonic():
                            call.fail(error)
        except BaseException as error:
            for call in taken:
                if not call.done:
                    call.fail(error)
            if not isinstance(error, SosieError):
                raise
        finally:
            for call in taken:
                call.woken.set()

    def _prepare(self, calls: Sequence[_Call]) -> None:
        """Make what vectors are missing, or were made of another state of the store."""
        snapshot = self._store.snapshot
        basis = basis_of(snapshot)
        old = [i for call in calls for i in call.items if i.made is None or i.made.basis != basis]
        try:
            self._make(snapshot, old)
        except SosieError:
            for call in calls:  # one that can't be encoded is no fault of the others
                try:
                    self._make(snapshot, call.items)
                except SosieError as error:
                    call.fail(error)

    def _commit(self, calls: Sequence[_Call]) -> None:
        snapshot = self._store.snapshot
        changing = []
        for call in calls:
            plan = _planned(snapshot, call)
            if plan.ended or plan.items:
                changing.append(call)
            else:
                call.written, call.done = plan.written, True
        if not changing:
            return
        with self._store.local.append(max(0.0, changing[0].deadline - time.monotonic())) as appender:
            plans = [_planned(appender.snapshot, call) for call in changing]
            items = [item for plan in plans for item in plan.items]
            ended = np.array([row for plan in plans for row in plan.ended], np.int64)
            if len(items) or len(ended):
                vectors = _stacked(appender.snapshot, items)
                appender.commit([item.product for item in items], [item.record for item in items], vectors, ended)
        _ = self._store.snapshot  # whoever asks next finds it read
        for call, plan in zip(changing, plans, strict=True):
            call.written, call.done = plan.written, True


def _merge_apart(folder: Path) -> None:
    """Merge in a process of its own. Raises StoreError, BusyError as the process met them."""
    done = subprocess.run(
        [sys.executable, "-c", _MERGE, str(folder.resolve())], capture_output=True, text=True, check=False
    )
    if done.returncode:
        kind, _, told = (done.stdout.strip() or f": the merge ended with status {done.returncode}").partition(": ")
        raise (BusyError if kind == BusyError.__name__ else StoreError)(told)


@dataclass(slots=True)
class _Plan:
    """What becomes of a call: what is told, what is to be written, and rows that end."""

    written: list[Written] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)


def _planned(snapshot: Snapshot, call: _Call) -> _Plan:
    """What a call changes in a state of the store. Raises _StaleError: vectors are to be made anew."""
    plan = _Plan()
    rows = snapshot.rows(call.ids)
    there = rows[rows >= 0]
    records = dict(zip(there.tolist(), snapshot.raw_records(there), strict=True)) if call.items else {}
    for at, (id, row) in enumerate(zip(call.ids, rows.tolist(), strict=True)):
        item = call.items[at] if call.items else None
        what = _what(snapshot, row, records.get(row), item)
        plan.written.append(Written(id, what))
        if row >= 0 and what != "unchanged":
            plan.ended.append(row)
        if item is not None and what != "unchanged":
            plan.items.append(item)
    return plan


def _what(snapshot: Snapshot, row: int, record: bytes | None, item: Item | None) -> str:
    """What becomes of a product that stands at a row with a record, or nowhere (-1, None). Raises _StaleError."""
    if item is None:
        return "removed" if row >= 0 else "unknown"
    if record is not None and is_same(snapshot, row, record, item):
        return "unchanged"
    if item.made is None or item.made.before != record or item.made.basis != basis_of(snapshot):
        item.made = None
        raise _StaleError
    return "created" if record is None else "updated"


def _stacked(snapshot: Snapshot, items: Sequence[Item]) -> dict[str, Matrix]:
    """Vectors of items by signal, (items, dim); zeros where a product lacks one."""
    out: dict[str, Matrix] = {}
    for signal, state in snapshot.manifest.signals.items():
        nothing = np.zeros(state.dim, state.dtype)
        rows = [item.made.vectors.get(signal, nothing) if item.made is not None else nothing for item in items]
        out[signal] = np.stack(rows) if rows else np.zeros((0, state.dim), state.dtype)
    return out


def _parts(ids: Sequence[str]) -> Iterator[slice]:
    """Slices of at most LOT ids, none of which holds an id twice."""
    start = 0
    seen: set[str] = set()
    for at, id in enumerate(ids):
        if id in seen or len(seen) == LOT:
            yield slice(start, at)
            start, seen = at, set()
        seen.add(id)
    if seen:
        yield slice(start, len(ids))
