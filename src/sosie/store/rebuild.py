"""Writing a new generation beside the old one."""

import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.store.columns import ColumnsBuilder
from sosie.store.files import reserve, sync_tree
from sosie.store.generation import mean_file, projection_file, vectors_file
from sosie.store.manifest import SignalState
from sosie.store.records import decode_record, read_record
from sosie.store.snapshot import Snapshot
from sosie.store.staging import BATCH, Staged
from sosie.store.strings import Hashes, Ids, Strings, StringsFile, hash_texts
from sosie.types import Matrix, Product, Rows, Scale

BLOCK = 16_384  # rows copied at a time


class NewGeneration:
    """A generation under way: rows and columns are written, vectors are to be filled in."""

    def __init__(
        self,
        folder: Path,
        records: Strings,
        groups: NDArray[np.int32],
        matrices: Mapping[str, Matrix],
        todo: Mapping[str, Rows],
        states: Mapping[str, SignalState],
        scales: Mapping[str, Scale],
    ) -> None:
        self._records = records
        self.folder = folder  # the engine's index files go here
        self.groups = groups  # (rows,), equal numbers = variants of one product
        self._matrices, self._todo = matrices, todo
        self._states, self._scales = dict(states), dict(scales)

    @classmethod
    def start(
        cls,
        folder: Path,
        old: Snapshot,
        staged: Staged,
        signals: Mapping[str, SignalState],
        anew: Collection[str],
    ) -> "NewGeneration":
        """Write everything but new vectors into a new folder. Raises OSError; then the folder is gone again."""
        folder.mkdir()
        try:
            return cls(folder, *_write(folder, old, staged, signals, anew))
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    @property
    def rows(self) -> int:
        """How many products."""
        return len(self._records)

    def products(self, rows: Rows | None = None) -> Iterator[list[Product]]:
        """Products in the order of their rows, in batches; all, or those of some ascending rows."""
        wanted = np.arange(self.rows) if rows is None else rows
        for start in range(0, len(wanted), BATCH):
            yield [decode_record(record) for record in self._records.take(wanted[start : start + BATCH])]

    def vectors(self, signal: str) -> Matrix:
        """The memory-mapped matrix to write to, (rows, dim); rows that `todo` does not name are final already."""
        return self._matrices[signal]

    def todo(self, signal: str) -> Rows:
        """Rows whose vectors are still to be written, ascending."""
        return self._todo[signal]

    def scale(self, signal: str) -> Scale | None:
        """The frozen scale that copied vectors went through; None where nothing was copied."""
        return self._scales.get(signal)

    def describe(
        self, signal: str, *, scale: Scale | None = None, weight: float | None = None, encoder: str | None = None
    ) -> None:
        """What belongs to a signal beside its vectors; what is left out stays as it was."""
        state = self._states[signal]
        if scale is not None:
            self._scales[signal] = scale
            state = replace(state, sigma=float(scale.sigma))
        self._states[signal] = replace(
            state,
            weight=state.weight if weight is None else float(weight),
            encoder=state.encoder if encoder is None else encoder,
        )

    def seal(self) -> None:
        """Make everything durable. Raises OSError."""
        for signal, matrix in self._matrices.items():
            if isinstance(matrix, np.memmap):
                matrix.flush()
            scale = self._scales.get(signal) or Scale(np.zeros(matrix.shape[1], np.float32))
            np.save(mean_file(self.folder, signal), np.asarray(scale.mean, np.float32))
            if scale.projection is not None:
                np.save(projection_file(self.folder, signal), scale.projection)
        sync_tree(self.folder)

    @property
    def states(self) -> Mapping[str, SignalState]:
        """The signals as they will be."""
        return self._states

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _write(
    folder: Path,
    old: Snapshot,
    staged: Staged,
    signals: Mapping[str, SignalState],
    anew: Collection[str],
) -> tuple[Strings, NDArray[np.int32], dict[str, Matrix], dict[str, Rows], dict[str, SignalState], dict[str, Scale]]:
    records = _write_rows(folder, old, staged)
    np.save(folder / "stamps.npy", np.concatenate([old.stamps()[old_rows := staged.staying], staged.stamps]))
    groups = _write_groups(folder, np.concatenate([old.group_hashes()[old_rows], staged.group_hashes]))
    matrices: dict[str, Matrix] = {}
    todo: dict[str, Rows] = {}
    states: dict[str, SignalState] = {}
    scales: dict[str, Scale] = {}
    every, fresh = np.arange(len(records)), np.arange(len(old_rows), len(records))
    for signal, state in signals.items():
        before = old.manifest.signals.get(signal)
        matrices[signal] = matrix = _new_matrix(vectors_file(folder, signal), len(records), state)
        if before and before.fingerprint == state.fingerprint and before.dim == state.dim and signal not in anew:
            states[signal], scales[signal], todo[signal] = before, old.scales[signal], fresh
            for start in range(0, len(old_rows), BLOCK):
                part = old_rows[start : start + BLOCK]
                matrix[start : start + len(part)] = old.vectors(signal, part)
        else:
            states[signal], todo[signal] = state, every
    return records, groups, matrices, todo, states, scales


def _write_rows(folder: Path, old: Snapshot, staged: Staged) -> Strings:
    """Ids, records and columns, in one pass."""
    ids, records, spool = StringsFile(folder, "ids"), StringsFile(folder, "records"), StringsFile(folder, "spool")
    columns = ColumnsBuilder(spool)
    hashes: list[Hashes] = [np.zeros(0, np.uint64)]
    try:
        for some_ids, some_records in _raw_rows(old, staged):
            ids.add(some_ids)
            records.add(some_records)
            columns.add(map(read_record, some_records))
            hashes.append(hash_texts(some_ids))
        Ids.build(ids.close(), np.concatenate(hashes)).save(folder)
        columns.finish().save(folder)
        return records.close()
    finally:
        ids.discard()
        records.discard()
        spool.remove()


def _raw_rows(old: Snapshot, staged: Staged) -> Iterator[tuple[list[bytes], list[bytes]]]:
    for start in range(0, len(staged.staying), BLOCK):
        rows = staged.staying[start : start + BLOCK]
        yield old.raw_ids(rows), old.raw_records(rows)
    for start in range(0, len(staged), BLOCK):
        yield staged.raw(start, start + BLOCK)


def _write_groups(folder: Path, hashes: Hashes) -> NDArray[np.int32]:
    distinct, places = np.unique(hashes, return_inverse=True)
    groups = places.astype(np.int32)
    np.save(folder / "groups.hash.npy", distinct)
    np.save(folder / "groups.npy", groups)
    return groups


def _new_matrix(file: Path, rows: int, state: SignalState) -> Matrix:
    if rows * state.dim == 0:
        empty = np.zeros((rows, state.dim), state.dtype)
        np.save(file, empty)
        return empty
    matrix = np.lib.format.open_memmap(file, "w+", state.dtype, (rows, state.dim))
    reserve(file)
    return matrix
