"""Work that takes longer than an answer: done in a thread, told in a file that every process of the service reads."""

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from sosie.errors import SosieError, StoreError
from sosie.store.files import explained
from sosie.types import Progress

FOLDER = "jobs"
KEPT = 50  # jobs that are remembered
EVERY = 0.3  # seconds between two notes of how far a job is
BEAT = 15.0  # seconds after which a stream says that it lives

State = Literal["running", "done", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Job:
    """How far some work is. `result` is what it came to, `error` why it did not."""

    id: str
    kind: str
    state: State = "running"
    stage: str = ""
    done: int = 0
    total: int | None = None
    started: str = ""
    ended: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    pid: int = 0

    def told(self) -> dict[str, Any]:
        """The same as plain values for whoever asks."""
        return {name: value for name, value in asdict(self).items() if name != "pid"}


class Jobs:
    """The jobs of a store."""

    def __init__(self, store: Path) -> None:
        self._folder = store / FOLDER
        self._threads: dict[str, threading.Thread] = {}

    def start(self, kind: str, work: Callable[[Progress], dict[str, Any]]) -> Job:
        """Begin some work; what it returns is the job's result. Raises StoreError where it can't be noted."""
        job = Job(f"{time.time_ns():x}{os.urandom(3).hex()}", kind, started=_now(), pid=os.getpid())
        self._write(job)
        self._forget()
        thread = threading.Thread(target=self._run, args=(job, work), name=f"sosie-{kind}", daemon=True)
        self._threads[job.id] = thread
        thread.start()
        return job

    def find(self, id: str) -> Job | None:
        """A job as it is now."""
        if not id.isalnum():
            return None
        try:
            job = Job(**orjson.loads((self._folder / f"{id}.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        if job.state == "running" and not _lives(job.pid):
            return replace(job, state="lost", error="the process that did this ended; begin it again.")
        return job

    def all(self) -> list[Job]:
        """The jobs that are remembered, the newest first."""
        found = [self.find(file.stem) for file in sorted(self._folder.glob("*.json"), reverse=True)]
        return [job for job in found if job is not None]

    def running(self, kind: str) -> Job | None:
        """A job of a kind that isn't done yet."""
        return next((job for job in self.all() if job.kind == kind and job.state == "running"), None)

    async def follow(self, id: str) -> AsyncIterator[bytes]:
        """How a job goes on, as server-sent events, until it ends."""
        last: Job | None = None
        spoke = time.monotonic()
        while (job := self.find(id)) is not None:
            if job != last:
                name = "progress" if job.state == "running" else job.state
                yield b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(job.told()))
                last, spoke = job, time.monotonic()
            elif time.monotonic() - spoke > BEAT:
                yield b": still running\n\n"
                spoke = time.monotonic()
            if job.state != "running":
                return
            await asyncio.sleep(EVERY)

    def wait(self, seconds: float) -> None:
        """Let what runs here come to its end."""
        until = time.monotonic() + seconds
        for thread in list(self._threads.values()):
            thread.join(max(0.0, until - time.monotonic()))

    def _run(self, job: Job, work: Callable[[Progress], dict[str, Any]]) -> None:
        noted = 0.0

        def progress(stage: str, done: int, total: int | None) -> None:
            nonlocal job, noted
            now = time.monotonic()
            if stage != job.stage or now - noted >= EVERY:
                noted = now
                job = replace(job, stage=stage, done=done, total=total)
                self._note(job)

        try:
            result = work(progress)
            job = replace(job, state="done", ended=_now(), result=result)
        except SosieError as error:
            job = replace(job, state="failed", ended=_now(), error=str(error))
        except Exception as error:  # a job has nobody above it who could tell
            job = replace(job, state="failed", ended=_now(), error=f"something failed: {type(error).__name__}: {error}")
        finally:
            self._note(job)
            self._threads.pop(job.id, None)

    def _note(self, job: Job) -> None:
        try:
            self._write(job)
        except StoreError:
            return  # a full disk: the work itself goes on, or tells it

    def _write(self, job: Job) -> None:
        with explained(self._folder.parent, "note how a job goes on"):
            self._folder.mkdir(exist_ok=True)
            partial = self._folder / f"{job.id}.partial"
            partial.write_bytes(orjson.dumps(job))
            partial.replace(self._folder / f"{job.id}.json")

    def _forget(self) -> None:
        for file in sorted(self._folder.glob("*.json"), reverse=True)[KEPT:]:
            file.unlink(missing_ok=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
