"""Evaluation by labels, every product asking all others, beside a plain faiss script of the same.

    python benchmarks/bench_evaluate.py [--sizes 50000,200000] [--rounds 3,1] [--only lists,defaults,others] [--out F]

Both answer every question exactly, look at grades and work out the same measures; each run is a process of its own,
turn and turn about, with all cores. Vectors are those of bench_search.py; the label of a product is the centre it was
made from. `lists` looks at the first ten answers, `defaults` at what `sosie evaluate` does (a thousand), `others` ranks
questions that are not the gallery. What counts is the ratio of seconds; that of the processor's seconds, of all cores
together, is disturbed less by what else runs.
"""

import argparse
import json
import multiprocessing
import os
import platform
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from sosie.evaluate.ranking import rank
from sosie.evaluate.relevance import Labelled, Nothing
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task
from sosie.evaluate.values import values_of
from sosie.metrics.ranking import DEFAULT, depth_needed

DIM = 384
CENTRES = 2_000
LISTS = ("hit@1", "hit@5", "hit@10", "recall@10", "precision@10", "mrr@10", "ndcg@10")
NAMES = {"lists": LISTS, "defaults": DEFAULT}
OTHERS = ((2_000, 8_000), (10_000, 60_000))
RESULTS = Path(__file__).parent / "results" / "evaluate.json"

DEPTH = 10

Values = dict[str, np.ndarray]
Way = Callable[[np.ndarray, np.ndarray, Any], Values]


