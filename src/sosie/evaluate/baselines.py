"""What a shop would have without sosie: chance, best sellers, pixels, colours, TF-IDF."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.state import unit_rows
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.thumbnails import SIDE, Pixels, thumbnails
from sosie.store import Snapshot
from sosie.text import product_text
from sosie.types import Matrix, Product, Progress, Rows

DIRECTIONS = 32  # of the random vectors
HUES, SATURATIONS, VALUES = 8, 4, 4


def baselines(snapshot: Snapshot, task: Task, progress: Progress | None = None) -> Iterator[System]:
    """Random, popularity, pixels, colour histogram, TF-IDF: each that the catalogue has the data for."""
    yield _random(task)
    gallery = snapshot.products(task.gallery)
    yield from _popularity(task, gallery)
    asked = _questions(snapshot, task)
    yield from _pictures(asked, gallery, progress)
    yield from _texts(asked, gallery)


def _random(task: Task) -> System:
    draw = np.random.default_rng(0)
    places = draw.standard_normal((len(task.titles), DIRECTIONS), np.float32)
    questions = draw.standard_normal((task.size, DIRECTIONS), np.float32)
    return System("random", "baseline", questions, places[task.places])


def _popularity(task: Task, gallery: Sequence[Product]) -> Iterator[System]:
    counts = np.array([p.rating_count or len(p.reviews) for p in gallery], np.float32)
    if counts.any():
        yield System("popularity", "baseline", np.ones((task.size, 1), np.float32), counts[:, None])


class _Asked:
    """The products, words and pictures of each question."""

    def __init__(self, products: list[list[Product]], words: list[str], images: list[str]) -> None:
        self.products, self.words, self.images = products, words, images


def _questions(snapshot: Snapshot, task: Task) -> _Asked:
    if not isinstance(task.asked, tuple):
        return _Asked([[product] for product in snapshot.products(task.asked)], [""] * task.size, [""] * task.size)
    liked = [[row for row in map(snapshot.row, query.like) if row is not None] for query in task.asked]
    return _Asked(
        [snapshot.products(rows) for rows in liked],
        [query.text for query in task.asked],
        ["" if query.image is None else str(query.image) for query in task.asked],
    )


def _pictures(asked: _Asked, gallery: Sequence[Product], progress: Progress | None) -> Iterator[System]:
    lists = [
        [*(_first(product) for product in products), image]
        for products, image in zip(asked.products, asked.images, strict=True)
    ]
    right, there = thumbnails([_first(product) for product in gallery], progress)
    flat, seen = thumbnails([ref for refs in lists for ref in refs], progress)
    if not there.any() or not seen.any():
        return
    line = np.repeat(np.arange(len(lists)), [len(refs) for refs in lists])
    for name, vectors in (("pixels", pixel_vectors), ("colour histogram", hue_histograms)):
        left = _mean(vectors(flat) * seen[:, None], line, len(lists))
        yield System(name, "baseline", left, vectors(right) * there[:, None])


def _first(product: Product) -> str:
    return product.images[0] if product.images else ""


def _mean(vectors: Matrix, line: Rows, size: int) -> Matrix:
    """Unit mean of the vectors of each question."""
    out = np.zeros((size, vectors.shape[1]), np.float32)
    np.add.at(out, line, vectors)
    return unit_rows(out)


def pixel_vectors(pixels: Pixels) -> Matrix:
    """The pixels themselves less their mean, of unit length, (n, SIDE, SIDE, 3) -> (n, SIDE * SIDE * 3)."""
    values = pixels.reshape(len(pixels), SIDE * SIDE * 3).astype(np.float32)
    return unit_rows(values - values.mean(axis=1, keepdims=True))


def hue_histograms(pixels: Pixels) -> Matrix:
    """Histograms of hue, saturation and value, of unit length, (n, SIDE, SIDE, 3) -> (n, bins)."""
    values = pixels.reshape(len(pixels), -1, 3).astype(np.float32) / 255
    high, low = values.max(axis=2), values.min(axis=2)
    chroma = high - low
    safe = np.where(chroma > 0, chroma, 1)
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    hue = np.where(
        high == red,
        (green - blue) / safe % 6,
        np.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    saturation = np.where(high > 0, chroma / np.where(high > 0, high, 1), 0)
    bins = (_bin(hue / 6, HUES) * SATURATIONS + _bin(saturation, SATURATIONS)) * VALUES + _bin(high, VALUES)
    size = HUES * SATURATIONS * VALUES
    at = bins + np.arange(len(pixels))[:, None] * size
    counts = np.bincount(at.ravel(), minlength=len(pixels) * size).reshape(len(pixels), size)
    return unit_rows(counts.astype(np.float32))


def _bin(values: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    return np.minimum((values * count).astype(np.int64), count - 1)


def _texts(asked: _Asked, gallery: Sequence[Product]) -> Iterator[System]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [product_text(product) for product in gallery]
    lists = [[*map(product_text, products), words] for products, words in zip(asked.products, asked.words, strict=True)]
    texts = [text for texts in lists for text in texts]
    if not any(documents) or not any(texts):
        return
    line = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    kinds: dict[str, Callable[[], TfidfVectorizer]] = {
        "tfidf words": lambda: TfidfVectorizer(sublinear_tf=True, dtype=np.float32),
        "tfidf characters": lambda: TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, dtype=np.float32
        ),
    }
    for name, make in kinds.items():
        vectorizer = make()
        try:
            right = vectorizer.fit_transform(documents)
        except ValueError:  # nothing that it counts as a word
            continue
        yield System(name, "baseline", _sparse_mean(vectorizer.transform(texts), line, len(lists)), right)


def _sparse_mean(rows: "object", line: Rows, size: int) -> "object":
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    joined = csr_array((np.ones(len(line), np.float32), (line, np.arange(len(line)))), shape=(size, len(line)))
    return normalize(joined @ rows)
