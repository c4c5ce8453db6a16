"""One consistent view of a store: the meeting point with the engine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.config import Config
from sosie.errors import StoreError
from sosie.store.calibration import Calibrated, read_calibration
from sosie.store.delta import Delta
from sosie.store.files import file_name
from sosie.store.generation import Generation
from sosie.store.manifest import Manifest
from sosie.store.records import decode_record
from sosie.store.strings import Hashes, decode_text, encode_text
from sosie.types import Column, Mask, Matrix, Product, Rows, Scale

ENCODERS = "encoders"
IDS_BLOCK = 65_536


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Rows 0..base-1 are those of the generation, base..size-1 those of the delta; it never changes.

    It stays readable when later builds remove the generation's folder (files are mapped when it is made).
    """

    store: Path
    manifest: Manifest
    generation: Generation = field(repr=False)
    delta: Delta = field(repr=False)

    @property
    def version(self) -> str:
        """Names this state: the generation and the number of commits since."""
        return f"{self.manifest.generation}.{self.manifest.commit}"

    @property
    def config(self) -> Config:
        """The settings of the store."""
        return self.manifest.config

    @property
    def folder(self) -> Path:
        """The folder of the generation, where index files lie."""
        return self.generation.folder

    @cached_property
    def base(self) -> int:
        """How many rows the generation has."""
        return self.generation.rows

    @cached_property
    def size(self) -> int:
        """How many rows there are, removed ones included."""
        return self.base + self.delta.rows

    @cached_property
    def alive(self) -> Mask:
        """Rows that were neither removed nor replaced, (size,)."""
        alive = np.ones(self.size, np.bool_)
        alive[self.delta.removed] = False
        alive.flags.writeable = False
        return alive

    @cached_property
    def groups(self) -> NDArray[np.int32]:
        """Equal numbers = variants of one product, (size,)."""
        if self.size == self.base:
            return self.generation.groups
        return self.delta.grown.groups.first(self.size)

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """Names of the signals that are searched, in the order of the build."""
        return tuple(name for name, state in self.manifest.signals.items() if not state.compared)

    @property
    def scales(self) -> Mapping[str, Scale]:
        """Mean and spread of every signal."""
        return self.generation.scales

    @cached_property
    def weights(self) -> Mapping[str, float]:
        """Default weight of every signal, of one that is only compared, too."""
        return {signal: state.weight for signal, state in self.manifest.signals.items()}

    @property
    def calibration(self) -> Calibrated | None:
        """What scores were last learnt to stand for, whether it still holds or not. Raises StoreError: damaged."""
        return read_calibration(self.store)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Filterable columns, (size,) each, read when asked for."""
        if self.size == self.base:
            return self.generation.columns
        return self.delta.grown.columns.at(self.size)

    @property
    def asked_columns(self) -> set[str]:
        """Names of the columns that questions to this generation asked for."""
        return self.generation.columns.asked | self.delta.grown.columns.asked

    def row(self, id: str) -> int | None:
        """The row of a product that is alive."""
        late = self.delta.row(id)
        row = self.base + late if late >= 0 else self.generation.ids.row(id)
        return row if row >= 0 and self.alive[row] else None

    def rows(self, ids: Sequence[str]) -> Rows:
        """Rows of products, (ids,); -1 where none of that id is alive."""
        rows = self.generation.ids.rows(ids)
        if self.delta.rows:
            late = np.fromiter(map(self.delta.row, ids), np.int64, len(ids))
            rows = np.where(late >= 0, self.base + late, rows)
        if self.size:
            rows[~self.alive[rows]] = -1  # the row -1 reads the last one, and stays -1
        return rows

    def ids(self, rows: Iterable[int]) -> list[str]:
        """Ids at rows, in their order."""
        return [decode_text(raw) for raw in self.raw_ids(_as_rows(rows))]

    def products(self, rows: Iterable[int]) -> list[Product]:
        """Products at rows, in their order."""
        return [decode_record(raw) for raw in self.raw_records(_as_rows(rows))]

    def raw_ids(self, rows: Rows) -> list[bytes]:
        """Ids at rows as they are stored."""
        if self.size == self.base:
            return self.generation.ids.strings.take(rows)
        base, ids, strings = self.base, self.delta.ids, self.generation.ids.strings
        return [strings[row] if row < base else encode_text(ids[row - base]) for row in rows.tolist()]

    def raw_records(self, rows: Rows) -> list[bytes]:
        """Records at rows as they are stored."""
        records, base = self.generation.records, self.base
        if self.size == base:
            return records.take(rows)
        later = self.delta.records
        return [records[row] if row < base else later[row - base] for row in rows.tolist()]

    def stamps(self, rows: Rows | None = None) -> NDArray[np.uint64]:
        """What products looked like in their catalogue: those at rows, in their order, or all, (size,)."""
        early, late = self.generation.stamps, self.delta.stamps
        if rows is None:
            return np.concatenate([early, late])
        found = np.empty(len(rows), np.uint64)
        is_late = rows >= self.base
        found[~is_late], found[is_late] = early[rows[~is_late]], late[rows[is_late] - self.base]
        return found

    def group_hashes(self) -> Hashes:
        """Hash of each row's group, (size,)."""
        return np.concatenate([self.generation.group_hashes[self.generation.groups], self.delta.group_hashes])

    def matrix(self, signal: str) -> Matrix:
        """Vectors of the generation's rows, memory-mapped, (base, dim)."""
        return self.generation.matrices[signal]

    def delta_matrix(self, signal: str) -> Matrix:
        """Vectors of the delta's rows, (size-base, dim)."""
        return self.delta.vectors(signal)

    def vectors(self, signal: str, rows: Iterable[int]) -> Matrix:
        """Vectors at rows, in their order, (rows, dim)."""
        wanted = _as_rows(rows)
        matrix = self.matrix(signal)
        if self.size == self.base:
            return matrix[wanted]
        out = np.empty((len(wanted), matrix.shape[1]), matrix.dtype)
        later = wanted >= self.base
        out[~later] = matrix[wanted[~later]]
        out[later] = self.delta_matrix(signal)[wanted[later] - self.base]
        return out

    def encoder_folder(self, signal: str) -> Path:
        """Where the frozen encoder of a signal lies. Raises StoreError where its vectors came from elsewhere."""
        state = self.manifest.signals.get(signal)
        folder = encoder_folder(self.store, state.fingerprint) if state and state.fingerprint else None
        if folder is None or not folder.is_dir():
            raise StoreError(
                f"store {self.store}: the signal '{signal}' has no encoder; it can't take words or pictures."
            )
        return folder

    def close_ids(self, id: str, n: int = 3) -> list[str]:
        """Ids that look much like another, the nearest first."""
        from rapidfuzz import process

        alive = np.flatnonzero(self.alive)
        found: list[tuple[float, str]] = []
        for start in range(0, len(alive), IDS_BLOCK):
            block = self.ids(alive[start : start + IDS_BLOCK])
            near = process.extract(id, block, processor=str.casefold, limit=n, score_cutoff=60)
            found.extend((-score, close) for close, score, _ in near)
        return [close for _, close in sorted(found)[:n]]


def encoder_folder(store: Path, fingerprint: str) -> Path:
    """Where the encoder of a fingerprint is frozen."""
    return store / ENCODERS / file_name(fingerprint)


def _as_rows(rows: Iterable[int]) -> Rows:
    return np.asarray(rows if isinstance(rows, (np.ndarray, Sequence)) else list(rows), np.int64)
