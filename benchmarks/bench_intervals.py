"""How often 95% intervals of a mean hold the true mean, on simulated questions; of differences, too.

    nice python benchmarks/bench_intervals.py [--samples 4000] [--sizes 20,50] [--out F]

`sosie` is `sosie.metrics.intervals.interval`, here for all samples at once, and compared with it on the first few of
each cell; the others are what it was chosen among, on the same samples. Questions come in clusters (a user, a product)
of one each, of 3 on average (geometric), or very unequal (1 to 60, log-normal); in the latter two, each question
repeats what its cluster is like with probability one half. An interval is in bounds where it holds the truth in 93–97%
of the samples. `events` says how much there is to go by: clusters, counted as equal ones (Kish), that differ from the
commonest value.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit

from sosie.metrics.intervals import MANY, RESAMPLES, draws, interval

RESULTS = Path(__file__).parent / "results" / "intervals.json"
SIZES = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000)
CLUSTERS = ("of one", "unequal", "very unequal")
BAR = (0.93, 0.97)
Z = float(ndtri(0.975))
CHECKED = 4  # samples of each cell on which `interval` itself is asked

Draw = Callable[[np.random.Generator, int], np.ndarray]
Limits = tuple[np.ndarray, np.ndarray]


def hits(p: float) -> tuple[Draw, float, float]:
    """0 or 1; also the true mean, and the share that is not the commonest value."""
    return lambda generator, n: (generator.random(n) < p).astype(float), p, min(p, 1 - p)


def graded(zeros: float, ones: float, a: float, b: float) -> tuple[Draw, float, float]:
    """As NDCG: some 0, some 1, the rest beta."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        kind = generator.random(n)
        return np.where(kind < zeros, 0, np.where(kind < zeros + ones, 1, generator.beta(a, b, n)))

    return draw, ones + (1 - zeros - ones) * a / (a + b), 1 - max(zeros, ones)


