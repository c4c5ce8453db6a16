"""Clusters of products that nobody has named: found in what their signals agree on, named by their titles."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import faiss
import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.metrics import silhouette_score

from sosie.config import Settings
from sosie.encoders.state import unit_rows
from sosie.text import tokens
from sosie.types import Mask, Matrix, Rows

SEEDS, LEAST = 10, 4  # seeds a cluster is put together from, and products a seed stands for, at least
MOST_SEEDS = 1_000
EASE = 0.1  # of the mean variance, added to every direction before it is brought to one length
COUNTS = (4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)  # tried, where nobody says how many
SAMPLE = 2_000  # products by which a count is judged
WORDS, OFTEN = 3, 0.05  # of a name, and the share of a cluster's titles that has each of them, at least

Labels = NDArray[np.int64]


class ClusterSettings(Settings):
    """How many clusters there are to be (0 = as many as part best), and how often they are learnt and found anew."""

    count: Annotated[int, Field(ge=0)] = 0
    rounds: Annotated[int, Field(ge=1, le=20)] = 2


@dataclass(frozen=True, eq=False)
class Clustering:
    """Seeds, and the cluster that each belongs to."""

    seeds: Matrix  # (seeds, dim)
    cluster: Labels  # (seeds,)

    @property
    def count(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max()) + 1

    def of(self, vectors: Matrix) -> Labels:
        """The cluster of each vector: that of the nearest seed, (n,)."""
        found: Labels = self.cluster[nearest(self.seeds, vectors)]
        return found


def agreement(signals: Mapping[str, Matrix], dim: int) -> Matrix:
    """What several signals of products agree on, (n, dim) at most, of unit length.

    Every signal's directions are brought to one length, so that what counts in the sum of all is that they vary
    together (Kettenring, "Canonical analysis of several sets of variables", 1971, MAXVAR): a picture and a title say
    what a thing is, each says much else besides. Of a single signal its main directions are left. Rows of zeros lack
    the signal.
    """
    parts = [_even(matrix) for matrix in signals.values()]
    joint = np.concatenate(parts, axis=1)
    variances, directions = np.linalg.eigh(joint.T @ joint / len(joint))  # the largest last
    variances, directions = np.flip(variances)[:dim], np.flip(directions, axis=1)[:, :dim]
    most = variances[0] - 1  # a direction that one signal has for itself has a variance of 1
    shared = np.clip((variances - 1) / most, 0, 1) if most > 0 else np.ones_like(variances)
    found: Matrix = unit_rows((joint @ (directions * shared)).astype(np.float32))
    return found


def _even(matrix: Matrix) -> NDArray[np.float64]:
    """Centred, with directions that are nearly equally long; those that hardly vary stay short."""
    there: Mask = np.asarray(matrix.any(axis=1))
    centred = np.where(there[:, np.newaxis], matrix - matrix[there].mean(axis=0), 0).astype(np.float64)
    variances, directions = np.linalg.eigh(centred.T @ centred / max(there.sum(), 1))
    eased = np.maximum(variances, 0) + EASE * max(variances.mean(), 1e-12)
    even: NDArray[np.float64] = centred @ (directions / np.sqrt(eased))
    return even


def cluster(vectors: Matrix, count: int, seed: int) -> Clustering:
    """Clusters of unit vectors: many small ones by k-means, the nearest of which, on average, are put together.

    So `count` clusters may be of very different sizes, which those of k-means alone are not. Of a count of 0, that
    one of COUNTS is taken whose silhouette is best (Rousseeuw, 1987).
    """
    most = min(MOST_SEEDS, max(len(vectors) // LEAST, 1))
    many = min(SEEDS * (count or COUNTS[-1]), most)
    many = min(max(many, count), len(vectors))
    seeds = k_means(vectors, many, seed)
    sizes = np.bincount(nearest(seeds, vectors), minlength=len(seeds))
    seeds = seeds[sizes > 0]
    if len(seeds) < 2:
        return Clustering(seeds, np.zeros(len(seeds), np.int64))
    tree = linkage(seeds.astype(np.float64), "average", metric="cosine")
    if not count:
        rows = np.random.default_rng(seed).permutation(len(vectors))[:SAMPLE]
        place = nearest(seeds, vectors[rows])
        count = max(
            (wanted for wanted in COUNTS if wanted <= max(len(seeds) // 2, 2)),
            key=lambda wanted: _parted(vectors[rows], _cut(tree, wanted)[place]),
            default=2,
        )
    return Clustering(seeds, _cut(tree, min(count, len(seeds))))


def _cut(tree: NDArray[np.float64], count: int) -> Labels:
    labels: Labels = np.unique(fcluster(tree, count, "maxclust"), return_inverse=True)[1].astype(np.int64)
    return labels


def _parted(vectors: Matrix, labels: Labels) -> float:
    several = 1 < len(np.unique(labels)) < len(labels)
    return float(silhouette_score(vectors, labels, metric="cosine")) if several else -1.0


def k_means(vectors: Matrix, count: int, seed: int) -> Matrix:
    """Centres of k-means, (count, dim)."""
    made = faiss.Kmeans(
        vectors.shape[1], count, niter=25, seed=seed, min_points_per_centroid=1, max_points_per_centroid=len(vectors)
    )
    made.train(np.ascontiguousarray(vectors, np.float32))
    return np.asarray(made.centroids, np.float32)


def nearest(centres: Matrix, vectors: Matrix) -> Rows:
    """The nearest centre of each vector, (n,)."""
    index = faiss.IndexFlatL2(centres.shape[1])
    index.add(np.ascontiguousarray(centres))
    found: Rows = index.search(np.ascontiguousarray(vectors, np.float32), 1)[1][:, 0]
    return found


def names_of(titles: Sequence[str], labels: Labels, count: int) -> list[str]:
    """A name for each cluster: the words that tell it best from the others, each cluster's its own.

    A word counts by its share of the cluster's titles, times how rare it is in all (Grootendorst, "BERTopic", 2022).
    """
    inside: list[Counter[str]] = [Counter() for _ in range(count)]
    for title, label in zip(titles, labels.tolist(), strict=True):
        inside[label].update(set(tokens(title)))
    whole = sum(inside, Counter[str]())
    sizes = np.bincount(labels, minlength=count)
    mean = len(titles) / max(count, 1)
    taken: Counter[str] = Counter()
    names = []
    for words, size in zip(inside, sizes.tolist(), strict=True):
        often = {word: times for word, times in words.items() if times > 1 and times >= OFTEN * size} or words
        worth = {word: times / max(size, 1) * np.log1p(mean / whole[word]) for word, times in often.items()}
        best = sorted(worth, key=lambda word: (-worth[word], word))[:WORDS]
        name = " ".join(best) or "cluster"
        taken[name] += 1
        names.append(name if taken[name] == 1 else f"{name} {taken[name]}")
    return names


def purity(labels: Labels, truth: Labels) -> float:
    """Share of products whose cluster is mostly of their kind."""
    table = np.zeros((labels.max() + 1, truth.max() + 1), np.int64)
    np.add.at(table, (labels, truth), 1)
    return float(table.max(axis=1).sum() / len(labels))
