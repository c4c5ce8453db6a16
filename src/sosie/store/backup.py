"""A store that is in use written into one file: a tar of one consistent state, with a checksum of each part.

The state is that of one manifest. Files of a generation never change, and stay readable while they are open; the delta
is copied in one transaction, and what was committed to it later is cut off by the manifest. What can be made again
(cache, thumbnails, states of trainings) is left out.
"""

import json
import os
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import IO

from sosie.errors import StoreError
from sosie.store.delta import delta_file, open_reading
from sosie.store.files import explained, file_name, sync_file, sync_folder
from sosie.store.manifest import MANIFEST, Manifest, generation_folder, read_manifest
from sosie.store.snapshot import ENCODERS
from sosie.types import Progress

FORMAT = 1
INDEX = "backup.json"  # the last part: what a cut off file lacks
GENERATION, DELTA = "generation", "delta.sqlite"
BESIDE = ("rules.json", "calibration.json", "keys.json")  # files of a store that no generation holds
FOLDERS = ("models", "pictures", "uploaded", "judgements")  # folders whose files are never changed or only replaced
TRIES = 5  # a generation can go away between reading the manifest and opening it


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written."""

    file: Path
    version: str  # of the store
    files: int
    bytes: int


def back_up(store: Path, file: Path, progress: Progress) -> Backup:
    """Write the state of a store into a file, in place of a former one; others read and write meanwhile.

    Raises StoreError: there is no store, it is damaged, the disk is full; then there is no new file.
    """
    partial = file.with_name(f"{file.name}.partial")
    copy = file.with_name(f"{file.name}.delta.partial")
    with explained(store, f"back it up into {file}"), ExitStack() as open_files:
        try:
            manifest, parts = _opened(store, copy, open_files)
            with _private(partial) as stream, tarfile.open(fileobj=stream, mode="w") as tar:
                size = _write(tar, store, manifest, parts, progress)
            sync_file(partial)
            partial.replace(file)
            sync_folder(file.absolute().parent)
        finally:
            for left in (partial, copy):
                left.unlink(missing_ok=True)
    return Backup(file, f"{manifest.generation}.{manifest.commit}", len(parts) + 1, size)


def _private(file: Path) -> IO[bytes]:
    """A new file that only its owner may read: it may hold hashes of keys."""
    file.unlink(missing_ok=True)
    return os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _opened(store: Path, copy: Path, open_files: ExitStack) -> tuple[Manifest, dict[str, IO[bytes] | Path]]:
    """The newest state, and its parts by name: opened where another state may take their place."""
    for last in range(TRIES):
        manifest = read_manifest(store)
        if not manifest.generation:
            raise StoreError(f"store {store}: nothing was built yet; there is nothing to back up.")
        try:
            parts: dict[str, IO[bytes] | Path] = {}
            for name, path in _held(store, manifest):
                parts[name] = open_files.enter_context(path.open("rb"))
            if manifest.commit:
                _copy_delta(delta_file(store, manifest.generation), copy)
                parts[DELTA] = copy
        except (FileNotFoundError, sqlite3.OperationalError):
            open_files.close()
            if last == TRIES - 1 or read_manifest(store).generation == manifest.generation:
                raise
            continue
        beside = [store / name for name in BESIDE]
        loose = [path for name in FOLDERS for path in sorted((store / name).rglob("*"))]
        for path in (*beside, *loose):
            if path.is_file() and not path.is_symlink() and path.suffix not in {".partial", ".lock", ".new"}:
                parts[path.relative_to(store).as_posix()] = path
        return manifest, parts
    raise AssertionError("unreachable")


def _held(store: Path, manifest: Manifest) -> Iterator[tuple[str, Path]]:
    generation = generation_folder(store, manifest.generation)
    for path in sorted(generation.iterdir()):
        if path.name != MANIFEST:  # it is written anew when it is restored
            yield f"{GENERATION}/{path.name}", path
    for state in manifest.signals.values():
        folder = store / ENCODERS / file_name(state.fingerprint)
        for path in sorted(folder.rglob("*")) if state.fingerprint else ():
            if path.is_file():
                yield path.relative_to(store).as_posix(), path


def _copy_delta(file: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    with closing(open_reading(file)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("pragma journal_mode = delete")  # one file, nothing beside it


class _Hashing:
    """A stream whose content is hashed as it is read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.hash, self.size = stream, sha256(), 0

    def read(self, size: int = -1) -> bytes:
        """Some bytes."""
        content = self._stream.read(size)
        self.hash.update(content)
        self.size += len(content)
        return content


def _write(
    tar: tarfile.TarFile, store: Path, manifest: Manifest, parts: dict[str, IO[bytes] | Path], progress: Progress
) -> int:
    told: dict[str, dict[str, object]] = {}
    for at, (name, part) in enumerate(parts.items()):
        progress("backing up", at, len(parts))
        with ExitStack() as stack:
            stream = stack.enter_context(part.open("rb")) if isinstance(part, Path) else part
            told[name] = _add(tar, name, stream, os.fstat(stream.fileno()).st_size)
    told[MANIFEST] = _add_content(tar, MANIFEST, manifest.encoded())
    index = {"format": FORMAT, "store": str(store.resolve()), "files": told}
    _add_content(tar, INDEX, json.dumps(index, indent=1).encode())
    return sum(int(str(one["bytes"])) for one in told.values())


def _add(tar: tarfile.TarFile, name: str, stream: IO[bytes], size: int) -> dict[str, object]:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    hashing = _Hashing(stream)
    tar.addfile(info, hashing)
    return {"bytes": hashing.size, "sha256": hashing.hash.hexdigest()}


def _add_content(tar: tarfile.TarFile, name: str, content: bytes) -> dict[str, object]:
    return _add(tar, name, BytesIO(content), len(content))
