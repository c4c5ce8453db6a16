"""Work that does not belong on the event loop, done by a few threads."""

import asyncio
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")


class Desk:
    """Threads that answer in turn, for one event loop.

    Answers go back to the loop many at a time: a busy one is woken once for all of them.
    """

    def __init__(self, threads: int) -> None:
        self._work: SimpleQueue[tuple[asyncio.Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._woken = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._threads = [Thread(target=self._serve, name=f"sosie-answer-{at}", daemon=True) for at in range(threads)]

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises, called in a thread. Not called any more where the wait for it ends sooner."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            for thread in self._threads:
                thread.start()
        future: asyncio.Future[T] = self._loop.create_future()
        self._work.put((future, work))
        return await future

    def close(self, seconds: float) -> None:
        """Let the threads end, once all that was taken in is answered."""
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(seconds)

    def _serve(self) -> None:
        while (job := self._work.get()) is not None:
            future, work = job
            if future.done():
                continue
            result, error = None, None
            try:
                result = work()
            except BaseException as raised:  # raised again where it was asked for
                error = raised
            self._done.append((future, result, error))
            del job, future, work, result, error
            if not self._woken and self._loop is not None:
                self._woken = True
                try:
                    self._loop.call_soon_threadsafe(self._hand_over)
                except RuntimeError:
                    return  # the loop is closed: nobody waits

    def _hand_over(self) -> None:
        self._woken = False  # before looking: what comes later wakes again
        while self._done:
            future, result, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
