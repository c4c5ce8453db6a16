"""A generation as it lies on disk: immutable, memory-mapped, readable after its folder was removed."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.store.columns import Columns, ColumnsBuilder
from sosie.store.files import file_name
from sosie.store.manifest import MANIFEST, Manifest, SignalState, generation_folder
from sosie.store.strings import Hashes, Ids, Strings, map_array
from sosie.types import Matrix, Scale

NOTHING = (0,)  # the key where nothing was built yet


@dataclass(frozen=True, eq=False, slots=True)
class Generation:
    """Everything of the rows that the last full build wrote."""

    number: int
    key: tuple[int, ...]  # differs from any other generation's, also of a store made anew in the same folder
    folder: Path
    ids: Ids
    records: Strings
    stamps: NDArray[np.uint64]  # (rows,)
    groups: NDArray[np.int32]  # (rows,), places in `group_hashes`
    group_hashes: Hashes  # ascending
    columns: Columns
    matrices: Mapping[str, Matrix]
    scales: Mapping[str, Scale]

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.stamps)


def vectors_file(folder: Path, signal: str) -> Path:
    """Where the vectors of a signal lie."""
    return folder / f"vectors-{file_name(signal)}.npy"


def mean_file(folder: Path, signal: str) -> Path:
    """Where the mean of a signal's scale lies."""
    return folder / f"mean-{file_name(signal)}.npy"


def projection_file(folder: Path, signal: str) -> Path:
    """Where the projection of a signal's scale lies, for signals that have one."""
    return folder / f"projection-{file_name(signal)}.npy"


def generation_key(store: Path, manifest: Manifest) -> tuple[int, ...]:
    """The key of the generation that a manifest names. Raises OSError where it is gone."""
    if not manifest.generation:
        return NOTHING
    written = (generation_folder(store, manifest.generation) / MANIFEST).stat()
    return manifest.generation, written.st_ino, written.st_mtime_ns


def open_generation(store: Path, manifest: Manifest) -> Generation:
    """Map the generation a manifest names. Raises OSError where a file is gone."""
    folder = generation_folder(store, manifest.generation)
    if not manifest.generation:
        return _nothing(folder)
    groups = np.load(folder / "groups.npy", allow_pickle=False)
    groups.flags.writeable = False
    return Generation(
        number=manifest.generation,
        key=generation_key(store, manifest),
        folder=folder,
        ids=Ids.open(folder),
        records=Strings.open(folder, "records"),
        stamps=map_array(folder / "stamps.npy", np.uint64),
        groups=groups,
        group_hashes=map_array(folder / "groups.hash.npy", np.uint64),
        columns=Columns.open(folder),
        matrices={signal: _matrix(folder, signal, state, len(groups)) for signal, state in manifest.signals.items()},
        scales={signal: _scale(folder, signal, state) for signal, state in manifest.signals.items()},
    )


def _matrix(folder: Path, signal: str, state: SignalState, rows: int) -> Matrix:
    matrix: Any = map_array(vectors_file(folder, signal), state.dtype)
    if matrix.shape != (rows, state.dim):
        raise ValueError(f"the vectors of '{signal}' have the shape {matrix.shape}, not {(rows, state.dim)}")
    found: Matrix = matrix
    return found


def _scale(folder: Path, signal: str, state: SignalState) -> Scale:
    file = projection_file(folder, signal)
    projection = np.load(file, allow_pickle=False) if file.exists() else None
    return Scale(np.load(mean_file(folder, signal), allow_pickle=False), state.sigma, projection)


def _nothing(folder: Path) -> Generation:
    hashes = np.zeros(0, np.uint64)
    strings = Strings(b"", np.zeros(0, np.int64))
    return Generation(
        number=0,
        key=NOTHING,
        folder=folder,
        ids=Ids.build(strings, hashes),
        records=strings,
        stamps=hashes,
        groups=np.zeros(0, np.int32),
        group_hashes=hashes,
        columns=ColumnsBuilder().finish(),
        matrices={},
        scales={},
    )
