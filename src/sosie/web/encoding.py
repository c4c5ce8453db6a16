"""Questions made vectors: those that wait together are encoded together, and what was encoded is kept for a while."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from sosie.config import Signals
from sosie.encoders.asked import encode_queries
from sosie.engine.shop import Store
from sosie.media import picture_hash
from sosie.store import Snapshot
from sosie.types import Query, Vector

TOGETHER = 32  # questions encoded in one pass: more make the first of them wait without gaining

Encoded = Mapping[str, Vector | None]
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What can be encoded in one pass: the same signals, by the same encoders."""

    signals: tuple[str, ...]
    fingerprints: tuple[str, ...]


class Encoding:
    """Encodes the words and pictures of questions.

    While one pass is under way, whatever is asked meanwhile gathers for the next: nobody waits for company. `size` is
    how many encoded questions are kept, the most recently asked.
    """

    def __init__(self, store: Store, size: int) -> None:
        self._store, self._size = store, size
        self._kept: OrderedDict[Key, Encoded] = OrderedDict()
        self._coming: dict[Key, asyncio.Future[Encoded]] = {}
        self._gathered: dict[Batch, list[tuple[Key, Query, Snapshot]]] = {}
        self._busy: set[Batch] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._threads = ThreadPoolExecutor(1, "sosie-encode")  # networks use all cores by themselves
        self.hits = self.passes = self.encoded = 0

    async def encode(self, snapshot: Snapshot, query: Query) -> Encoded:
        """Vectors of a question by signal; {} where it has neither words nor a picture. Raises PictureError."""
        if not query.text.strip() and query.image is None:
            return {}
        batch = _batch(snapshot, query)
        key: Key = (batch, query.text, picture_hash(str(query.image)) if query.image is not None else "")
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            return kept
        coming = self._coming.get(key)
        if coming is None:
            coming = self._coming[key] = asyncio.get_running_loop().create_future()
            self._gathered.setdefault(batch, []).append((key, query, snapshot))
            if batch not in self._busy:
                self._busy.add(batch)
                task = asyncio.get_running_loop().create_task(self._work(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(coming)

    def close(self) -> None:
        """Let the thread end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _work(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        while waiting := self._gathered.pop(batch, None):
            now, later = waiting[:TOGETHER], waiting[TOGETHER:]
            if later:
                self._gathered[batch] = later
            self.passes += 1
            self.encoded += len(now)
            state, queries = now[-1][2], [query for _, query, _ in now]  # states of one batch share their encoders
            found = await loop.run_in_executor(self._threads, self._together, batch, state, queries)
            for (key, _, _), one in zip(now, found, strict=True):
                future = self._coming.pop(key)
                if isinstance(one, BaseException):
                    future.set_exception(one)
                    future.exception()  # told to whoever waits, if anybody still does
                else:
                    self._keep(key, one)
                    future.set_result(one)
        self._busy.discard(batch)

    def _together(self, batch: Batch, state: Snapshot, queries: Sequence[Query]) -> list[Encoded | BaseException]:
        try:
            columns = [encode_queries(self._store.encoder(signal, state), queries) for signal in batch.signals]
        except Exception as error:
            if len(queries) == 1:
                return [error]
            return [
                one for query in queries for one in self._together(batch, state, [query])
            ]  # the others are not at fault
        return [{s: column[at] for s, column in zip(batch.signals, columns, strict=True)} for at in range(len(queries))]

    def _keep(self, key: Key, encoded: Encoded) -> None:
        self._kept[key] = encoded
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)


def _batch(snapshot: Snapshot, query: Query) -> Batch:
    """The signals that a question is encoded for: those of the store that are made of words or pictures here."""
    weights = dict(snapshot.weights) | dict(query.weights or {})
    states = snapshot.manifest.signals
    signals = tuple(s for s in snapshot.signals if s in Signals.model_fields and weights[s] > 0)
    return Batch(signals, tuple(states[signal].fingerprint for signal in signals))


class Ready:
    """An encoder whose answer to one question is known already."""

    def __init__(self, vector: Vector | None) -> None:
        self._vector = vector

    def encode_query(self, query: Query) -> Vector | None:
        """The vector that was made before."""
        return self._vector