def hit_differences(worse: float, better: float) -> tuple[Draw, float, float]:
    """-1, 0 or 1."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        kind = generator.random(n)
        return (kind < better).astype(float) - (kind > 1 - worse)

    return draw, better - worse, worse + better


def graded_differences(ties: float, a: float, b: float, c: float, d: float) -> tuple[Draw, float, float]:
    """Some 0, the rest one beta less another."""

    def draw(generator: np.random.Generator, n: int) -> np.ndarray:
        return np.where(generator.random(n) < ties, 0, generator.beta(a, b, n) - generator.beta(c, d, n))

    return draw, (1 - ties) * (a / (a + b) - c / (c + d)), 1 - ties


MEANS = {f"hit@1, {p}": hits(p) for p in (0.02, 0.1, 0.5, 0.9, 0.98)} | {
    "ndcg, 0.05, nine in ten are 0": graded(0.9, 0.02, 1.5, 3),
    "ndcg, 0.4": graded(0.4, 0.2, 2, 2),
    "ndcg, 0.92, eight in ten are 1": graded(0.02, 0.8, 3, 1.5),
}
DIFFERENCES = {
    "hit@1, 2% differ, 0": hit_differences(0.01, 0.01),
    "hit@1, 5% differ, +0.03": hit_differences(0.01, 0.04),
    "hit@1, 20% differ, +0.1": hit_differences(0.05, 0.15),
    "hit@1, 40% differ, 0": hit_differences(0.2, 0.2),
    "ndcg, 20% differ, +0.04": graded_differences(0.8, 3, 2, 2, 3),
    "ndcg, 80% differ, 0.02": graded_differences(0.2, 2, 2, 2, 2.2),
}


def sampled(draw: Draw, n: int, samples: int, clusters: str, generator: np.random.Generator) -> tuple[np.ndarray, ...]:
    """Values of the questions of all samples, and the cluster of each: 0..n-1 in the first sample, and so on."""
    every = np.arange(n * samples)
    if clusters == "of one":
        return draw(generator, n * samples), every
    unequal = clusters == "unequal"
    drawn = generator.geometric(1 / 3, len(every)) if unequal else 1 + np.exp(generator.normal(0.8, 1, len(every)))
    number = np.repeat(every, np.minimum(drawn, 60).astype(np.int64))
    repeated = generator.random(len(number)) < 0.5
    return np.where(repeated, draw(generator, len(every))[number], draw(generator, len(number))), number


def worth(n: int, clusters: str) -> float:
    """As many clusters of equal size as these are worth (Kish)."""
    _, number = sampled(hits(0.5)[0], 100_000, 1, clusters, np.random.default_rng(0))
    size = np.bincount(number)
    return float(n * size.mean() ** 2 / np.square(size).mean())


def limits(sums: np.ndarray, sizes: np.ndarray, counts: np.ndarray, low: float, high: float) -> dict[str, Limits]:
    """Limits of all samples by each method; `sums` and `sizes` are (clusters, samples)."""
    n, total = len(sums), sizes.sum(axis=0)
    mean = sums.sum(axis=0) / total
    rest = sums - mean * sizes
    error = np.sqrt(np.square(rest).sum(axis=0) * n / (n - 1)) / total
    t = float(stdtrit(n - 1, 0.975))
    found = {"normal": (mean - Z * error, mean + Z * error), "t": (mean - t * error, mean + t * error)}
    found["wilson"] = _score(mean, error, Z, Z, low, high, n)
    narrow, narrow_size = rest.astype(np.float32), sizes.astype(np.float32)
    size = counts @ narrow_size
    off = (counts @ narrow) / size
    ordered = np.sort(off, axis=0)
    found["percentile"] = mean + np.quantile(ordered, 0.025, axis=0), mean + np.quantile(ordered, 0.975, axis=0)
    found["bca"] = _bca(mean, rest, ordered)
    square, product = counts @ np.square(narrow), counts @ (narrow * narrow_size)
    variance = (square - 2 * off * product + off**2 * (counts @ np.square(narrow_size))) / size**2 * n / (n - 1)
    varied = variance > 1e-4 * error**2
    own = np.sqrt(np.where(varied, variance, 1))
    below, above = np.quantile(np.where(varied, off / own, np.sign(off) * 1e3), [0.025, 0.975], axis=0)
    found["bootstrap-t"] = np.maximum(mean - above * error, low), np.minimum(mean - below * error, high)
    spread = (mean - low) * (high - mean)
    there = np.where(varied, (mean + off - low) * (high - mean - off), 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = off / np.where(varied, own * np.sqrt(spread / there), error)
    below, above = np.quantile(np.nan_to_num(statistic), [0.025, 0.975], axis=0)
    least = stdtrit(np.maximum(total**2 / np.square(sizes).sum(axis=0) - 1, 1), 0.975)
    if n > MANY:
        below, above = -least, least
    jackknife = np.sqrt(np.square(rest / (1 - sizes / total)).sum(axis=0) * (n - 1) / n) / total
    found["sosie"] = _score(mean, jackknife, np.maximum(above, least), np.maximum(-below, least), low, high, n)
    unseen = 1 - 0.025 ** (1 / n)
    reach = mean - unseen * (mean - low), mean + unseen * (high - mean)
    same = np.abs(rest).max(axis=0) <= 1e-9
    found["sosie"] = tuple(np.where(same, flat, wide) for flat, wide in zip(reach, found["sosie"], strict=True))
    return found


def _score(
    mean: np.ndarray, error: np.ndarray, c_low: ArrayLike, c_high: ArrayLike, low: float, high: float, n: int
) -> Limits:
    """Wilson's, with as many questions as would have this error."""
    share = (mean - low) / (high - low)
    with np.errstate(divide="ignore", invalid="ignore"):
        questions = np.where(error > 0, share * (1 - share) / np.square(error / (high - low)), n)
    found = []
    for side, c in ((-1, c_low), (1, c_high)):
        square = np.square(c) / questions
        half = side * np.sqrt(np.maximum(share * (1 - share), 0) * square + square**2 / 4)
        found.append(low + (high - low) * (share + square / 2 + half) / (1 + square))
    return found[0], found[1]


def _bca(mean: np.ndarray, rest: np.ndarray, off: np.ndarray) -> Limits:
    """Bias-corrected and accelerated percentiles (Efron 1987) of sorted resamples."""
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = np.nan_to_num((rest**3).sum(axis=0) / (6 * np.square(rest).sum(axis=0) ** 1.5))
    below = ((off < 0).mean(axis=0) + (off <= 0).mean(axis=0)) / 2
    bias = ndtri(np.clip(below, 0.5 / RESAMPLES, 1 - 0.5 / RESAMPLES))
    limits = []
    for z in (-Z, Z):
        place = ndtr(bias + (bias + z) / (1 - skew * (bias + z))) * (RESAMPLES - 1)
        limits.append(mean + np.take_along_axis(off, place.round().astype(np.int64)[None], 0)[0])
    return limits[0], limits[1]


