"""Labelled picture archives: IDX (as MNIST has it), CIFAR-10/100 as Python batches and as binary records."""

import gzip
import pickle
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.errors import PictureError

Pixels = NDArray[np.uint8]  # (pictures, h, w) grey, or (pictures, 3, h, w) colour planes
Labels = NDArray[np.int64]

MAX_BYTES = 4 << 30  # of one unpacked archive
CIFAR_PIXELS = 3 * 32 * 32


@dataclass(frozen=True, slots=True)
class ArchiveListing:
    """What is in an archive: picture `path#0` … `path#(count - 1)`, their labels where known."""

    count: int
    labels: Labels | None
    label_names: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class _Archive:
    pixels: Pixels
    labels: Labels | None
    label_names: tuple[str, ...] | None


def is_archive(path: Path) -> bool:
    """Whether a file holds pictures in one of the known archive formats (looked at, not trusted by its name)."""
    try:
        return path.is_file() and _reader(path) is not None
    except (OSError, EOFError, zlib.error):
        return False


def archive_entries(path: Path) -> ArchiveListing:
    """Count, labels and label names of an archive. Raises PictureError when it is none, or damaged."""
    archive = _open(path)
    return ArchiveListing(len(archive.pixels), archive.labels, archive.label_names)


def archive_pixels(path: Path, number: int) -> NDArray[np.uint8]:
    """One picture of an archive, (h, w) or (h, w, 3), quick for any number. Raises PictureError."""
    pixels = _open(path).pixels
    if not 0 <= number < len(pixels):
        raise PictureError(f"{path}#{number}: the archive holds {len(pixels)} pictures, counted from 0.")
    picture = pixels[number]
    return np.ascontiguousarray(picture if picture.ndim == 2 else picture.transpose(1, 2, 0))


def _open(path: Path) -> _Archive:
    try:
        status = path.stat()
        return _opened(path, status.st_size, status.st_mtime_ns)
    except OSError as error:
        raise PictureError(f"{path}: can't be read ({error.strerror or error}).") from error


@lru_cache(maxsize=8)
def _opened(path: Path, size: int, changed: int) -> _Archive:
    try:
        read = _reader(path)
        if read is None:
            raise PictureError(f"{path}: is not a picture archive (known: IDX, CIFAR Python batch, CIFAR binary).")
        archive = read(path)
    except (EOFError, zlib.error, gzip.BadGzipFile, struct.error) as error:
        raise PictureError(f"{path}: the archive is damaged ({error}).") from error
    if archive.labels is not None and len(archive.labels) != len(archive.pixels):
        raise PictureError(f"{path}: {len(archive.pixels)} pictures but {len(archive.labels)} labels.")
    return archive


def _reader(path: Path) -> Callable[[Path], _Archive] | None:
    with _unpacked(path) as file:
        start = file.read(4)
    if start[:3] == b"\x00\x00\x08" and start[3:] == b"\x03":
        return _read_idx
    if start[:1] == b"\x80" and path.suffix in ("", ".pkl", ".pickle"):
        return _read_cifar_python
    size = path.stat().st_size
    if path.suffix == ".bin" and size > 0 and any(size % (CIFAR_PIXELS + extra) == 0 for extra in (1, 2)):
        return _read_cifar_binary
    return None


