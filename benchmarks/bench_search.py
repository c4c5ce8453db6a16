"""Search beside plain faiss: speed, recall against exact brute force, opening.

    python benchmarks/bench_search.py --folder /somewhere/with/10GB [--products 200000] [--only stage,questions,…]

Vectors are synthetic, and made so that they resemble embeddings: points around 2,000 centres in a space of 32
dimensions, mapped into 384 with noise, independent from signal to signal (harder than real signals, which agree).
The hard case is noise alone: unit vectors without any structure. One thread asks one question at a time.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import sosie
from sosie.config import Config, parse_config
from sosie.engine.candidates import Candidates
from sosie.types import Query

DIM = 384
QUESTIONS = 300
ROUNDS = 3
SIGNALS = ("one", "two", "three")

Asked = tuple[Query, np.ndarray | None]  # and the rows that its filter keeps


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


def questions(
    table: Table,
    store: sosie.Store,
    name: str,
    bar: str,
    make: Callable[[np.random.Generator, int], Asked],
) -> None:
    """Median over rounds of questions a second, and recall of a part of them."""
    generator = np.random.default_rng(7)
    snapshot = store.snapshot
    asked = [
        (int(row), *make(generator, int(row))) for row in generator.choice(snapshot.base, QUESTIONS, replace=False)
    ]
    for _, query, _ in asked[:20]:
        store.ask(query)
    spent = np.concatenate([timed([lambda q=query: store.ask(q) for _, query, _ in asked]) for _ in range(ROUNDS)])
    found = [
        recall(
            [hit.score for hit in store.ask(query).hits],
            truth(store, row, {**snapshot.weights, **(query.weights or {})}, kept),
        )
        for row, query, kept in asked[:60]
    ]
    rate = 1 / np.median(spent.reshape(ROUNDS, -1).mean(axis=1))
    table.add(
        name,
        rate,
        "questions/s",
        bar,
        p50_ms=float(np.median(spent) * 1e3),
        p99_ms=float(np.quantile(spent, 0.99) * 1e3),
        recall=float(np.mean(found)),
        least=float(min(found)),
    )


def like(snapshot_id: str, **more: object) -> Query:
    return Query(like=(snapshot_id,), **more)  # type: ignore[arg-type]


def random_weights(generator: np.random.Generator, signals: Sequence[str]) -> dict[str, float] | None:
    if len(signals) == 1:
        return None
    return dict(zip(signals, generator.dirichlet(np.ones(len(signals))).tolist(), strict=True))


def whole_questions(table: Table, store: sosie.Store) -> None:
    snapshot = store.snapshot
    signals, price = snapshot.signals, snapshot.columns["price"].values
    count = f"{len(signals)} signal{'s' * (len(signals) > 1)}"
    questions(
        table,
        store,
        f"question, {count}, default weights",
        "1000" if len(signals) > 1 else "-",
        lambda g, r: (like(f"p{r}"), None),
    )
    if len(signals) > 1:
        questions(
            table,
            store,
            f"question, {count}, random weights",
            "200",
            lambda g, r: (like(f"p{r}", weights=random_weights(g, signals)), None),
        )
    for share in (50, 10, 1, 0.1):

        def by_price(g: np.random.Generator, r: int, share: float = share) -> tuple[Query, np.ndarray]:
            low = g.random() * (100 - share)
            kept = (price >= low) & (price < low + share)
            return like(f"p{r}", where=f"price >= {low:.9f} and price < {low + share:.9f}"), kept

        bar = {1: "1500" if len(signals) == 1 else "600"}.get(share, "recall .95")
        questions(table, store, f"question, {count}, another filter each, keeps {share}%", bar, by_price)
        if len(signals) > 1:

            def both(g: np.random.Generator, r: int, f: Callable[..., tuple[Query, np.ndarray]] = by_price) -> Asked:
                query, kept = f(g, r)
                return replace(query, weights=random_weights(g, signals)), kept

            questions(table, store, f"  random weights, keeps {share}%", "recall .95", both)


def correlated(table: Table, store: sosie.Store) -> None:
    """Filters whose rows lie near the question, or far from it."""
    candidates = Candidates.open(store.snapshot)
    snapshot = store.snapshot
    from sosie.engine.candidates import Sought
    from sosie.scoring import omegas

    generator = np.random.default_rng(3)
    for kind in ("near", "far"):
        for share in (0.5, 0.1, 0.01, 0.001):
            found, spent = [], []
            for row in generator.choice(snapshot.base, 25, replace=False).tolist():
                weights = random_weights(generator, snapshot.signals) or dict(snapshot.weights)
                omega = omegas(weights, snapshot.scales)
                shares = {s: w / sum(omega.values()) for s, w in omega.items()}
                first = snapshot.signals[0]
                likeness = snapshot.matrix(first) @ snapshot.matrix(first)[row]
                edge = np.quantile(likeness, 1 - share if kind == "near" else share)
                kept = (likeness >= edge if kind == "near" else likeness <= edge) & (
                    snapshot.groups != snapshot.groups[row]
                )
                sought = Sought({s: candidates.vector(s, row) for s in shares}, shares)
                start = time.perf_counter()
                _, scores = next(candidates.find(sought, kept, 10))
                spent.append(time.perf_counter() - start)
                exact = np.sort(candidates.scores(sought, np.flatnonzero(kept)))[::-1][:10]
                found.append(recall(np.sort(scores)[::-1][:10].tolist(), exact.tolist()))
            bar = "recall 1.0" if share <= 0.02 else "recall .95"
            name = f"correlated filter, {len(snapshot.signals)} signals, {kind}, keeps {share:.1%}"
            table.add(
                name, 1 / np.median(spent), "searches/s", bar, recall=float(np.mean(found)), least=float(min(found))
            )


def stage(table: Table, store: sosie.Store, name: str) -> None:
    """The vector stage beside a bare faiss HNSW, each at the least effort that reaches recall .95."""
    import faiss

    snapshot = store.snapshot
    graph = Candidates.open(snapshot).generation.graph
    rows = np.ascontiguousarray(snapshot.matrix(snapshot.signals[0]))
    asked = rows[np.random.default_rng(1).choice(len(rows), 1_000, replace=False)]
    wanted = faiss.knn(asked, rows, 10, metric=faiss.METRIC_INNER_PRODUCT)[1]
    bare = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT)
    start = time.perf_counter()
    bare.add(rows)
    table.add(f"{name}: building a bare faiss HNSW32", time.perf_counter() - start, "s", "-")
    faiss.omp_set_num_threads(1)

    def share(found: np.ndarray) -> float:
        return float(np.mean([len(np.intersect1d(f, w)) / 10 for f, w in zip(found, wanted, strict=True)]))

    for effort in (4, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96, 128, 256, 512):
        bare.hnsw.efSearch = effort
        theirs = share(bare.search(asked, 10)[1])
        if theirs >= 0.95:
            break
    if graph is None:
        table.add(
            f"{name}: no graph was kept (codes serve)", 0, "-", "-", bare_recall=theirs, bare_effort=bare.hnsw.efSearch
        )
        return
    ours = share(np.stack([graph.nearest(q, graph.effort)[0][:10] for q in asked]))
    runs = {
        "bare": [lambda q=q: bare.search(q[None], 10) for q in asked],
        "ours": [lambda q=q: graph.nearest(q, 10) for q in asked],
    }
    spent = {kind: [] for kind in runs}
    for _ in range(2 * ROUNDS):
        for kind, calls in runs.items():
            spent[kind].append(float(timed(calls).mean()))
    rate = {kind: 1 / np.median(values) for kind, values in spent.items()}
    table.add(f"{name}: vector stage, one at a time", rate["ours"], "searches/s", "0.9x bare",
              ratio=float(rate["ours"] / rate["bare"]), bare=float(rate["bare"]), recall=ours, bare_recall=theirs,
              effort=graph.effort, bare_effort=bare.hnsw.efSearch)  # fmt: skip


def neighbours(table: Table, store: sosie.Store, folder: Path, k: int = 50) -> None:
    """Every product's neighbours beside a plain script: faiss HNSW, add, search all; and without its build."""
    import faiss

    snapshot = store.snapshot
    rows = np.ascontiguousarray(snapshot.matrix(snapshot.signals[0]))
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    sample = np.random.default_rng(1).choice(len(rows), 500, replace=False)
    wanted = faiss.knn(rows[sample], rows, 2 * k + 2, metric=faiss.METRIC_INNER_PRODUCT)[1]
    groups = snapshot.groups

    def places(found: np.ndarray, row: int) -> list[int]:
        kept = dict.fromkeys(int(groups[f]) for f in found if f >= 0 and groups[f] != groups[row])
        return list(kept)[:k]

    start = time.perf_counter()
    store.neighbours(folder / "nn.parquet", k)
    ours = time.perf_counter() - start
    found = pl.read_parquet(folder / "nn.parquet", columns=["id", "neighbour"])
    ids = {f"p{row}" for row in sample}
    mine = dict(found.filter(pl.col("id").is_in(ids)).group_by("id").agg("neighbour").iter_rows())
    right = [
        len({int(groups[int(n[1:])]) for n in mine[f"p{row}"]} & set(places(w, row))) / k
        for row, w in zip(sample, wanted, strict=True)
    ]
    start = time.perf_counter()
    bare = faiss.IndexHNSWFlat(DIM, 32, faiss.METRIC_INNER_PRODUCT)
    bare.add(rows)
    built = time.perf_counter() - start
    for effort in (k + 1, 64, 80, 100, 128, 192, 256):
        bare.hnsw.efSearch = effort
        reached = bare.search(rows[sample], k + 1)[1]
        theirs = float(
            np.mean([len(np.intersect1d(f, w[: k + 1])) / (k + 1) for f, w in zip(reached, wanted, strict=True)])
        )
        if theirs >= np.mean(right) - 0.002:
            break
    start = time.perf_counter()
    bare.search(rows, k + 1)
    searched = time.perf_counter() - start
    table.add(
        f"neighbours, k={k}, variants, parts, Parquet written",
        ours,
        "s",
        "1.5x a script",
        ratio=(built + searched) / ours,
        ratio_without_build=searched / ours,
        recall=float(np.mean(right)),
        script_s=built + searched,
        script_recall=theirs,
        script_effort=effort,
    )


