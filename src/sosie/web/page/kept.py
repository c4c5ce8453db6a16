"""Files in the store's cache: pictures made smaller, pictures asked with. Each is written once; the oldest go."""

import os
from functools import lru_cache
from pathlib import Path
from tempfile import NamedTemporaryFile
from threading import Lock

from sosie.store.files import explained

LEFT = 0.75  # share of the limit that is left when it was passed, so that not every file has to make room


class Kept:
    """A folder of files by name, of at most `limit` bytes in all. Losing it costs time, never data."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._limit = folder, limit
        self._used: int | None = None  # bytes, as far as this process knows
        self._lock = Lock()

    def find(self, name: str) -> Path | None:
        """The file of a name, and that it was used now; None where it isn't kept."""
        file = self._place(name)
        try:
            os.utime(file)
        except OSError:
            return None
        return file

    def put(self, name: str, content: bytes) -> Path:
        """Keep a file, whole or not at all. Raises StoreError: disk full."""
        file = self._place(name)
        with explained(self._folder.parent.parent, "keep a picture in its cache"):
            file.parent.mkdir(parents=True, exist_ok=True)
            with NamedTemporaryFile(dir=file.parent, prefix=".new-", delete=False) as sink:
                fresh = Path(sink.name)
                try:
                    sink.write(content)
                except BaseException:
                    fresh.unlink(missing_ok=True)
                    raise
            fresh.replace(file)
            self._make_room(len(content))
        return file

    def _place(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _make_room(self, more: int) -> None:
        with self._lock:
            if self._used is not None:
                self._used += more
                if self._used <= self._limit:
                    return
            files = sorted(
                (status.st_mtime, status.st_size, file)
                for file in self._folder.glob("*/*")
                if (status := file.stat(follow_symlinks=False))
            )
            self._used = sum(size for _, size, _ in files)
            if self._used <= self._limit:
                return
            for _, size, file in files:
                file.unlink(missing_ok=True)
                self._used -= size
                if self._used <= LEFT * self._limit:
                    return


@lru_cache(maxsize=16)
def kept(folder: Path, limit: int) -> Kept:
    """The files of a folder, the same object each time."""
    return Kept(folder, limit)
