"""Writing that survives a crash, and errors of the operating system said in a sentence."""

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from sosie.errors import StoreError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, None}  # None: NumPy wrote less than it should


@contextmanager
def explained(folder: Path, what: str) -> Iterator[None]:
    """Turn an error of the system or of SQLite into a StoreError; `what` completes "the store ... could not"."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(
                f"store {folder}: could not {what}: no space left on the disk ({error.strerror or error}). "
                "The store is as it was before; free some space and run it again."
            ) from error
        raise StoreError(f"store {folder}: could not {what}: {error}. The store is as it was before.") from error
    except sqlite3.Error as error:
        hint = "see that the disk has space, and run it again" if "disk" in str(error) else "run it again"
        raise StoreError(
            f"store {folder}: could not {what}: {error}. The store is as it was before; {hint}."
        ) from error


def file_name(name: str) -> str:
    """A name of a signal or a fingerprint as a safe part of a file name."""
    return quote(name, safe="").replace(".", "%2E") or "%"


def sync_file(file: Path) -> None:
    """Make the content of a file durable."""
    _sync(file, os.O_RDONLY)


def sync_folder(folder: Path) -> None:
    """Make the entries of a folder durable (a no-op where folders can't be opened)."""
    if hasattr(os, "O_DIRECTORY"):
        _sync(folder, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(folder: Path) -> None:
    """Make every file and folder below a folder durable, and the folder itself."""
    for parent, _, names in os.walk(folder):
        for name in names:
            sync_file(Path(parent, name))
        sync_folder(Path(parent))


def write_atomic(file: Path, content: bytes) -> None:
    """Replace a file: whoever reads it, and whatever happens, sees the old content or the new one."""
    beside = file.with_name(file.name + ".new")
    with beside.open("wb") as stream:
        stream.write(content)
        stream.flush()
        now = time.time_ns()
        os.utime(beside, ns=(now, now))  # the system's own clock may stand still between two replacements
        os.fsync(stream.fileno())
    beside.replace(file)
    sync_folder(file.parent)


def reserve(file: Path) -> None:
    """Give a file that was only stretched real blocks, so that writing to a map of it can't meet a full disk.

    A full disk behind a memory map would end the process by SIGBUS instead of raising an OSError here.
    """
    if hasattr(os, "posix_fallocate"):
        with file.open("r+b") as stream:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
