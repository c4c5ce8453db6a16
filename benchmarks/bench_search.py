"""Search beside plain faiss: speed, recall against exact brute force, opening.

    python benchmarks/bench_search.py --folder /somewhere/with/10GB [--products 200000] [--only stage,questions,…]

Vectors are synthetic (see synthetic.py). One thread asks one question at a time. Rates are by the clock; `processor` is
the rate by the thread's own processor time: what others do on the machine slows it less.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

import sosie
from beside import filtered_beside_zvec, neighbours, stage
from sosie.engine.candidates import Candidates, Sought
from sosie.scoring import omegas
from sosie.types import Query
from synthetic import (
    QUESTIONS,
    ROUNDS,
    SIGNALS,
    Table,
    like,
    noise,
    priced,
    recall,
    store_of,
    structured,
    timed,
    truth,
)

Asked = tuple[Query, np.ndarray | None]  # and the rows that its filter keeps


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
    calls = [lambda q=query: store.ask(q) for _, query, _ in asked]
    spent, busy = [], []
    for _ in range(ROUNDS):
        start = time.thread_time()
        spent.append(timed(calls))
        busy.append((time.thread_time() - start) / len(calls))
    found = [
        recall(
            [hit.score for hit in store.ask(query).hits],
            truth(store, row, {**snapshot.weights, **(query.weights or {})}, kept),
        )
        for row, query, kept in asked[:60]
    ]
    table.add(
        name,
        1 / np.median([times.mean() for times in spent]),
        "questions/s",
        bar,
        processor=float(1 / np.median(busy)),
        p50_ms=float(np.median(spent) * 1e3),
        p99_ms=float(np.quantile(spent, 0.99) * 1e3),
        recall=float(np.mean(found)),
        least=float(min(found)),
    )


def random_weights(generator: np.random.Generator, signals: Sequence[str]) -> dict[str, float] | None:
    if len(signals) == 1:
        return None
    return dict(zip(signals, generator.dirichlet(np.ones(len(signals))).tolist(), strict=True))


def whole_questions(table: Table, store: sosie.Store) -> None:
    snapshot = store.snapshot
    signals = snapshot.signals
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
    filtered(table, store)


def filtered(table: Table, store: sosie.Store, shares: Sequence[float] = (50, 10, 1, 0.1)) -> None:
    """Another range of prices in each question."""
    snapshot = store.snapshot
    signals, price = snapshot.signals, snapshot.columns["price"].values
    count = f"{len(signals)} signal{'s' * (len(signals) > 1)}"
    for share in shares:

        def by_price(g: np.random.Generator, r: int, share: float = share) -> Asked:
            return priced(g, r, price, share)

        bar = {1: "1500" if len(signals) == 1 else "600"}.get(share, "recall .95")
        questions(table, store, f"question, {count}, another filter each, keeps {share}%", bar, by_price)
        if len(signals) > 1:

            def both(g: np.random.Generator, r: int, share: float = share) -> Asked:
                query, kept = priced(g, r, price, share)
                return replace(query, weights=random_weights(g, signals)), kept

            questions(table, store, f"  random weights, keeps {share}%", "recall .95", both)


def correlated(table: Table, store: sosie.Store) -> None:
    """Filters whose rows lie near the question, or far from it."""
    candidates = Candidates.open(store.snapshot)
    snapshot = store.snapshot
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
    parser.add_argument("--only", default="stage,questions,correlated,neighbours,hard,opening",
                        help="parts to run; also: filter (of questions, only filters that keep 1%%)")  # fmt: skip
    parser.add_argument("--beside", choices=["zvec"], help="another store to compare filtered questions with")
    parser.add_argument("--out", type=Path, help="result file (JSON); rows that are not measured anew stay")
    options = parser.parse_args()
    parts, size, folder = options.only.split(","), options.products, options.folder
    table = Table()
    single = store_of(folder / f"single-{size}", size, SIGNALS[:1], structured)
    if "stage" in parts:
        stage(table, single, "structured")
    if "questions" in parts:
        whole_questions(table, single)
    if "filter" in parts:
        filtered(table, single, [1])
    if options.beside:
        filtered_beside_zvec(table, single, folder / f"zvec-{size}")
    if "neighbours" in parts:
        neighbours(table, single, folder)
    if "opening" in parts:
        opening(table, single)
    if {"questions", "correlated", "filter"} & set(parts):
        three = store_of(folder / f"three-{size}", size, SIGNALS, structured)
        if "questions" in parts:
            whole_questions(table, three)
        if "filter" in parts:
            filtered(table, three, [1])
        if "correlated" in parts:
            correlated(table, three)
    if "hard" in parts:
        hard = store_of(folder / f"hard-{size}", size, SIGNALS[:1], noise)
        stage(table, hard, "noise (hard case)")
        questions(table, hard, "question, noise (hard case)", "recall .95", lambda g, r: (like(f"p{r}"), None))
    if options.out:
        _keep(options.out, size, table.rows)


def _keep(out: Path, size: int, rows: list[dict[str, object]]) -> None:
    """Write what was measured, each row with its commit; rows of an earlier run that were not measured anew stay."""
    said = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    kept = json.loads(out.read_text())["rows"] if out.exists() else []
    kept = {row["what"]: row for row in kept} | {row["what"]: row | {"commit": said.stdout.strip()} for row in rows}
    about = {"machine": f"{platform.machine()}, {os.cpu_count()} cores", "products": size, "rows": list(kept.values())}
    out.write_text(json.dumps(about, indent=1))


if __name__ == "__main__":
    main()
