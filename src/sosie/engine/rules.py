"""Pins and blocks: what a merchandiser always shows beside a product, and what never.

They lie in `rules.json` beside the generations, so that they outlive builds, merges, other encoders and roll-backs.
They name products by id; a rule whose product is gone is kept, and without effect while it is.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from filelock import FileLock, Timeout

from sosie.errors import BusyError, StoreError
from sosie.store.files import explained, write_atomic

FORMAT = 1
FILE, LOCK = "rules.json", "rules.lock"
ANYWHERE = "*"  # in place of a product: beside every one
WAIT = 10.0  # seconds for another process that changes them

Listed = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Rules:
    """Of each product, those pinned and those blocked beside it, in the order of the merchandiser."""

    pins: Listed = field(default_factory=dict)
    blocks: Listed = field(default_factory=dict)  # "*" = beside every product

    def blocked(self, id: str) -> tuple[str, ...]:
        """What is never shown beside a product."""
        return (*self.blocks.get(id, ()), *self.blocks.get(ANYWHERE, ()))

    def pinned(self, id: str) -> tuple[str, ...]:
        """What comes first beside a product: a block is stronger than a pin."""
        blocked = self.blocked(id)
        return tuple(one for one in self.pins.get(id, ()) if one not in blocked)

    def with_pins(self, id: str, others: Sequence[str]) -> "Rules":
        """Pin products beside another, after those that are; they are no longer blocked beside it."""
        return Rules(_with(self.pins, id, others), _without(self.blocks, id, others))

    def with_blocks(self, id: str, others: Sequence[str]) -> "Rules":
        """Block products beside another, or anywhere; they are no longer pinned beside it."""
        return Rules(_without(self.pins, id, others), _with(self.blocks, id, others))

    def without_pins(self, id: str, others: Sequence[str] | None = None) -> "Rules":
        """Take back pins; all of a product where none are named."""
        return replace(self, pins=_without(self.pins, id, others))

    def without_blocks(self, id: str, others: Sequence[str] | None = None) -> "Rules":
        """Take back blocks; all of a product where none are named."""
        return replace(self, blocks=_without(self.blocks, id, others))

    def as_json(self) -> dict[str, dict[str, list[str]]]:
        """As plain values."""
        return {
            name: {id: list(others) for id, others in listed.items()}
            for name, listed in (("pins", self.pins), ("blocks", self.blocks))
        }


NO_RULES = Rules()


def read_rules(store: Path) -> Rules:
    """The rules of a store; a stat where nothing changed. Raises StoreError: damaged, or of a newer version."""
    file = store / FILE
    try:
        status = file.stat()
    except FileNotFoundError:
        return NO_RULES
    except OSError as error:
        raise StoreError(f"{file}: can't be read ({error.strerror}).") from error
    return _read(file, (status.st_mtime_ns, status.st_ino, status.st_size))


def change_rules(store: Path, change: Callable[[Rules], Rules]) -> Rules:
    """Write what `change` makes of the rules of a store; returns it. Nobody else changes them meanwhile.

    Raises BusyError: somebody else does for too long; StoreError: damaged, disk full.
    """
    lock = FileLock(store / LOCK, timeout=WAIT)
    with explained(store, "change its rules"):
        try:
            lock.acquire(poll_interval=0.01)
        except Timeout:
            raise BusyError(f"store {store}: another process changes its rules; try again.") from None
        try:
            before = read_rules(store)
            after = change(before)
            if after != before:
                content = {"format": FORMAT} | after.as_json()
                write_atomic(store / FILE, json.dumps(content, ensure_ascii=False, indent=1).encode())
            return after
        finally:
            lock.release()


@lru_cache(maxsize=8)
def _read(file: Path, stamp: tuple[int, ...]) -> Rules:
    try:
        content = json.loads(file.read_bytes())
        if content["format"] > FORMAT:
            raise StoreError(f"{file}: was written by a newer sosie; use that.")
        return Rules(_listed(content["pins"]), _listed(content["blocks"]))
    except OSError as error:
        raise StoreError(f"{file}: can't be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{file}: can't be understood ({error}); correct it, or remove it.") from error


def _listed(content: Mapping[str, Iterable[str]]) -> Listed:
    listed = {id: tuple(others) for id, others in content.items()}
    if any(isinstance(others, str) or not all(isinstance(one, str) for one in others) for others in content.values()):
        raise ValueError("ids stand in lists")
    return listed


def _with(listed: Listed, id: str, others: Sequence[str]) -> Listed:
    return {**listed, id: tuple(dict.fromkeys((*listed.get(id, ()), *others)))}


def _without(listed: Listed, id: str, others: Sequence[str] | None) -> Listed:
    left = () if others is None else tuple(one for one in listed.get(id, ()) if one not in others)
    return {one: left if one == id else kept for one, kept in listed.items() if one != id or left}
