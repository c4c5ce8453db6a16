"""Vectors made elsewhere (`--vectors name=FILE[:COLUMN]`) as one more signal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sosie.errors import CatalogueError
from sosie.types import Matrix, Product

_SALT = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, slots=True)
class Given:
    """The vectors of one signal: by record number of the catalogue (NumPy) or by id (Parquet)."""

    signal: str
    matrix: Matrix  # (rows, dim), memory-mapped where the file allows
    rows_by_id: Mapping[str, int] | None  # None: row i belongs to record i + 1 of the catalogue

    @property
    def dim(self) -> int:
        """Length of a vector."""
        return int(self.matrix.shape[1])

    def positions(self, ids: Sequence[str], records: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the vectors of products stand in `matrix`; -1 where there is none."""
        if self.rows_by_id is not None:
            return np.fromiter((self.rows_by_id.get(i, -1) for i in ids), np.int64, len(ids))
        return np.where((records > 0) & (records <= len(self.matrix)), records - 1, -1)

    def of(self, products: Sequence[Product], records: Mapping[str, int]) -> Matrix:
        """Unit vectors of products, whose record numbers in the catalogue are given by id."""
        numbers = np.fromiter((records.get(product.id, 0) for product in products), np.int64, len(products))
        return self.take(self.positions([product.id for product in products], numbers))

    def take(self, positions: NDArray[np.int64]) -> Matrix:
        """Unit vectors at positions; zeros for -1, for zero vectors and for vectors with NaN or infinity."""
        out = np.zeros((len(positions), self.dim), np.float32)
        there = positions >= 0
        with np.errstate(over="ignore"):  # what does not fit float32 becomes infinite, and is left out below
            raw = np.asarray(self.matrix[positions[there]], np.float32)
        raw = np.where(np.isfinite(raw).all(axis=1, keepdims=True), raw, 0)
        length = np.sqrt(np.einsum("ij,ij->i", raw, raw, dtype=np.float64))[:, None]
        out[there] = np.divide(raw, length, out=np.zeros_like(raw), where=length > 0)
        return out

    def stamp(self, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
        """A hash of each vector, so that a product whose vector changed is recognised as changed."""
        block = np.ascontiguousarray(self.matrix[np.maximum(positions, 0)], np.float32)
        bits = block.view(np.uint32).astype(np.uint64)
        place = np.arange(1, bits.shape[1] + 1, dtype=np.uint64) * _SALT | np.uint64(1)
        hashed = (bits * place).sum(axis=1, dtype=np.uint64)
        return np.where(positions >= 0, hashed ^ (hashed >> np.uint64(29)), np.uint64(0))


def read_given(spec: str) -> Given:
    """Open `name=FILE[:COLUMN]` (a NumPy matrix, or Parquet with an id column and a column of vectors).

    Without `name=` the signal is called after the file. Raises CatalogueError.
    """
    name, separator, rest = spec.partition("=")
    where = rest if separator else spec
    file, column = Path(where), ""
    if not file.exists() and ":" in where:
        path, _, column = where.rpartition(":")
        file = Path(path)
    if not file.is_file():
        raise CatalogueError(f"--vectors {spec}: there is no file {file}.")
    signal = name if separator else file.stem
    if file.suffix == ".npy":
        return _from_numpy(signal, file)
    if file.suffix in {".parquet", ".pq"}:
        return _from_parquet(signal, file, column)
    raise CatalogueError(f"--vectors {spec}: {file.name} is neither .npy nor .parquet.")


def _from_numpy(signal: str, file: Path) -> Given:
    try:
        matrix = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CatalogueError(f"--vectors {file}: is not a NumPy array of numbers ({error}).") from error
    if matrix.ndim != 2 or matrix.shape[1] == 0 or matrix.dtype.kind not in "fiu":
        raise CatalogueError(
            f"--vectors {file}: needs the shape (products, dim) of numbers; has {matrix.shape} {matrix.dtype}."
        )
    return Given(signal, matrix, None)


def _from_parquet(signal: str, file: Path, column: str) -> Given:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(file)
    except (OSError, pa.ArrowInvalid) as error:
        raise CatalogueError(f"--vectors {file}: is not a Parquet file ({error}).") from error
    names = table.schema_arrow.names
    vectors = [
        n
        for n in names
        if pa.types.is_list(t := table.schema_arrow.field(n).type)
        or pa.types.is_fixed_size_list(t)
        or pa.types.is_large_list(t)
    ]
    chosen = column or (vectors[0] if len(vectors) == 1 else "")
    ids = next((n for n in ("id", "product_id", "sku", *names) if n in names and n != chosen), "")
    if chosen not in vectors or not ids:
        raise CatalogueError(
            f"--vectors {file}: needs an id column and a column of vectors; name it as {file.name}:COLUMN. "
            f"Columns: {', '.join(names)}; of vectors: {', '.join(vectors) or 'none'}."
        )
    matrix: Matrix | None = None
    keys: list[str] = []
    for batch in table.iter_batches(batch_size=65_536, columns=[ids, chosen]):
        column_values = batch.column(1)
        flat = column_values.flatten().to_numpy(zero_copy_only=False)
        if column_values.null_count or len(batch) == 0 or len(flat) % len(batch):
            raise CatalogueError(f"--vectors {file}: the vectors of column '{chosen}' differ in length or are empty.")
        block = flat.reshape(len(batch), -1)
        if matrix is None:
            matrix = np.empty((table.metadata.num_rows, block.shape[1]), np.float32)
        if block.shape[1] != matrix.shape[1]:
            raise CatalogueError(f"--vectors {file}: the vectors of column '{chosen}' differ in length.")
        matrix[len(keys) : len(keys) + len(block)] = block
        keys.extend(str(key) for key in batch.column(0).to_pylist())
    if matrix is None:
        raise CatalogueError(f"--vectors {file}: holds no rows.")
    return Given(signal, matrix, {key: row for row, key in enumerate(keys)})