def coverage(draw: Draw, truth: float, low: float, n: int, clusters: str, samples: int, counts: np.ndarray) -> dict:
    """Share of samples whose interval holds the truth, and mean width, by method."""
    generator = np.random.default_rng([n, CLUSTERS.index(clusters)])
    held: dict[str, int] = {}
    wide: dict[str, float] = {}
    step = max(CHECKED, min(samples, 2_000_000 // n))
    for start in range(0, samples, step):
        some = min(step, samples - start)
        values, number = sampled(draw, n, some, clusters, generator)
        sums, sizes = (np.bincount(number, of, n * some).reshape(some, n).T for of in (values, np.ones(len(values))))
        found = limits(sums, sizes, counts, low, 1)
        for at in range(CHECKED if start == 0 else 0):
            these = number // n == at
            figure = interval(values[these], None if clusters == "of one" else number[these], (low, 1))
            assert np.allclose([figure.low, figure.high], [one[at] for one in found["sosie"]], atol=1e-4), figure
        for name, (left, right) in found.items():
            held[name] = held.get(name, 0) + int(((left <= truth + 1e-9) & (right >= truth - 1e-9)).sum())
            wide[name] = wide.get(name, 0) + float((right - left).sum())
    return {name: {"coverage": held[name] / samples, "width": round(wide[name] / samples, 5)} for name in held}


def inside(value: float) -> bool:
    return BAR[0] <= value <= BAR[1]


def table(rows: list[dict], methods: list[str]) -> list[dict]:
    """How many cells each method has in bounds, by what they are of and how much there is to go by."""
    parts = {
        "all": lambda row: True,
        "100 clusters or more": lambda row: row["clusters"] >= 100,
        "10 events or more": lambda row: row["events"] >= 10,
        "fewer than 10 events": lambda row: row["events"] < 10,
    }
    found = []
    for part, holds in parts.items():
        for method in methods:
            values = [row["methods"][method]["coverage"] for row in rows if holds(row)]
            if not values:
                continue
            found.append(
                {
                    "cells": part,
                    "method": method,
                    "in bounds": sum(map(inside, values)),
                    "of": len(values),
                    "below": sum(value < BAR[0] for value in values),
                    "above": sum(value > BAR[1] for value in values),
                    "least": min(values),
                    "largest": max(values),
                }
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=4_000)
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    started = time.perf_counter()
    rows = []
    for n in map(int, arguments.sizes.split(",")):
        counts = np.stack([np.bincount(chosen, minlength=n) for chosen in draws(n)]).astype(np.float32)
        for clusters in CLUSTERS:
            kish = worth(n, clusters)
            for of, kinds in {"mean": MEANS, "difference": DIFFERENCES}.items():
                for name, (draw, truth, rare) in kinds.items():
                    low = 0.0 if of == "mean" else -1.0
                    methods = coverage(draw, truth, low, n, clusters, arguments.samples, counts)
                    row = {"of": of, "values": name, "truth": round(truth, 6), "clusters": n, "sizes": clusters}
                    rows.append({**row, "events": round(kish * rare, 1), "methods": methods})
                    ours = methods["sosie"]["coverage"]
                    print(
                        f"{n:5} {clusters:12} {of:10} {name:30} {ours:.3f} {'' if inside(ours) else '<--'}", flush=True
                    )
    summary = table(rows, list(rows[0]["methods"]))
    for one in summary:
        print(" ".join(f"{value:<22}" if isinstance(value, str) else f"{value:<8.4g}" for value in one.values()))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout
    report = {
        "commit": commit.strip(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "samples": arguments.samples,
        "level": 0.95,
        "bar": BAR,
        "seconds": round(time.perf_counter() - started),
    }
    parts = {
        "summary": summary,
        "out of bounds": [row for row in rows if not inside(row["methods"]["sosie"]["coverage"])],
        "rows": rows,
    }
    lines = [f" {json.dumps(name)}: {json.dumps(value)}" for name, value in report.items()]
    for name, cells in parts.items():
        lines.append(f" {json.dumps(name)}: [\n  " + ",\n  ".join(map(json.dumps, cells)) + "\n ]")
    arguments.out.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
