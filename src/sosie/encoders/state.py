"""What encoders share: their files, their fingerprints, and rows of unit length."""

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from sosie.errors import EncoderError
from sosie.types import Matrix

FILE = "encoder.json"
T = TypeVar("T")


def write_state(folder: Path, name: str, values: Mapping[str, Any], **arrays: NDArray[Any]) -> None:
    """Write `encoder.json` (name and plain values) and an npy file an array. Raises EncoderError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"encoder": name, **values}, ensure_ascii=False, indent=1)
        (folder / FILE).write_text(text, encoding="utf-8")
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array, allow_pickle=False)
    except OSError as error:
        raise EncoderError(f"{folder}: the encoder can't be written ({error.strerror}).") from error


def read_state(folder: Path, name: str | None = None) -> dict[str, Any]:
    """Read the plain values that were written. Raises EncoderError when they are another encoder's, or damaged."""
    file = folder / FILE
    try:
        values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        found = values["encoder"]
    except OSError as error:
        raise EncoderError(f"{file}: can't be read ({error.strerror}); build the store again.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{file}: is damaged ({error}); build the store again.") from error
    if name is not None and found != name:
        raise EncoderError(f"{file}: holds the encoder '{found}', not '{name}'.")
    return values


def read_array(file: Path) -> NDArray[Any]:
    """Open an npy file, memory-mapped. Raises EncoderError when it is missing or damaged."""
    try:
        array: NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise EncoderError(f"{file}: is missing or damaged ({error}); build the store again.") from error
    return array


def keep_file(source: Path, target: Path) -> None:
    """A file that never changes, once more under another name: linked where that is possible, else copied."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(source, target)
        except FileExistsError:
            raise
        except OSError:  # another disk, or one without links
            shutil.copyfile(source, target)
    except OSError as error:
        raise EncoderError(f"{target}: can't be written ({error.strerror}).") from error


def fingerprint(name: str, version: int, *parts: object) -> str:
    """Name of an encoder with a digest of everything that changes its vectors: arrays by content, the rest as JSON."""
    state = blake2b(digest_size=16)
    for part in (version, *parts):
        if isinstance(part, np.ndarray):
            state.update(f"{part.dtype}{part.shape}".encode())
            state.update(np.ascontiguousarray(part).data)
        else:
            state.update(json.dumps(part, ensure_ascii=False, sort_keys=True).encode())
        state.update(b"\0")
    return f"{name}-{state.hexdigest()}"


def encodable(text: str) -> str:
    """A text without halves of characters (a shell hands over such), at which tokenisers stop."""
    return text if text.isascii() else text.encode("utf-8", "ignore").decode("utf-8")


def digest(text: str) -> str:
    """Short name of a text; "" stays "" (nothing to read)."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest() if text else ""


def unit_rows(matrix: NDArray[Any]) -> Matrix:
    """Rows brought to unit length as float32; rows of zeros (or of nothing finite) become rows of zeros."""
    rows = np.asarray(matrix, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 1e-12)
    safe = np.where(usable, lengths, 1.0)
    units: Matrix = np.where(usable, rows / safe, 0.0).astype(np.float32)
    return units


def pooled_rows(matrix: Matrix, owners: NDArray[np.int64], weights: NDArray[np.float64], count: int) -> Matrix:
    """Weighted mean of the rows of each owner (ascending), brought to unit length, (count, dim)."""
    sums = np.zeros((count, matrix.shape[1]), np.float64)
    np.add.at(sums, owners, matrix * weights[:, None])
    return unit_rows(sums)


def reservoir(items: Iterable[T], size: int) -> list[T]:
    """Even sample of a stream of unknown length (Vitter's algorithm R, seeded)."""
    generator = np.random.default_rng(0)
    kept: list[T] = []
    for seen, item in enumerate(items):
        if seen < size:
            kept.append(item)
        elif (place := int(generator.integers(seen + 1))) < size:
            kept[place] = item
    return kept