def products(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around centres, (size, DIM), and the centre of each."""
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal((32, DIM), np.float32)
    centres = generator.standard_normal((CENTRES, 32), np.float32)
    labels = generator.integers(0, CENTRES, size)
    vectors = np.empty((size, DIM), np.float32)
    for start in range(0, size, 20_000):
        points = centres[labels[start : start + 20_000]]
        points = points + 0.5 * generator.standard_normal(points.shape, np.float32)
        rows = points @ mixing + 0.6 * generator.standard_normal((len(points), DIM), np.float32)
        vectors[start : start + 20_000] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors, labels


def task_of(vectors: np.ndarray, labels: np.ndarray) -> Task:
    """Every product asks all others; places in the order of ids, descending, as in a store."""
    size = len(vectors)
    ids = np.array([f"p{row}" for row in range(size)])
    order = np.argsort(ids)[::-1]
    places = np.empty(size, np.int64)
    places[order] = np.arange(size)
    kinds = Lists(np.arange(CENTRES + 1), np.arange(CENTRES))
    relevance = Labelled(np.arange(CENTRES, dtype=np.int32)[:, None], kinds, labels, labels[order], places)
    everyone = np.arange(size)
    barred = Lists(np.arange(size + 1), places)
    return Task("label", tuple(ids), everyone, everyone, places, tuple(ids[order]), relevance, barred)


def ours(vectors: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> Values:
    return values_of(System("vectors", "signal", vectors, vectors), task_of(vectors, labels), names)[0]


def script(vectors: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> Values:
    """What one writes without sosie."""
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    counts = np.bincount(labels)[labels] - 1
    depth = depth_needed(names, counts)
    found: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for start in range(0, len(vectors), 4_096):
        own = np.arange(start, min(start + 4_096, len(vectors)))
        rows = index.search(vectors[own], depth + 1)[1]
        other = rows != own[:, None]
        other[other.all(axis=1), -1] = False
        rows = rows[other].reshape(len(own), depth)
        relevant = (labels[rows] == labels[own, None]).astype(np.float64)
        for name in names:
            found[name].append(measured(name, relevant, counts[own]))
    return {name: np.concatenate(parts) for name, parts in found.items()}


def measured(name: str, relevant: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A measure of zeros and ones at ranks, (questions, depth), with numpy alone."""
    kind, _, cut = name.partition("@")
    k = int(cut) if cut.isdigit() else relevant.shape[1]
    some, ranks = relevant[:, :k], np.arange(1, k + 1)
    within = ranks <= counts[:, None]
    with np.errstate(invalid="ignore"):
        if kind == "hit":
            value = some.max(axis=1)
        elif kind == "recall":
            value = some.sum(axis=1) / counts
        elif kind == "precision":
            value = some.sum(axis=1) / k
        elif kind == "mrr":
            value = (some / ranks).max(axis=1)
        elif kind == "ndcg":
            value = (some / np.log2(ranks + 1)).sum(axis=1) / (within / np.log2(ranks + 1)).sum(axis=1)
        elif kind == "r_precision":
            value = (some * within).sum(axis=1) / counts
        else:
            kept = some * within if kind == "map" else some
            value = (np.cumsum(some, axis=1) / ranks * kept).sum(axis=1) / counts
    return np.where(counts > 0, value, np.nan)


def ours_others(vectors: np.ndarray, _: np.ndarray, questions: int) -> Values:
    asked, rows = vectors[:questions], vectors[questions:]
    names, own = tuple(map(str, range(len(vectors)))), np.arange(len(rows))
    barred = Lists(np.zeros(questions + 1, np.int64), np.empty(0, np.int64))
    task = Task("any", names[:questions], np.arange(questions), own, own, names[: len(rows)], Nothing(), barred)
    found = np.empty((questions, DEPTH), np.int64)
    for block in rank(System("any", "signal", asked, rows), task, DEPTH):
        found[block.questions] = block.places
    return {"places": found}


def script_others(vectors: np.ndarray, _: np.ndarray, questions: int) -> Values:
    faiss.omp_set_num_threads(os.cpu_count() or 1)
    index = faiss.IndexFlatIP(DIM)
    index.add(vectors[questions:])
    return {"places": index.search(vectors[:questions], DEPTH)[1]}


@dataclass(frozen=True)
class Run:
    """What some work took, and what it found."""

    seconds: float
    processor: float  # seconds of all cores together
    peak: float  # GiB
    values: Values


def work(send: Connection, way: Way, size: int, given: object) -> None:
    vectors, labels = products(size)
    start, before = time.perf_counter(), time.process_time()
    values = way(vectors, labels, given)
    seconds, processor = time.perf_counter() - start, time.process_time() - before
    send.send(Run(seconds, processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, values))


def alone(way: Way, size: int, given: object) -> Run:
    """Some work in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(send, way, size, given))
    process.start()
    send.close()
    run: Run = receive.recv()
    process.join()
    return run


def beside(what: str, rounds: int, mine: Way, theirs: Way, size: int, given: object) -> dict[str, object]:
    """One row of the table: both ways in turn."""
    runs = [(alone(mine, size, given), alone(theirs, size, given)) for _ in range(rounds)]
    here, there = (run.values for run in runs[-1])
    ratios = [script.seconds / own.seconds for own, script in runs]
    row = {
        "what": what,
        "ratio": round(float(np.median(ratios)), 2),
        "ratios": [round(ratio, 2) for ratio in ratios],
        "processor_ratio": round(float(np.median([script.processor / own.processor for own, script in runs])), 2),
        "seconds": [round(own.seconds, 1) for own, _ in runs],
        "script_seconds": [round(script.seconds, 1) for _, script in runs],
        "processor_seconds": [round(own.processor, 1) for own, _ in runs],
        "script_processor_seconds": [round(script.processor, 1) for _, script in runs],
        "peak_gib": round(max(own.peak for own, _ in runs), 2),
        "script_peak_gib": round(max(script.peak for _, script in runs), 2),
        "differ": {name: float(np.mean(~np.isclose(here[name], there[name], equal_nan=True))) for name in here},
    }
    if "places" not in here:
        row["means"] = {name: [float(np.nanmean(values[name])) for values in (here, there)] for name in here}
    print(json.dumps(row), flush=True)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="50000,200000")
    parser.add_argument("--rounds", default="3,1", help="pairs of runs of each size")
    parser.add_argument("--only", default="lists,defaults,others")
    parser.add_argument("--out", type=Path, default=RESULTS, help="result file (JSON)")
    options = parser.parse_args()
    parts = options.only.split(",")
    rows = []
    for size, rounds in zip(map(int, options.sizes.split(",")), map(int, options.rounds.split(",")), strict=True):
        rows += [
            beside(f"{size:,} products by labels, {part}", rounds, ours, script, size, names)
            for part, names in NAMES.items()
            if part in parts
        ]
    if "others" in parts:
        for questions, others in OTHERS:
            what = f"{questions:,} questions, {others:,} others"
            rows.append(beside(what, 3, ours_others, script_others, questions + others, questions))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    result = {
        "commit": commit.stdout.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "bar": "ratio 1.5 for labels, 0.83 for others; peak below 4 GiB",
        "rows": rows,
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
