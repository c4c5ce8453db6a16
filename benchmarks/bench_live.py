"""What a small commit costs a reader, and a question, when few and when many were committed before.

    .venv/bin/python benchmarks/bench_live.py [products, 200000] [rows of the delta, 5000]

A store of three signals (vectors made at random). A product at a time is committed, and a reader that has the store
open reads the commit: the snapshot, then groups, candidates and four filterable columns. Medians of 40 commits after a
short delta, and of 40 after a long one; then of filtered questions, and of questions by words, on both. By the thread's
own time.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from sosie.config import Config
from sosie.engine.candidates import Candidates, build_candidates
from sosie.engine.questions import Answer, answer
from sosie.index.words import build_postings, document
from sosie.store import LocalStore, Snapshot, records_of
from sosie.types import Matrix, Product, Query

DIMS = {"text": 128, "image": 128, "words": 128}
WORDS = ("oak", "steel", "cotton", "round", "tall", "soft", "blue", "green", "chair", "lamp", "table", "mirror")
BLOCK, COMMITS = 10_000, 40
COLUMNS = ("price", "brand", "category", "size")
RANDOM = np.random.default_rng(0)


@dataclass(frozen=True)
class Costs:
    """Medians in milliseconds."""

    commit: float
    filtered: float
    words: float


def product(at: int) -> Product:
    """One product, its fields at random."""
    return Product(
        f"p{at}",
        title=" ".join(RANDOM.choice(WORDS, 4)),
        price=float(RANDOM.integers(5, 500)),
        brand=f"brand {RANDOM.integers(3_000)}",
        category=(f"Home > Kind {RANDOM.integers(40)}",),
        attributes={"size": str(RANDOM.integers(40)), "fit": str(RANDOM.choice(WORDS))},
        identifiers={"gtin": f"{at:013d}x"},
        group=f"p{at}",
    )


def vectors(rows: int) -> dict[str, Matrix]:
    """Unit vectors at random, by signal."""
    made = {signal: RANDOM.normal(size=(rows, dim)).astype(np.float32) for signal, dim in DIMS.items()}
    return {signal: rows / np.linalg.norm(rows, axis=1, keepdims=True) for signal, rows in made.items()}


def prepare(folder: Path, products: int) -> LocalStore:
    """A store of one generation."""
    store = LocalStore.create(folder, Config())
    with store.write() as writer:
        for start in range(0, products, BLOCK):
            rows = range(start, min(start + BLOCK, products))
            writer.put([product(at) for at in rows], np.full(len(rows), 9, np.uint64))
        with writer.generation(DIMS, {signal: signal for signal in DIMS}) as fresh:
            for start in range(0, products, BLOCK):
                for signal, matrix in vectors(min(BLOCK, products - start)).items():
                    fresh.vectors(signal)[start : start + len(matrix)] = matrix
            matrices = {signal: fresh.vectors(signal) for signal in DIMS}
            build_candidates(fresh.folder, matrices, dict.fromkeys(DIMS, 1.0), Config().index)
            build_postings(fresh.folder, (document(one) for batch in fresh.products() for one in batch))
    return store


def commit(store: LocalStore, ids: range | list[int]) -> None:
    """Put products in one commit."""
    put = [product(at) for at in ids]
    with store.append() as appender:
        rows = appender.snapshot.rows([one.id for one in put])
        appender.commit(put, records_of(put), vectors(len(put)), rows[rows >= 0])


def read(store: LocalStore) -> Snapshot:
    """Read the newest state as a question does."""
    snapshot = store.snapshot()
    Candidates.open(snapshot)
    assert len(snapshot.groups) == len(snapshot.alive)
    assert all(len(snapshot.columns[name].values) == snapshot.size for name in COLUMNS)
    return snapshot


def milliseconds(work: Callable[[], object]) -> float:
    """How long something kept this thread busy, which other work on the machine disturbs less than the clock."""
    started = time.thread_time()
    work()
    return 1_000 * (time.thread_time() - started)


def measure(writing: LocalStore, reading: LocalStore, products: int) -> Costs:
    """Costs with the delta as it is (40 rows more at the end)."""
    read(reading)
    commits = []
    for at in RANDOM.integers(products, size=COMMITS).tolist():
        commit(writing, [at])
        commits.append(milliseconds(lambda: read(reading)))

    def ask(query: Query) -> Answer:
        return answer(read(reading), query, lambda signal: None)  # type: ignore[arg-type,return-value]

    alike = [Query(like=(f"p{at}",), where="price < 100") for at in RANDOM.integers(products, size=COMMITS)]
    spoken = [Query(text="oak mirror", weights=dict.fromkeys(DIMS, 0.0))] * COMMITS
    filtered, by_words = ([milliseconds(partial(ask, query)) for query in queries] for queries in (alike, spoken))
    return Costs(median(commits), median(filtered), median(by_words))


def main() -> None:
    """Build, commit, measure."""
    products = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    long = int(sys.argv[2]) if len(sys.argv) > 2 else 5_000
    with tempfile.TemporaryDirectory() as name:
        writing = prepare(Path(name) / "store", products)
        reading = LocalStore.open(writing.folder)
        measure(writing, reading, products)  # warms up
        first = measure(writing, reading, products)
        commit(writing, range(products, products + long))
        last = measure(writing, reading, products)
    print(f"{products:,} products, three signals; a delta of {2 * COMMITS} rows, and of {long + 3 * COMMITS:,}")
    for what in ("commit", "filtered", "words"):
        before, after = getattr(first, what), getattr(last, what)
        print(f"{what:9} {before:7.2f} ms  {after:7.2f} ms  {after / before:5.2f} times")


if __name__ == "__main__":
    main()
