"""What a store holds that nothing needs: left by processes that were killed, or beyond what its cache may take."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sosie.errors import BusyError
from sosie.store.files import explained
from sosie.store.local import LocalStore
from sosie.store.manifest import read_manifest
from sosie.store.merging import MERGING
from sosie.store.models import MODELS
from sosie.store.restore import RESTORED
from sosie.store.snapshot import ENCODERS
from sosie.store.staging import STAGED
from sosie.store.tidy import discard, drop_leftovers, drop_old_generations

WAIT = 10.0  # seconds for a writer
_DELTA = re.compile(r"delta-(\d+)\.sqlite(-wal|-shm)?")


@dataclass(frozen=True, slots=True)
class Freed:
    """Bytes that were freed: of generations and encoders no state refers to, of unfinished work, of the cache."""

    states: int
    unfinished: int
    cache: int
    notes: tuple[str, ...] = ()


def collect(store: Path, cache_limit: int | None = None) -> Freed:
    """Remove leftovers, and the oldest vectors of the cache beyond a limit in bytes (its own where None).

    What a merge under way needs is left alone. Raises StoreError; BusyError: another process writes.
    """
    local = LocalStore.open(store)
    notes: list[str] = []
    with explained(store, "remove what it does not need"):
        with local.locked(WAIT):
            states = _freed(store, lambda: _drop_states(store))
            unfinished = _freed(store, lambda: _drop_unfinished(store))
        try:
            with local.merging():
                unfinished += _freed(store, lambda: discard(store / MERGING))
        except BusyError:
            notes.append("a merge is under way; what it writes was left alone.")
        cache = _freed(store / "cache", lambda: local.cache.gc(cache_limit))
    return Freed(states, unfinished, cache, tuple(notes))


def _freed(folder: Path, work: Callable[[], object]) -> int:
    """By how many bytes the files of a folder shrink while something is done."""
    before = _size(folder)
    work()
    return max(0, before - _size(folder))


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            total += path.stat().st_size if path.is_file() else 0
    return total


def _drop_states(store: Path) -> None:
    drop_leftovers(store)
    drop_old_generations(store, read_manifest(store))
    for file in store.glob("delta-*"):
        found = _DELTA.fullmatch(file.name)
        if found and not (store / f"gen-{found[1]}").is_dir():
            file.unlink(missing_ok=True)


def _drop_unfinished(store: Path) -> None:
    for folder in (store / STAGED, store / RESTORED, *_partial(store / ENCODERS), *_partial(store / MODELS)):
        discard(folder)
    for file in store.glob("*.new"):
        file.unlink(missing_ok=True)


def _partial(folder: Path) -> Iterator[Path]:
    yield from folder.glob("*.partial")
