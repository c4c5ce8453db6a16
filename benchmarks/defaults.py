"""Which default weights: every signal's moved, one at a time, on questions that nothing is reported by.

    SOSIE_DATA=... .venv/bin/python benchmarks/defaults.py FOLDER [--judge] [--directions] [NAME …]

FOLDER holds the stores that `results/defaults.md` tells how to build. Validation is the split where the data have one;
elsewhere the half of the questions whose id (newbee: whose model) hashes to an even number. `--judge` reads the other
half or the test split instead, at the present defaults only. `--directions` brings texts to their main directions, as
pictures are, instead of moving weights; of sets in which products ask.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zlib import crc32

import numpy as np
import polars as pl

import sosie
from sosie.engine.encode import encode_products
from sosie.evaluate.answers import Asked, Made, ask, defaults
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.pool import pool
from sosie.evaluate.task import Task, TaskOptions, part_of
from sosie.metrics.intervals import interval, paired
from sosie.scoring import apply_scale, fit_scale

DATA = Path(os.environ["SOSIE_DATA"])
FACTORS = (0.0, 0.5, 0.75, 1.33, 2.0, 4.0)
DIRECTIONS = (128, 192, 256, 384)
DEPTH = 50
FEWEST = 3  # products that fit a question of words fully, as in myntra's own questions


@dataclass(frozen=True, slots=True)
class Set:
    """A set of questions: the store, the truth for validation and for test, the measure."""

    store: str
    truth: Callable[[bool, Path], Truth]
    measure: str
    halved: str = ""  # questions are halved by this column, "id" = by their own


def by_split(*labels: str, val: str = "val") -> Callable[[bool, Path], Truth]:
    """Labels, validation asked of train; test of everything else."""

    def truth(judge: bool, work: Path) -> Truth:
        asking = TaskOptions(split="split", query_split=val, gallery_split=("train",))
        return Truth(labels=labels, options=TaskOptions(split="split") if judge else asking)

    return truth


def words(judge: bool, work: Path) -> Truth:
    """Myntra's questions of words on test; on val, questions of the same form made by the same rule."""
    folder, options = DATA / "myntra", TaskOptions(split="split")
    if judge:
        return Truth(qrels=folder / "qrels.csv", queries=folder / "queries.csv", options=options)
    part = pl.read_csv(folder / "products.csv").filter(pl.col("split") == "val")
    wanted = ["gender", "baseColour", "articleType"]
    kinds = part.group_by(wanted).len().filter(pl.col("len") >= FEWEST).sort(wanted).with_row_index("query_id")
    asked = kinds.select("query_id", query=pl.concat_str(wanted, separator=" ").str.to_lowercase())
    judged = kinds.join(part, on="articleType", suffix="_of").select(
        "query_id",
        "id",
        grade=1 + ((pl.col("gender") == pl.col("gender_of")) & (pl.col("baseColour") == pl.col("baseColour_of"))),
    )
    asked.write_csv(work / "queries.csv")
    judged.write_csv(work / "qrels.csv")
    return Truth(qrels=work / "qrels.csv", queries=work / "queries.csv", options=options)


def links(judge: bool, work: Path) -> Truth:
    """What the shop's merchandisers put beside a product as alike."""
    return Truth(links=DATA / "magento/links.csv", options=TaskOptions(kinds=("upsell",)))


SETS = {
    "magento upsell": Set("magento", links, "recall@10", "id"),
    "yanxuan": Set("yanxuan", lambda judge, work: Truth(labels=("category2",)), "hit@1", "id"),
    "yanxuan graded": Set("yanxuan", lambda judge, work: Truth(labels=("category1", "category2")), "ndcg@10", "id"),
    "newbee": Set("newbee", lambda judge, work: Truth(labels=("title",)), "hit@1", "title"),
    "myntra pictures": Set("myntra-pictures", by_split("articleType", "baseColour"), "ndcg@10"),
    "myntra titles": Set("myntra-blind", by_split("articleType", "baseColour"), "ndcg@10"),
    "myntra words": Set("myntra-blind", words, "ndcg@10"),
    "grocery": Set("grocery", by_split("class_id"), "hit@1"),
    "grocery coarse": Set("grocery", by_split("coarse_id"), "hit@1"),
    "clothing": Set("clothing", by_split("label", val="validation"), "hit@1"),
}


def main(folder: Path, names: Sequence[str], judge: bool, directions: bool) -> None:
    """Print a table for each set: the present weights, each signal alone, and each weight (or the text) moved."""
    for name in names or SETS:
        asked_by = SETS[name]
        store = sosie.open(folder / asked_by.store)
        with tempfile.TemporaryDirectory() as work:
            task = task_of(store.snapshot, asked_by.truth(judge, Path(work)))
        task = _some(store, task, asked_by.halved, judge)
        asked = ask(store.snapshot, task, store.encoder)
        pooled = pool(asked, DEPTH)
        now = {signal: weight for signal, weight in defaults(store.snapshot).items() if signal in pooled.signals}
        base = pooled.values(now, asked_by.measure)
        figure = interval(base)
        told = f"{name}: {asked_by.measure} {figure.value:.4f} [{figure.low:.4f}, {figure.high:.4f}], n = {figure.n}"
        print(told, flush=True)
        for dim in DIRECTIONS if directions else ():
            change, p = paired(base, pool(on_directions(store, asked, dim), DEPTH).values(now, asked_by.measure))
            print(f"  text on {dim} directions {change.value:+.4f} (p {p:.2g})", flush=True)
        for signal in () if directions else pooled.signals:
            alone = pooled.values({signal: 1.0}, asked_by.measure)
            print(f"  {signal} alone {np.nanmean(alone):.4f} (p {paired(alone, base)[1]:.2g})", end="")
            moved = [] if judge or len(now) < 2 else [(f, now | {signal: now[signal] * f}) for f in FACTORS]
            for factor, weights in moved:
                difference = paired(base, pooled.values(weights, asked_by.measure))[0].value
                print(f"  ×{factor:g} {difference:+.4f}", end="")
            print(flush=True)


def on_directions(store: sosie.Store, asked: Asked, dim: int) -> Asked:
    """The questions with texts on at most `dim` main directions, half-whitened."""
    rows = np.flatnonzero(store.snapshot.alive)
    raw = encode_products(store.encoder("text"), store.snapshot.products(rows), store.cache)[0]
    scale = fit_scale(raw, min(dim, len(np.unique(raw, axis=0)) - 1))
    final = apply_scale(raw, scale)
    sides = (np.asarray(asked.task.asked), asked.task.gallery)
    questions, gallery = (final[np.searchsorted(rows, side)] for side in sides)
    return replace(asked, made={"text": Made(questions, gallery, scale.sigma)})


def _some(store: sosie.Store, task: Task, halved: str, judge: bool) -> Task:
    """The questions that can be answered, and are of the half that is wanted."""
    there = np.flatnonzero(task.relevance.counts(np.arange(task.size)))
    if halved:
        keys = {key: key for key in task.keys}
        if halved != "id":
            source = Path(str(store.snapshot.manifest.source["catalogue"]))
            rows = pl.read_csv(source, infer_schema=False)
            keys = dict(rows.select("product_id", halved).iter_rows())
        there = np.array([at for at in there if crc32(keys[task.keys[at]].encode()) % 2 == int(judge)])
    return part_of(task, there)


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    main(Path(arguments[0]), arguments[1:], "--judge" in sys.argv, "--directions" in sys.argv)
