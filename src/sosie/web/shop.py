"""What the routes share: the open store, the settings, and questions answered beside the event loop."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from threading import Lock
from typing import TypeVar

from sosie.config import Serving
from sosie.engine.candidates import Candidates
from sosie.engine.live import Live
from sosie.engine.questions import Answer, Encoders, answer
from sosie.engine.shop import Store
from sosie.errors import SosieError
from sosie.store import Snapshot
from sosie.types import Query
from sosie.web.desk import Desk
from sosie.web.encoding import Encoded, Encoding, Ready
from sosie.web.jobs import Job, Jobs
from sosie.web.problems import Problem

T = TypeVar("T")
LOOK = 0.5  # seconds between two looks whether a merge pays
WRITERS = 16  # writes that are made together, and committed together


class Shop:
    """An open store that answers many at once, and says so where that are too many."""

    def __init__(self, folder: Path, settings: Serving | None = None) -> None:
        self.store = Store(folder)
        self.settings = settings or self.store.snapshot.config.serve
        self.encoding = Encoding(self.store, self.settings.encodings)
        threads = self.settings.threads or max(1, (os.cpu_count() or 2) // self.settings.workers)
        self._desk = Desk(threads)
        self._most = self.settings.queue + threads
        self.live = Live(self.store, self.settings.deadline)
        self.jobs = Jobs(folder)
        self._writers = ThreadPoolExecutor(WRITERS, "sosie-write")
        self._merging = Lock()
        self._looked = 0.0  # when it was last looked whether a merge pays
        self.ready, self.trouble = False, ""  # whether the index is open, and why it isn't
        self.writing = 0  # writes under way or waiting
        self.inside = 0  # questions being answered or waiting

    async def ask(self, query: Query, snapshot: Snapshot | None = None) -> Answer:
        """Answer a question, by the newest state of the store unless another is given.

        Raises QuestionError and PictureError as the engine does; Problem: 429 where too many wait, 503 where it took
        too long.
        """
        now = snapshot or self.store.snapshot
        async with self._admitted():
            encoded = await self.encoding.encode(now, query) if query.text or query.image is not None else {}
            return await self._desk.run(partial(answer, now, query, self._encoders(encoded, now)))

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, called in a thread of those that answer. Raises Problem as `ask` does."""
        async with self._admitted():
            return await self._desk.run(work)

    async def open(self) -> None:
        """Open the index, so that no question need wait for it. Raises StoreError, and keeps what it says."""
        try:
            await self._desk.run(lambda: Candidates.open(self.store.snapshot))
        except SosieError as error:
            self.trouble = str(error)
            raise
        self.ready, self.trouble = True, ""

    async def warm(self) -> None:
        """Open the encoders, too."""
        await self.open()
        await self.encoding.encode(self.store.snapshot, Query(text="warm"))

    async def write(self, work: Callable[[], T], *, bounded: bool = True) -> T:
        """What `work` returns or raises, called in a thread of those that write.

        Raises Problem, 429, where too many writes wait; not for one that waits for those before it (`bounded` False).
        """
        if bounded and self.writing >= self._most:
            raise Problem(429, f"{self.writing} writes wait already; ask again in a second.", {"Retry-After": "1"})
        self.writing += 1
        try:
            done = await asyncio.get_running_loop().run_in_executor(self._writers, work)
        finally:
            self.writing -= 1
        if bounded and time.monotonic() - self._looked > LOOK:
            self._looked = time.monotonic()
            await asyncio.get_running_loop().run_in_executor(self._writers, self.merge_if_due)
        return done

    def merge_if_due(self) -> None:
        """Begin to merge what was written, where that pays."""
        if self.live.due():
            self.merge()

    def merge(self) -> Job:
        """Begin to make what was written a new generation, as a job; or the job that does it already."""
        with self._merging:
            running = self.jobs.running("merge")
            return running or self.jobs.start(
                "merge", lambda progress: {"version": self.live.merge(progress, apart=True)}
            )

    def close(self) -> None:
        """Let the threads end once they have answered."""
        self._writers.shutdown()
        self.jobs.wait(self.settings.deadline)  # what takes longer is safe to break off
        self._desk.close(self.settings.deadline)
        self.encoding.close()

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        if self.inside >= self._most:
            raise Problem(
                429,
                f"{self.settings.queue} questions wait already; ask again in a second, or start more --workers.",
                {"Retry-After": "1"},
            )
        self.inside += 1
        try:
            async with asyncio.timeout(self.settings.deadline):
                yield
        except TimeoutError:
            raise Problem(
                503,
                f"the answer took longer than {self.settings.deadline:g} s; ask again later, or for less.",
                {"Retry-After": "2"},
            ) from None
        finally:
            self.inside -= 1

    def _encoders(self, encoded: Encoded, now: Snapshot) -> Encoders:
        known = partial(self.store.encoder, state=now)
        if not encoded:
            return known
        return lambda signal: Ready(encoded[signal]) if signal in encoded else known(signal)  # type: ignore[return-value]
