"""Stores of synthetic vectors, and what the benchmarks of search share: times, tables, brute force.

Vectors are made so that they resemble embeddings: points around 2,000 centres in a space of 32 dimensions, mapped into
384 with noise, independent from signal to signal (harder than real signals, which agree). The hard case is noise alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl

import sosie
from sosie.config import Config, parse_config
from sosie.types import Query

DIM = 384
QUESTIONS = 300
ROUNDS = 3
SIGNALS = ("one", "two", "three")


def structured(seed: int, size: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    mixing = generator.standard_normal((32, DIM), np.float32)
    centres = generator.standard_normal((2_000, 32), np.float32)
    for start in range(0, size, 20_000):
        count = min(20_000, size - start)
        points = centres[generator.integers(0, len(centres), count)]
        points = points + 0.5 * generator.standard_normal((count, 32), np.float32)
        rows = points @ mixing + 0.6 * generator.standard_normal((count, DIM), np.float32)
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)


def noise(seed: int, size: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    for start in range(0, size, 20_000):
        rows = generator.standard_normal((min(20_000, size - start), DIM), np.float32)
        yield rows / np.linalg.norm(rows, axis=1, keepdims=True)


def store_of(
    folder: Path, size: int, signals: Sequence[str], make: Callable[[int, int], Iterator[np.ndarray]]
) -> sosie.Store:
    """A store of products with a price, a brand and variants in pairs, and given vectors; built once and kept."""
    if (folder / "store").exists():
        return sosie.open(folder / "store")
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.default_rng(0)
    pl.DataFrame(
        {
            "id": [f"p{i}" for i in range(size)],
            "title": [f"Product {i}" for i in range(size)],
            "price": np.round(generator.random(size) * 100, 4),
            "brand": [f"Brand {b}" for b in generator.integers(0, 100, size)],
            "group": [f"g{i // 2}" for i in range(size)],
        }
    ).write_parquet(folder / "products.parquet")
    for seed, signal in enumerate(signals):
        rows = np.lib.format.open_memmap(folder / f"{signal}.npy", "w+", np.float32, (size, DIM))
        at = 0
        for block in make(seed, size):
            rows[at : at + len(block)] = block
            at += len(block)
        rows.flush()
    off = {name: {"enabled": False} for name in Config().signals.model_dump() if name != "given"}
    start = time.perf_counter()
    store = sosie.build(
        folder / "products.parquet",
        folder / "store",
        vectors=[f"{signal}={folder / signal}.npy" for signal in signals],
        config=parse_config({"signals": off}, "benchmark"),
        mapping={"group": "group"},
    )
    print(f"built {folder.name}: {size:,} products, {len(signals)} signals in {time.perf_counter() - start:.0f} s")
    return store


def timed(runs: Sequence[Callable[[], object]]) -> np.ndarray:
    """Seconds of each call."""
    spent = np.empty(len(runs))
    for i, run in enumerate(runs):
        start = time.perf_counter()
        run()
        spent[i] = time.perf_counter() - start
    return spent


class Table:
    """Rows printed as they come, and kept for the result file."""

    def __init__(self) -> None:
        self.rows: list[dict[str, object]] = []

    def add(self, what: str, value: float, unit: str, bar: str, **more: object) -> None:
        """Print and keep one figure, what it is compared with, and what belongs to it."""
        self.rows.append({"what": what, "value": round(value, 4), "unit": unit, "bar": bar, **more})
        rest = "  ".join(f"{k} {v:.4f}" if isinstance(v, float) else f"{k} {v}" for k, v in more.items())
        print(f"{what:58} {value:10,.2f} {unit:14} bar {bar:18} {rest}", flush=True)


def truth(store: sosie.Store, row: int, weights: dict[str, float], kept: np.ndarray | None, k: int = 10) -> list[float]:
    """The k best scores by brute force, one a group, the product's own group left out."""
    snapshot = store.snapshot
    omega = {s: w / snapshot.scales[s].sigma for s, w in weights.items() if w > 0}
    mass = sum(omega.values())
    scores = sum(np.float32(w / mass) * (snapshot.matrix(s) @ snapshot.matrix(s)[row]) for s, w in omega.items())
    rows = np.flatnonzero(
        snapshot.groups != snapshot.groups[row] if kept is None else kept & (snapshot.groups != snapshot.groups[row])
    )
    best = rows[np.argsort(-scores[rows])][: 2 * k]
    _, first = np.unique(snapshot.groups[best], return_index=True)
    return scores[best[np.sort(first)[:k]]].tolist()


def recall(found: Sequence[float], wanted: Sequence[float]) -> float:
    """Share of the wanted scores that were reached (products of equal score are equally good)."""
    if not wanted:
        return 1.0
    return sum(score >= wanted[-1] - 2e-4 for score in found[: len(wanted)]) / len(wanted)


def like(snapshot_id: str, **more: object) -> Query:
    return Query(like=(snapshot_id,), **more)  # type: ignore[arg-type]


def priced(generator: np.random.Generator, row: int, price: np.ndarray, share: float) -> tuple[Query, np.ndarray]:
    """A question with a range of prices that keeps about `share` percent, and the rows it keeps."""
    low = generator.random() * (100 - share)
    kept = (price >= low) & (price < low + share)
    return like(f"p{row}", where=f"price >= {low:.9f} and price < {low + share:.9f}"), kept
