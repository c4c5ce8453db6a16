"""Where the pictures of a catalogue lie; nothing outside its folder is ever named."""

import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sosie.catalog.values import is_url, split_pictures
from sosie.errors import CatalogueError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jfif", ".avif", ".ppm", ".pgm"}
)
_BITS = (1 << 64) - 1
_ONE = re.compile(r"[^|;,\n\[:]+")  # a cell that can't be anything but one path


class Pictures:
    """Finds the pictures that cells name: below the catalogue's folder, or below the folder given for pictures."""

    def __init__(self, folder: Path, images: Path | None, downloaded: Mapping[str, str] | None) -> None:
        if images is not None and not images.is_dir():
            raise CatalogueError(f"--images {images}: there is no such folder.")
        near = [folder / "images"] if (folder / "images").is_dir() else []
        # The folder's own name may be written in the cells or left out: "images/a.jpg" or "a.jpg".
        roots = [images, images.absolute().parent] if images else []
        self.roots = [os.path.realpath(root) for root in dict.fromkeys([*roots, folder, *near])]
        self.allowed = [os.path.realpath(root) for root in ([images] if images else []) + [folder]]
        self.downloaded = downloaded
        self._folder = lru_cache(maxsize=1 << 16)(self._checked_folder)
        self._listing = lru_cache(maxsize=1 << 10)(self._listed)

    def find(self, ref: str) -> str:
        """The absolute path of a picture, existing or not; "" for an address that was not downloaded.

        Raises ValueError for a path that leaves the folders.
        """
        if is_url(ref):
            return (self.downloaded or {}).get(ref, "")
        path = ref.replace("\\", "/")
        if path.startswith(("/", "~")) or path[1:3] == ":/":
            return self._absolute(path)
        if "\0" in path:
            raise ValueError("holds a NUL")
        if path.rpartition("/")[2] in {"", ".", ".."}:
            raise ValueError("is no file")
        first = ""
        for root in self.roots:
            head, _, name = path.rpartition("/")
            folder = self._folder(root, head)
            if not folder:
                continue
            full = f"{folder}/{name}"
            try:
                mode = os.lstat(full).st_mode
            except OSError:
                first = first or full
                continue
            if stat.S_ISLNK(mode):
                full = self._inside(os.path.realpath(full))
                if not full:
                    raise ValueError("is a link that leads out of the catalogue's folder")
            return full
        if not first:
            raise ValueError("lies outside the catalogue's folder and the folder of pictures")
        return first

    def states(self, cells: Iterable[str]) -> NDArray[np.uint64]:
        """A hash of size and time of the local pictures each cell names, or of where addresses were downloaded to.

        (cells,); 0 where there is no such file. Whole folders are listed at once: cells may be millions.
        """
        self._listing.cache_clear()
        return np.fromiter((self._state(cell) & _BITS if cell else 0 for cell in cells), np.uint64)

    def _state(self, cell: str) -> int:
        state = 0
        for ref in (cell,) if _ONE.fullmatch(cell) else split_pictures(cell):
            state = state * 31 + (self._downloaded_state(ref) if is_url(ref) else self._local_state(ref))
        return state

    def _downloaded_state(self, ref: str) -> int:
        local = (self.downloaded or {}).get(ref)
        return crc32(local.encode()) if local else 0

    def _local_state(self, ref: str) -> int:
        head, _, name = ref.replace("\\", "/").rpartition("/")
        for root in self.roots:
            state = self._listing(root, head).get(name)
            if state:
                return state
        return 0

    def _listed(self, root: str, head: str) -> dict[str, int]:
        folder = self._folder(root, head)
        try:
            with os.scandir(folder) as entries:
                stats = ((entry.name, entry.stat()) for entry in entries if folder)
                return {name: hash((stats.st_size, stats.st_mtime_ns)) for name, stats in stats}
        except OSError:
            return {}

    def _absolute(self, path: str) -> str:
        real = self._inside(os.path.realpath(path))
        if not real:
            raise ValueError("lies outside the catalogue's folder and the folder of pictures")
        return real

    def _checked_folder(self, root: str, head: str) -> str:
        return self._inside(os.path.realpath(f"{root}/{head}"))

    def _inside(self, real: str) -> str:
        return real if any(real == root or real.startswith(root.rstrip("/") + "/") for root in self.allowed) else ""


def order_roots(pictures: Pictures, refs: Sequence[str]) -> None:
    """Look first where most of some references are found."""
    local = [ref.replace("\\", "/") for ref in refs if not is_url(ref)][:200]
    found = {root: sum(os.path.lexists(f"{root}/{ref}") for ref in local) for root in pictures.roots}
    pictures.roots.sort(key=lambda root: -found[root])