def _unpacked(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.open(path, "rb") if _is_packed(path) else path.open("rb")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


# IDX


def _read_idx(path: Path) -> _Archive:
    images = _idx(path, 3)
    name = path.name.replace("images", "labels").replace("idx3", "idx1")
    beside = next((p for p in _with_and_without_gz(path.with_name(name)) if p != path and p.is_file()), None)
    return _Archive(images, None if beside is None else _idx(beside, 1).astype(np.int64), None)


def _idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    with _unpacked(path) as file:
        header = 4 + 4 * dimensions
        kind, *shape = struct.unpack(f">i{dimensions}I", file.read(header))
        if kind != 0x0800 + dimensions:
            raise PictureError(f"{path}: is not an IDX file of {dimensions} dimensions of bytes.")
        size = int(np.prod(shape, dtype=object))
        if size > MAX_BYTES:
            raise PictureError(f"{path}: claims {size:,} bytes of pictures; at most {MAX_BYTES:,} are read.")
        data: NDArray[np.uint8]
        if _is_packed(path):
            data = np.frombuffer(file.read(size), np.uint8)
        else:
            data = np.memmap(path, np.uint8, "r")[header : header + size]
    if data.size < size:
        raise PictureError(f"{path}: breaks off after {data.size:,} of {size:,} bytes.")
    return data.reshape(shape)


def _with_and_without_gz(path: Path) -> tuple[Path, Path]:
    return path, path.with_suffix("") if path.suffix == ".gz" else path.with_name(path.name + ".gz")


# CIFAR


def _read_cifar_binary(path: Path) -> _Archive:
    size = path.stat().st_size
    fine = size % (CIFAR_PIXELS + 1) != 0 or (size % (CIFAR_PIXELS + 2) == 0 and path.stem in ("train", "test"))
    extra = 2 if fine else 1
    records = np.memmap(path, np.uint8, "r").reshape(-1, CIFAR_PIXELS + extra)
    names = _lines(path.with_name("fine_label_names.txt" if fine else "batches.meta.txt"))
    # the last label byte is the finer one; records stay mapped, each picture is a slice of its record
    pixels = np.lib.stride_tricks.as_strided(
        records[:, extra:], (len(records), 3, 32, 32), (records.strides[0], 1024, 32, 1), writeable=False
    )
    return _Archive(pixels, records[:, extra - 1].astype(np.int64), names)


def _read_cifar_python(path: Path) -> _Archive:
    batch = _unpickle(path)
    data = batch.get("data")
    if not isinstance(data, np.ndarray) or data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != CIFAR_PIXELS:
        raise PictureError(f"{path}: is not a CIFAR batch ('data' of n x {CIFAR_PIXELS} bytes is missing).")
    key = next((key for key in ("fine_labels", "labels") if key in batch), None)
    labels = None
    if key is not None:
        try:
            labels = np.array(batch[key], dtype=np.int64).reshape(-1)
        except (TypeError, ValueError, OverflowError) as error:
            raise PictureError(f"{path}: '{key}' are not numbers ({error}).") from error
    return _Archive(np.ascontiguousarray(data).reshape(-1, 3, 32, 32), labels, _names_beside(path, key))


def _names_beside(path: Path, key: str | None) -> tuple[str, ...] | None:
    file, field = ("meta", "fine_label_names") if key == "fine_labels" else ("batches.meta", "label_names")
    if not path.with_name(file).is_file():
        return None
    names = _unpickle(path.with_name(file)).get(field)
    return tuple(_text(name) for name in names) if isinstance(names, list) else None


def _lines(path: Path) -> tuple[str, ...] | None:
    if not path.is_file():
        return None
    return tuple(
        line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()
    )


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _unpickle(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_BYTES:
        raise PictureError(f"{path}: is larger than {MAX_BYTES:,} bytes.")
    try:
        with path.open("rb") as file:
            batch = _PlainUnpickler(file, encoding="bytes").load()
    except (PictureError, OSError):
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise PictureError(f"{path}: can't be read as a CIFAR batch ({error or type(error).__name__}).") from error
    if not isinstance(batch, dict):
        raise PictureError(f"{path}: is not a CIFAR batch (a dict was expected).")
    return {_text(key): value for key, value in batch.items()}


class _PlainUnpickler(pickle.Unpickler):
    """Reads plain containers, bytes and byte arrays of NumPy; whatever else a pickle asks for is refused."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        """The few functions that numeric arrays need."""
        match module, name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return _empty_array
            case "numpy", "ndarray":
                return np.ndarray
            case "numpy", "dtype":
                return _byte_type
            case "_codecs", "encode":
                return _encode
        raise PictureError(f"The pickle asks for {module}.{name}; only plain data and byte arrays are read.")


def _empty_array(kind: object, shape: object, code: object) -> NDArray[np.uint8]:
    return np.ndarray.__new__(np.ndarray, (0,), np.uint8)


def _byte_type(code: object, *_: object) -> np.dtype[np.uint8]:
    if code not in ("u1", b"u1"):
        raise PictureError(f"The pickle holds an array of {code!r}; only bytes (u1) are read.")
    return np.dtype(np.uint8)


def _encode(text: object, encoding: object) -> bytes:
    return str(text).encode("latin-1")
