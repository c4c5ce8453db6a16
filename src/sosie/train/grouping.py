"""Products that nobody has labelled, as a lesson: their clusters are the labels, found anew from what was learnt."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import normalized_mutual_info_score

from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.words import words_of
from sosie.scoring import apply_scale
from sosie.store import Snapshot
from sosie.train.clustering import Clustering, Labels, k_means, names_of, nearest, purity
from sosie.train.imitation import in_use
from sosie.train.inputs import vectors_of
from sosie.train.lesson import BATCH, Lesson, guards, parted
from sosie.train.material import Material
from sosie.train.recipe import Recipe
from sosie.types import Encoder, Mask, Matrix, Progress, Rows, Scale

FILE = "clusters.parquet"  # id, cluster, name; in the model's folder
NOWHERE = -1  # the cluster of what has nothing that the encoder reads
LISTED = 10


@dataclass(frozen=True, slots=True)
class Grouped:
    """Clusters that were found, and how they agree with labels that they were not made from."""

    count: int
    largest: Mapping[str, int]  # name -> products
    label: str  # that judges; "" = none was given
    judged: int  # products
    purity: float
    nmi: float  # normalised mutual information
    purity_before: float  # of k-means on the frozen vectors of the same signals, as many clusters
    nmi_before: float


@dataclass(frozen=True, eq=False)
class Found:
    """Clusters of a trained encoder's vectors, which `scale` brings to where they were found."""

    clustering: Clustering
    scale: Scale

    def of(self, raw: Matrix) -> Labels:
        """The cluster of each raw vector; NOWHERE for zeros."""
        there = raw.any(axis=1)
        labels = np.full(len(raw), NOWHERE, np.int64)
        labels[there] = self.clustering.of(apply_scale(raw[there], self.scale))
        return labels


def unlabelled_lesson(snapshot: Snapshot, truth: Truth, recipe: Recipe) -> Lesson:
    """All products of the split train, or all; of labels nothing is learnt. Raises TrainingError."""
    if truth.given not in ("", "labels"):
        raise TrainingError(f"clusters are learnt from nothing; leave --{truth.given} out. A --label only judges them.")
    if recipe.shots or not recipe.hold_back:
        raise TrainingError("clusters: no labels are learnt and nothing is held back; leave shots and hold_back out.")
    rows = np.flatnonzero(parted(snapshot, truth, recipe.seed).learning if truth.options.split else snapshot.alive)
    return Lesson(rows, (guards(snapshot, rows),), None, "clusters that nobody named")


def write_groups(
    folder: Path,
    store: Store,
    snapshot: Snapshot,
    material: Material,
    encoder: Encoder,
    found: Found,
    truth: Truth,
    seed: int,
    progress: Progress,
) -> Grouped:
    """Write the cluster of every product into a model's folder; judged by the first label on the split val, or all."""
    rows = np.flatnonzero(snapshot.alive)
    labels = found.of(vectors_of(encoder, snapshot, rows, store.cache, progress))
    count, there = found.clustering.count, labels >= 0
    names = np.array([*names_of(titles_of(snapshot, rows[there]), labels[there], count), ""])
    pl.DataFrame({"id": snapshot.ids(rows), "cluster": labels, "name": names[labels]}).write_parquet(folder / FILE)
    sizes = np.bincount(labels[there], minlength=count)
    largest = {str(names[at]): int(sizes[at]) for at in np.argsort(-sizes, kind="stable")[:LISTED]}
    if not truth.labels:
        return Grouped(count, largest, "", 0, *(float("nan"),) * 4)
    kinds = words_of(snapshot, truth.labels[0]).codes[rows].astype(np.int64)
    judged = there & (kinds >= 0) & _held(snapshot, truth, seed)[rows]
    if not judged.any():
        raise TrainingError(f"label {truth.labels[0]}: none of the products that judge has it.")
    parts = material.parts.values()
    raw = [vectors_of(part, snapshot, rows, store.cache, progress) for part in parts]
    frozen = np.concatenate([in_use(snapshot, *one) for one in zip(parts, raw, strict=True)], axis=1)
    plain = nearest(k_means(frozen[np.isin(rows, material.rows)], count, seed), frozen)
    both = ((labels[judged], kinds[judged]), (plain[judged], kinds[judged]))
    figures = [figure for pair in both for figure in (purity(*pair), float(normalized_mutual_info_score(*pair)))]
    return Grouped(count, largest, truth.labels[0], int(judged.sum()), *figures)


def _held(snapshot: Snapshot, truth: Truth, seed: int) -> Mask:
    return parted(snapshot, truth, seed).held if truth.options.split else snapshot.alive


def titles_of(snapshot: Snapshot, rows: Rows) -> list[str]:
    """Titles of products."""
    parts = (snapshot.products(rows[start : start + BATCH]) for start in range(0, len(rows), BATCH))
    return [product.title for part in parts for product in part]
