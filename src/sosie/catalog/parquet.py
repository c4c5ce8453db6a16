"""Parquet, read in batches as text."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from sosie.catalog.frames import ROW, Chunk, Table, distinct
from sosie.errors import CatalogueError

CHUNK = 20_000  # rows


def read_parquet(file: Path) -> Table:
    """Open a Parquet file; columns of vectors and of raw bytes are left out, and said so. Raises CatalogueError."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.ParquetFile(file).schema_arrow
    except (OSError, pa.ArrowException) as error:
        raise CatalogueError(f"{file}: is not a Parquet file that can be read ({error}).") from error
    left_out = {field.name: why for field in schema if (why := _left_out(field.type))}
    kept = [name for name in schema.names if name not in left_out]
    columns, notes = distinct(kept)
    notes += [f"column '{name}' is not read: {why}." for name, why in left_out.items()]

    def chunks() -> Iterator[Chunk]:
        row = 1
        try:
            for batch in pq.ParquetFile(file).iter_batches(batch_size=CHUNK, columns=kept):
                frame = pl.DataFrame(
                    [_text(pl.Series(name, batch[source])) for name, source in zip(columns, kept, strict=True)]
                )
                numbers = pl.int_range(row, row + frame.height, dtype=pl.Int64, eager=True)
                row += frame.height
                yield Chunk(frame.with_columns(numbers.alias(ROW)))
        except (OSError, pa.ArrowException) as error:
            raise CatalogueError(f"{file}: is damaged after row {row - 1} ({error}).") from error

    return Table("Parquet", columns, chunks, notes=tuple(notes))


def _left_out(kind: "pa.DataType") -> str:  # type: ignore[name-defined]  # noqa: F821
    import pyarrow as pa

    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return "it holds raw bytes"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return "it holds vectors (give them with --vectors)" if pa.types.is_floating(kind.value_type) else ""
    return ""


def _text(values: pl.Series) -> pl.Series:
    """A column as text: whole floats without ".0" (an id next to missing ones is a float), nested values as JSON."""
    kind = values.dtype
    if kind == pl.String:
        return values.fill_null("")
    if kind.is_nested():
        cells = [json.dumps(v, ensure_ascii=False, default=str) if v is not None else "" for v in values.to_list()]
        return pl.Series(values.name, cells, pl.String)
    text = values.cast(pl.String).fill_null("")
    return text.str.replace(r"\.0$", "") if kind.is_float() else text
