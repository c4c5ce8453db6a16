"""Judged pairs as a truth: products that somebody called alike or not."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from sosie.errors import TruthError
from sosie.evaluate.reading import TruthFile, find_rows, grades_of, read_truth, rows_of
from sosie.evaluate.splits import KINDS, TEST, split_kind
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.words import some
from sosie.store import Snapshot
from sosie.types import Rows

A, B = "first product", "second product"
CONTRARY = 0.1  # share of pairs judged both ways beyond which a file is refused
GIANT = 0.5  # share of the pairs beyond which those that hang together say nothing of dependence


@dataclass(frozen=True, eq=False)
class PairsTask:
    """Pairs of products and what somebody said of them, each pair once, in the order of the file."""

    name: str
    a: Rows  # (pairs,) rows of the snapshot
    b: Rows  # (pairs,)
    grades: NDArray[np.float64]  # (pairs,) 0 = not alike
    splits: NDArray[np.str_]  # (pairs,) train, val, test; another name as the file has it; "" = it has none
    clusters: NDArray[np.int64]  # (pairs,) pairs that share a product, directly or by others, share a number
    notes: tuple[str, ...] = ()
    unknown: tuple[str, ...] = field(default=(), repr=False)  # ids that the store lacks
    middle: float = 0.5  # a pair is alike from above this grade on
    contrary: NDArray[np.int64] = field(default_factory=lambda: np.empty((0, 2), np.int64))  # judged both ways


def pairs_task(snapshot: Snapshot, file: Path, options: TaskOptions, to_learn: bool = False) -> PairsTask:
    """Read judged pairs; (a, b) and (b, a) are the same. `options.split` names the file's column of splits.

    A pair is alike from above the middle of the file's grades on. Pairs judged both ways are left out; of a pair
    repeated the highest grade counts, and of its splits the first of train, val, test, so that what is judged by was
    never seen. Where most pairs hang together by shared products, clusters are the pairs of one first product. Raises
    TruthError for a file that can't be used, too many contradictions, and where all pairs are alike, or none is. Those
    are in order where pairs are there `to_learn` from; then none of the split test is looked at.
    """
    truth = read_truth(file, "pairs", (A, B, "grade"), options.split)
    truth = grades_of(find_rows(snapshot, truth, (A, B), options.unknown_share))
    truth = truth.without(pl.Series(rows_of(truth, A) == rows_of(truth, B)), "pair a product with itself")
    if to_learn and truth.has("split"):
        of_test = pl.Series([split_kind(name) == TEST for name in truth.frame["split"].to_list()])
        truth = truth.without(of_test, "are of the split test")
    grades = truth.frame["grade"].to_numpy()
    even = grades.min() == grades.max()
    if even and not to_learn:
        raise TruthError(
            f"{file}: all {len(grades):,} pairs have the grade {grades[0]:g}; alike and unlike ones are needed."
        )
    middle = 0.0 if even else (grades.min() + grades.max()) / 2
    truth, contrary = _once(truth, middle, 1.0 if to_learn else CONTRARY)
    grades = truth.frame["grade"].to_numpy()
    a, b = rows_of(truth, A), rows_of(truth, B)
    if not len(grades) or (grades.min() == grades.max() and not to_learn):
        told = f"have the grade {grades[0]:g}" if len(grades) else "are judged both ways"
        raise TruthError(f"{file}: all pairs that are left {told}: {' '.join(truth.notes)}")
    clusters = _clusters(a, b)
    notes = truth.notes
    share = np.bincount(clusters).max() / len(clusters)
    if share > GIANT:
        clusters = np.unique(a, return_inverse=True)[1]
        notes = (
            *notes,
            f"{file}: {share:.0%} of the pairs hang together by shared products; "
            "intervals take those of one first product as dependent.",
        )
    return PairsTask(
        name=f"pairs {file.name}",
        a=a,
        b=b,
        grades=grades,
        splits=np.array(truth.frame["split"].to_list(), np.str_),
        clusters=clusters.astype(np.int64),
        notes=notes,
        unknown=truth.unknown,
        middle=middle,
        contrary=contrary,
    )


def _once(truth: TruthFile, middle: float, most: float) -> tuple[TruthFile, NDArray[np.int64]]:
    """Each pair once, contradictory ones left out, and these, (pairs, 2). Raises TruthError for more than a share."""
    there = truth.frame["split"].to_list() if truth.has("split") else [""] * truth.frame.height
    frame = truth.frame.with_columns(
        split=pl.Series([split_kind(name) or name for name in there], dtype=pl.String),
        low=pl.min_horizontal(f"{A} row", f"{B} row"),
        high=pl.max_horizontal(f"{A} row", f"{B} row"),
        alike=pl.col("grade") > middle,
    )
    pair = ("low", "high")
    frame = frame.with_columns(
        contrary=pl.col("alike").n_unique().over(pair) > 1,
        times=pl.len().over(pair),
        number=pl.int_range(pl.len()).over(pair),
        best=pl.col("grade").max().over(pair),
        places=pl.col("split").n_unique().over(pair),
        order=pl.col("split").replace_strict({kind: at for at, kind in enumerate(KINDS)}, default=len(KINDS)),
    )
    notes = list(truth.notes)
    firsts = frame.filter(pl.col("number") == 0)
    contrary = firsts.filter("contrary")
    if contrary.height:
        names = [f"{a} and {b}" for a, b in contrary.select(A, B).iter_rows()]
        told = f"{truth.file}: {contrary.height:,} of {firsts.height:,} pairs are judged both ways ({some(names)})"
        if contrary.height > most * firsts.height:
            raise TruthError(f"{told}, more than {most:.0%}: such a file can't judge anything. Settle them first.")
        notes.append(f"{told}; left out.")
    again = firsts.filter((pl.col("times") > 1) & ~pl.col("contrary"))
    if again.height:
        notes.append(f"{truth.file}: {again.height:,} pairs come more than once; each counts once.")
    if (several := again.filter(pl.col("places") > 1)).height:
        notes.append(f"{truth.file}: {several.height:,} pairs stand in several splits; each counts in the first.")
    kept = (
        frame.filter(~pl.col("contrary"))
        .with_columns(grade=pl.col("best"), split=pl.col("split").sort_by("order").first().over(pair))
        .filter(pl.col("number") == 0)
    )
    both = contrary.select(f"{A} row", f"{B} row").to_numpy().astype(np.int64)
    return replace(truth, frame=kept, notes=tuple(notes)), both


def _clusters(a: Rows, b: Rows) -> NDArray[np.int64]:
    """A number for each pair: of the products that hang together with it."""
    rows, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    edges = (place[: len(a)], place[len(a) :])
    graph = sparse.coo_array((np.ones(len(a), np.int8), edges), shape=(len(rows), len(rows)))
    numbers: NDArray[np.int64] = connected_components(graph, directed=False)[1][edges[0]]
    return numbers
