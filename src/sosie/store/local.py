"""The embedded store: a folder, nothing to start; one writer, many readers."""

import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from sosie.config import Config
from sosie.errors import BusyError, StoreError
from sosie.store.appending import Appender
from sosie.store.cache import VectorCache
from sosie.store.delta import DeltaWriter, delta_file, last_commit, no_delta, read_delta
from sosie.store.files import explained, sync_folder
from sosie.store.generation import generation_key, open_generation
from sosie.store.manifest import MANIFEST, Manifest, generation_folder, read_manifest, whole_generations
from sosie.store.merging import finish_merge, start_merge
from sosie.store.rebuild import NewGeneration
from sosie.store.snapshot import Snapshot
from sosie.store.tidy import drop_leftovers
from sosie.store.writer import Writer

LOCK, HOLDER, MERGE_LOCK = "write.lock", "writer.json", "merge.lock"
TURN = "turn.lock"  # held while waiting for the lock: who just had it waits behind, instead of taking it again
POLL = 0.003  # seconds between two looks whether another process's lock is free
TRIES = 5  # a generation can go away between reading the manifest and opening it
_UNREADABLE = (OSError, EOFError, ValueError, KeyError, TypeError, sqlite3.Error)  # what a missing or cut file raises


class LocalStore:
    """A store in a folder. Threads and processes may share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.cache = VectorCache(folder / "cache")
        self._seen: tuple[int, ...] = ()
        self._snapshot: Snapshot | None = None
        self._opening = threading.Lock()
        self._delta: DeltaWriter | None = None

    @classmethod
    def exists(cls, folder: Path) -> bool:
        """Whether a folder holds a store, damaged or not."""
        return (folder / MANIFEST).exists() or bool(whole_generations(folder))

    @classmethod
    def open(cls, folder: Path) -> "LocalStore":
        """Open a store. Raises StoreError: there is none, it is damaged, or a newer sosie wrote it."""
        store = cls(folder)
        store.snapshot()
        return store

    @classmethod
    def create(cls, folder: Path, config: Config) -> "LocalStore":
        """Make a store without products. Raises StoreError where there is one already."""
        if cls.exists(folder):
            raise StoreError(f"{folder}: there is a store already.")
        with explained(folder, "create it"):
            folder.mkdir(parents=True, exist_ok=True)
            Manifest(config).write(folder)
            sync_folder(folder.parent)
        return cls(folder)

    @property
    def config(self) -> Config:
        """The settings of the store."""
        return self.snapshot().config

    @property
    def source(self) -> dict[str, Any]:
        """Where the products came from, as the last build noted it."""
        return dict(self.snapshot().manifest.source)

    @property
    def counters(self) -> dict[str, Any]:
        """The counters that the last build noted."""
        return dict(self.snapshot().manifest.counters)

    def snapshot(self) -> Snapshot:
        """The newest state. The same object, for the price of one stat, while nothing changed. Raises StoreError."""
        seen = self._stat()
        if self._snapshot is not None and seen == self._seen:
            return self._snapshot
        with self._opening:
            for last in range(TRIES):
                seen = self._stat()
                if self._snapshot is not None and seen == self._seen:
                    return self._snapshot  # another thread read it meanwhile
                try:
                    snapshot = self._read()
                except _UNREADABLE as error:
                    if self._stat() != seen and last < TRIES - 1:
                        continue  # another state took its place meanwhile
                    raise self._unreadable(error) from error
                self._snapshot, self._seen = snapshot, seen
                return snapshot
        raise AssertionError("unreachable")

    def _unreadable(self, error: Exception) -> StoreError:
        whole = whole_generations(self.folder)
        way = f"`sosie rollback` goes back to gen-{whole[-2]}" if len(whole) > 1 else "build it anew in another folder"
        return StoreError(f"store {self.folder}: its files are damaged or incomplete: {error}. {way}.")

    @contextmanager
    def write(self) -> Iterator[Writer]:
        """Be the one writer of the store. Raises BusyError at once, naming the other writer, where there is one."""
        with self.locked():
            drop_leftovers(self.folder)
            self._seen = ()  # what is changed has to be the newest state: read, not guessed from a file's date
            writer = Writer(self.snapshot())
            try:
                yield writer
            finally:
                writer.close()

    @contextmanager
    def append(self, wait: float = 0.0) -> Iterator[Appender]:
        """Be the one writer of the store for one commit of its delta; another writer is waited for, in seconds.

        Raises BusyError, naming the other writer, when that was too long.
        """
        with self.locked(wait):
            self._seen = ()
            snapshot = self.snapshot()
            yield Appender(snapshot, lambda: self._delta_writer(snapshot.generation.number))
            self._seen = ()

    @contextmanager
    def merge(self, wait: float = 0.0) -> Iterator[tuple[Snapshot, NewGeneration]]:
        """Take the delta into a new generation: gives the state that is merged, and the generation to be indexed.

        Others read and write meanwhile. Leaving the block carries over what they wrote, and switches; another writer
        is waited for, in seconds. Where another generation took the place of the one that was merged, nothing is
        changed. Raises BusyError: another process merges, or writes for too long; StoreError.
        """
        with self.merging():
            old = self.snapshot()
            with explained(self.folder, "prepare a new generation"):
                fresh = start_merge(old)
            try:
                yield old, fresh
                with explained(self.folder, "finish the new generation"):
                    fresh.seal()
                with self.locked(wait):
                    drop_leftovers(self.folder)
                    self._seen = ()
                    now = self.snapshot()
                    if now.generation.key == old.generation.key:
                        with explained(self.folder, "finish the new generation"):
                            finish_merge(old, now, fresh)
            finally:
                fresh.discard()  # what was not renamed

    @contextmanager
    def merging(self) -> Iterator[None]:
        """Hold the lock of the one who merges. Raises BusyError."""
        lock = FileLock(self.folder / MERGE_LOCK, timeout=0)
        with explained(self.folder, "lock it for merging"):
            try:
                lock.acquire()
            except Timeout:
                raise BusyError(f"store {self.folder}: is being merged already. Wait until it is done.") from None
        try:
            yield
        finally:
            lock.release()

    def _delta_writer(self, generation: int) -> DeltaWriter:
        """The open delta of a generation; only who holds the lock may use it."""
        file = delta_file(self.folder, generation)
        if self._delta is not None and not self._delta.writes(file):
            self._delta.close()
            self._delta = None
        self._delta = self._delta or DeltaWriter(file)
        return self._delta

    def rollback(self) -> int:
        """Go back to the generation before the current one, its delta included; returns its number. Raises StoreError.

        Works on a store whose manifest is damaged, too: it then goes to the last whole generation. The state that
        is left is removed by the next writer.
        """
        if not self.exists(self.folder):
            raise StoreError(f"{self.folder}: there is no store here.")
        with self.locked():
            drop_leftovers(self.folder)
            whole = whole_generations(self.folder)
            try:
                manifest = read_manifest(self.folder)
                earlier = [number for number in whole if number < manifest.generation]
            except StoreError:
                manifest, earlier = None, whole
            if not earlier:
                raise StoreError(f"store {self.folder}: there is no earlier generation to go back to.")
            back = read_manifest(generation_folder(self.folder, earlier[-1]))
            with explained(self.folder, f"go back to gen-{earlier[-1]}"):
                if manifest is None:  # nobody knows which commit of its delta counted last
                    back = replace(back, commit=last_commit(delta_file(self.folder, earlier[-1])))
                newest = max(back.newest, manifest.newest if manifest else 0, *whole)
                replace(back, newest=newest).write(self.folder)
            return earlier[-1]

    def earlier(self) -> list[int]:
        """Generations before the current one that are still there, the newest first: a roll-back goes to the first."""
        now = self.snapshot().generation.number
        return [number for number in reversed(whole_generations(self.folder)) if number < now]

    def at(self, number: int) -> Snapshot:
        """The state that a roll-back to a generation would bring, or the newest. Raises StoreError: it is gone."""
        now = self.snapshot()
        if number == now.generation.number:
            return now
        file = generation_folder(self.folder, number) / MANIFEST
        try:
            return _state(self.folder, number, file.stat().st_mtime_ns)
        except _UNREADABLE as error:
            raise StoreError(f"store {self.folder}: there is no generation {number} any more.") from error

    @contextmanager
    def locked(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the lock of the one writer; another one is waited for, in seconds. Raises BusyError, naming it."""
        lock, turn = FileLock(self.folder / LOCK, timeout=wait), FileLock(self.folder / TURN, timeout=wait)
        holder = self.folder / HOLDER
        with explained(self.folder, "lock it for writing"):
            try:
                with turn.acquire(poll_interval=POLL) if wait else nullcontext():
                    lock.acquire(poll_interval=POLL)
            except Timeout:
                raise BusyError(
                    f"store {self.folder}: is being written{_told(holder)}. Wait until it is done."
                ) from None
        try:
            with explained(self.folder, "lock it for writing"):
                since = datetime.now(UTC).isoformat(timespec="seconds")
                holder.write_text(json.dumps({"pid": os.getpid(), "since": since}))
            yield
        finally:
            holder.unlink(missing_ok=True)
            lock.release()

    def _stat(self) -> tuple[int, ...]:
        try:
            status = (self.folder / MANIFEST).stat()
        except OSError:
            return ()
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _read(self) -> Snapshot:
        """The state on disk; what did not change since the last snapshot is taken from it."""
        manifest, before = read_manifest(self.folder), self._snapshot
        if before is not None and before.generation.key == generation_key(self.folder, manifest):
            generation = before.generation
            known = before.delta if before.delta.commit <= manifest.commit else None
        else:
            generation, known = open_generation(self.folder, manifest), None
        delta = read_delta(
            delta_file(self.folder, manifest.generation),
            known or no_delta(generation, manifest.signals),
            manifest.commit,
        )
        return Snapshot(self.folder, manifest, generation, delta)


@lru_cache(maxsize=2)
def _state(folder: Path, number: int, stamp: int) -> Snapshot:
    manifest = read_manifest(generation_folder(folder, number))
    generation = open_generation(folder, manifest)
    delta = read_delta(delta_file(folder, number), no_delta(generation, manifest.signals), manifest.commit)
    return Snapshot(folder, manifest, generation, delta)


def _told(holder: Path) -> str:
    try:
        told = json.loads(holder.read_text())
        return f" by process {told['pid']}, since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return " by another process"
