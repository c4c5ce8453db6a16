"""Every product's k nearest products as a file: id, neighbour, rank, score and a column a part."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sosie.engine.candidates import Candidates
from sosie.engine.nearest import every_nearest
from sosie.errors import QuestionError
from sosie.scoring import omegas, printed_parts
from sosie.types import Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from sosie.store import Snapshot

FORMATS = (".parquet", ".csv", ".jsonl")
BLOCK = 4_096  # products written at a time
MOST = 1_000


def write_neighbours(snapshot: "Snapshot", out: Path, k: int, progress: Progress | None = None) -> None:
    """Write the k nearest of each product, products in the order of rows, ranks from 1; .parquet, .csv or .jsonl.

    Variants are never neighbours, and each group fills one place. A part is null where one of the two lacks the signal.
    Raises QuestionError for another format or k.
    """
    if out.suffix.lower() not in FORMATS:
        raise QuestionError(f"{out}: can't be written; give a file that ends in {', '.join(FORMATS)}.")
    if not 1 <= k <= MOST:
        raise QuestionError(f"k is {k}; it goes from 1 to {MOST}.")
    candidates = Candidates.open(snapshot)
    signals = tuple(s for s in snapshot.signals if s in omegas(snapshot.weights, snapshot.scales))
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        shape = (max(snapshot.size, 1), k)
        rows = np.lib.format.open_memmap(Path(folder) / "rows.npy", "w+", np.int32, shape)
        parts = np.lib.format.open_memmap(Path(folder) / "parts.npy", "w+", np.float32, (*shape, len(signals)))
        for block in every_nearest(candidates, k, variants=False, progress=progress):
            rows[block.asked], parts[block.asked] = block.rows, block.parts
        part = Path(folder) / "out"
        _write(part, out.suffix.lower(), _tables(snapshot, signals, rows, parts))
        part.replace(out)


def _tables(
    snapshot: "Snapshot", signals: tuple[str, ...], rows: NDArray[np.int32], parts: NDArray[np.float32]
) -> Iterator["pa.Table"]:
    import pyarrow as pa

    ids = pa.array(snapshot.ids(np.arange(snapshot.size)), pa.string())
    living = np.flatnonzero(snapshot.alive)
    for start in range(0, max(len(living), 1), BLOCK):
        asked = living[start : start + BLOCK]
        found = np.asarray(rows[asked])
        there = found >= 0
        exact = np.asarray(parts[asked])[there]
        scores, printed = printed_parts(exact)
        ranks = np.broadcast_to(np.arange(1, found.shape[1] + 1, dtype=np.int32), found.shape)
        columns = {
            "id": ids.take(np.repeat(asked, there.sum(axis=1))),
            "neighbour": ids.take(found[there]),
            "rank": ranks[there],
            "score": scores,
        }
        yield pa.table(columns | {s: pa.array(printed[:, i], mask=exact[:, i] == 0) for i, s in enumerate(signals)})


def _write(file: Path, kind: str, tables: Iterator["pa.Table"]) -> None:
    import polars as pl
    import pyarrow.parquet as pq

    first = next(tables)
    with file.open("wb") as sink:
        if kind == ".parquet":
            with pq.ParquetWriter(sink, first.schema, compression="zstd") as writer:
                writer.write_table(first)
                for table in tables:
                    writer.write_table(table)
            return
        frame = pl.DataFrame(first)
        frame.write_csv(sink) if kind == ".csv" else frame.write_ndjson(sink)
        for table in tables:
            frame = pl.DataFrame(table)
            frame.write_csv(sink, include_header=False) if kind == ".csv" else frame.write_ndjson(sink)