def opening(table: Table, store: sosie.Store) -> None:
    """A fresh process opens the store and answers its first question."""
    code = """
import sys, time
start = time.perf_counter()
import sosie
store = sosie.open(sys.argv[1])
store.snapshot
opened = time.perf_counter() - start
store.similar("p5")
print(opened, time.perf_counter() - start)
"""
    command = [sys.executable, "-c", code, str(store.folder)]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(ROUNDS)]
    runs = [[float(value) for value in one.split()] for one in said]
    opened, answered = np.median(runs, axis=0)
    table.add(
        f"open {store.snapshot.base:,} products, imports included", opened, "s", "2", first_answer_s=float(answered)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where stores are built and kept")
    parser.add_argument("--products", type=int, default=200_000)
    parser.add_argument("--only", default="stage,questions,correlated,neighbours,hard,opening", help="parts to run")
    parser.add_argument("--out", type=Path, help="result file (JSON)")
    options = parser.parse_args()
    parts, size, folder = options.only.split(","), options.products, options.folder
    table = Table()
    single = store_of(folder / f"single-{size}", size, SIGNALS[:1], structured)
    if "stage" in parts:
        stage(table, single, "structured")
    if "questions" in parts:
        whole_questions(table, single)
    if "neighbours" in parts:
        neighbours(table, single, folder)
    if "opening" in parts:
        opening(table, single)
    if {"questions", "correlated"} & set(parts):
        three = store_of(folder / f"three-{size}", size, SIGNALS, structured)
        if "questions" in parts:
            whole_questions(table, three)
        if "correlated" in parts:
            correlated(table, three)
    if "hard" in parts:
        hard = store_of(folder / f"hard-{size}", size, SIGNALS[:1], noise)
        stage(table, hard, "noise (hard case)")
        questions(table, hard, "question, noise (hard case)", "recall .95", lambda g, r: (like(f"p{r}"), None))
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    if options.out:
        options.out.write_text(
            json.dumps({"commit": commit, "machine": machine, "products": size, "rows": table.rows}, indent=1)
        )


if __name__ == "__main__":
    main()
