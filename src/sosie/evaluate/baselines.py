"""What a shop would have without sosie: chance, best sellers, pixels, colours, TF-IDF."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from sosie.encoders.state import unit_rows
from sosie.evaluate.system import System
from sosie.evaluate.task import Task
from sosie.evaluate.thumbnails import SIDE, Pixels, histograms, thumbnails
from sosie.store import Snapshot
from sosie.types import Matrix, Product, Progress, Rows

DIRECTIONS = 32  # of the random vectors
CHARACTERS = 20_000_000  # that are cut into grams, so that these fit in memory; of one text at least …
LEAST_CHARACTERS = 100


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
    places = unit_rows(draw.standard_normal((len(task.titles), DIRECTIONS)))  # longer ones would be drawn more often
    questions = draw.standard_normal((task.size, DIRECTIONS), np.float32)
    return System("random", "baseline", questions, places[task.places])


def _popularity(task: Task, gallery: Sequence[Product]) -> Iterator[System]:
    """By how often it was taken before, or else rated."""
    counts = np.array([p.rating_count or len(p.reviews) for p in gallery], np.float32)
    if task.popularity is not None:
        counts = task.popularity.astype(np.float32)
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
    refs = [ref for refs in lists for ref in refs]
    line = np.repeat(np.arange(len(lists)), [len(refs) for refs in lists])
    firsts = [_first(product) for product in gallery]
    for name, vectors in (("pixels", _pixels), ("colour histogram", _colours)):
        left, right = vectors(refs, progress), vectors(firsts, progress)
        if left.any() and right.any():
            yield System(name, "baseline", _mean(left, line, len(lists)), right)


def _pixels(refs: Sequence[str], progress: Progress | None) -> Matrix:
    return pixel_vectors(thumbnails(refs, progress)[0])


def _colours(refs: Sequence[str], progress: Progress | None) -> Matrix:
    return histograms(refs, progress)[0]


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


def _texts(asked: _Asked, gallery: Sequence[Product]) -> Iterator[System]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [_text(product) for product in gallery]
    lists = [[*map(_text, products), words] for products, words in zip(asked.products, asked.words, strict=True)]
    texts = [text for texts in lists for text in texts]
    if not any(documents) or not any(texts):
        return
    line = np.repeat(np.arange(len(lists)), [len(one) for one in lists])
    cut = max(CHARACTERS // len(documents), LEAST_CHARACTERS)
    kinds: dict[str, tuple[int | None, Callable[[], TfidfVectorizer]]] = {
        "tfidf words": (None, lambda: TfidfVectorizer(stop_words="english", dtype=np.float32)),
        "tfidf characters": (
            cut,
            lambda: TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True, dtype=np.float32),
        ),
    }
    for name, (most, make) in kinds.items():
        vectorizer = make()
        try:
            right = vectorizer.fit_transform([text[:most] for text in documents])
        except ValueError:  # nothing that it counts as a word
            continue
        left = vectorizer.transform([text[:most] for text in texts])
        yield System(name, "baseline", _sparse_mean(left, line, len(lists)), right)


def _text(product: Product) -> str:
    return " ".join(filter(None, (product.title, product.text)))


def _sparse_mean(rows: "object", line: Rows, size: int) -> "object":
    from scipy.sparse import csr_array
    from sklearn.preprocessing import normalize

    joined = csr_array((np.ones(len(line), np.float32), (line, np.arange(len(line)))), shape=(size, len(line)))
    return normalize(joined @ rows)
