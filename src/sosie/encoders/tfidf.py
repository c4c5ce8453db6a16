"""The words themselves: TF-IDF of grams of characters, brought to `dim` numbers.

Half of them by latent semantic analysis (Deerwester et al., 1990), which brings texts of one subject together. The rest
are random projections of what the analysis leaves out (Li et al., "Very sparse random projections", 2006): the rare
words and model numbers that tell products apart, and words unseen when fitting, so that a text made of these does not
look like whatever it shares a syllable with.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.asked import texts_at_once
from sosie.encoders.state import digest, fingerprint, read_array, read_state, reservoir, unit_rows, write_state
from sosie.errors import EncoderError
from sosie.text import folded, product_text
from sosie.types import Matrix, Product, Query, Rows, Vector

if TYPE_CHECKING:
    from scipy.sparse import csr_array

VERSION = 4
BUCKETS = 1 << 16  # of hashed grams
GRAMS = (2, 3, 4, 5)  # characters
SAMPLE = 20_000  # texts that idf and directions are learnt from
ROWS = 4_096  # texts encoded at a time
_HAN = re.compile("[\u3400-\u9fff]")
REACH = GRAMS[-1] - 2  # characters of a word that share a gram with the next
LONG = 32  # characters of a run from which its grams are not kept: such runs hardly ever come twice
SPREAD = 8  # random directions a feature is spread over
LEARNT = 0.5  # share of the numbers that are learnt: of 1, pairs of offers are told apart at AP .41, of a half at .62


class TfIdf:
    """Encoder of the signal "words"."""

    name = "tfidf"
    signal = "words"

    def __init__(self, dim: int = 512) -> None:
        self.dim = dim
        self._idf = np.ones(BUCKETS, np.float32)
        self._seen = np.zeros(0, np.int32)  # features that the directions are known for, ascending
        self._directions = np.zeros((0, 0), np.float16)  # (seen, learnt)
        self._shared = np.zeros((0, dim), np.float32)  # (learnt, random): what random directions see of learnt ones
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Names settings, idf and directions."""
        if not self._fingerprint:
            settings = (self.dim, BUCKETS, GRAMS, SPREAD, LEARNT)
            self._fingerprint = fingerprint(self.name, VERSION, settings, self._idf, self._seen, self._directions)
        return self._fingerprint

    def fit(self, products: Iterable[Product]) -> None:
        """Learn idf and directions from an even sample of the catalogue."""
        texts = (product_text(product) for product in products)
        counts = _features(reservoir(filter(str.strip, texts), SAMPLE))
        present = np.bincount(counts.indices, minlength=BUCKETS)
        self._idf = (np.log((1 + counts.shape[0]) / (1 + present)) + 1).astype(np.float32)
        self._seen = np.flatnonzero(present).astype(np.int32)
        self._directions = _directions(self._weighted(counts)[:, self._seen], round(LEARNT * self.dim))
        chance = _chance(self.dim - self._directions.shape[1])
        self._shared = self._directions.T.astype(np.float32) @ chance[self._seen]
        self._fingerprint = ""

    def content(self, product: Product) -> str:
        """Digest of title and description."""
        return digest(product_text(product))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        return self.embed([product_text(product) for product in products])

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of the words of a question."""
        return self.embed([query.text])[0] if query.text.strip() else None

    def encode_queries(self, queries: Sequence[Query]) -> list[Vector | None]:
        """Vectors of the words of questions, all at once."""
        return texts_at_once(self, queries)

    def save(self, folder: Path) -> None:
        """Write settings and four arrays."""
        values = {"dim": self.dim, "version": VERSION, "fingerprint": self.fingerprint}
        arrays: dict[str, NDArray[Any]] = {
            "idf": self._idf,
            "seen": self._seen,
            "directions": self._directions,
            "shared": self._shared,
        }
        write_state(folder, self.name, values, **arrays)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved. Raises EncoderError where an earlier sosie saved it: its features are others."""
        values = read_state(folder, cls.name)
        if values.get("version") != VERSION:
            raise EncoderError(f"{folder}: words were learnt by another version of sosie; build again with --refit.")
        encoder = cls(values["dim"])
        arrays = (np.array(read_array(folder / f"{name}.npy")) for name in ("idf", "seen", "directions", "shared"))
        encoder._idf, encoder._seen, encoder._directions, encoder._shared = arrays
        encoder._fingerprint = values["fingerprint"]
        return encoder

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts, (len(texts), dim)."""
        out = np.zeros((len(texts), self.dim), np.float32)
        chance = _chance(self.dim - self._directions.shape[1])
        for start in range(0, len(texts), ROWS):
            rows, used = _compressed(self._weighted(_features(texts[start : start + ROWS])))
            known = rows @ self._learnt(used)
            out[start : start + ROWS] = unit_rows(np.hstack([known, rows @ chance[used] - known @ self._shared]))
        return out

    def _learnt(self, features: Rows) -> Matrix:
        """Directions of some features, (features, learnt); zeros where a feature is new."""
        learnt = np.zeros((len(features), self._directions.shape[1]), np.float32)
        there = np.isin(features, self._seen)
        learnt[there] = self._directions[np.searchsorted(self._seen, features[there])]
        return learnt

    def _weighted(self, counts: "csr_array") -> "csr_array":
        """Sublinear counts times idf, each text of unit length."""
        rows = counts.astype(np.float32)
        rows.data = (1 + np.log(rows.data)) * self._idf[rows.indices]
        line = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
        lengths = np.sqrt(np.bincount(line, np.square(rows.data, dtype=np.float64), rows.shape[0]))
        rows.data /= np.maximum(lengths[line], 1e-12).astype(np.float32)
        return rows


def _compressed(rows: "csr_array") -> tuple["csr_array", Rows]:
    """The columns in which anything stands, and which these are: a question has a few dozen of 65,536."""
    from scipy.sparse import csr_array

    used, at = np.unique(rows.indices, return_inverse=True)
    return csr_array((rows.data, at, rows.indptr), shape=(rows.shape[0], len(used))), used


def _features(texts: Sequence[str]) -> "csr_array":
    """How often each feature occurs in each text, (texts, BUCKETS)."""
    from scipy.sparse import csr_array

    indices: list[NDArray[np.int64]] = []
    counts: list[NDArray[np.float64]] = []
    ends = [0]
    for text in texts:
        found: Counter[int] = Counter()
        runs = folded(text).split()
        for run, times in Counter(runs).items():
            for feature in _grams(run) if len(run) < LONG else _grams.__wrapped__(run):
                found[feature] += times
        # Chinese puts a space only between phrases; elsewhere what stands side by side belongs together.
        for left, right in pairwise(runs):
            if not (_HAN.search(left) or _HAN.search(right)):
                found.update(_across(left[-REACH:], right[:REACH]))
        ends.append(ends[-1] + len(found))
        indices.append(np.fromiter(found, np.int64, len(found)))
        counts.append(np.fromiter(found.values(), np.float64, len(found)))
    flat = np.concatenate(indices) if indices else np.zeros(0, np.int64)
    data = np.concatenate(counts) if counts else np.zeros(0)
    return csr_array((data, flat, np.array(ends)), shape=(len(texts), BUCKETS))


@lru_cache(maxsize=200_000)
def _grams(run: str) -> tuple[int, ...]:
    """Features of the grams of what stands between two spaces, these included."""
    padded = f" {run} "
    return tuple(_hash(padded[at : at + size]) for size in GRAMS for at in range(len(padded) - size + 1))


@lru_cache(maxsize=200_000)
def _across(left: str, right: str) -> tuple[int, ...]:
    """Features of the grams that hold the space between the end of a word and the beginning of the next."""
    both, space = f"{left} {right}", len(left)
    return tuple(
        _hash(both[at : at + size])
        for size in GRAMS[1:]
        for at in range(max(0, space - size + 2), min(space, len(both) - size + 1))
    )


def _hash(text: str) -> int:
    return crc32(text.encode("utf-8", "surrogatepass")) % BUCKETS


def _directions(rows: Any, dim: int) -> NDArray[np.float16]:  # noqa: ANN401 (a sparse array, (texts, features))
    """Right singular vectors of the largest singular values, (features, at most dim), signs fixed."""
    if rows.shape[0] <= 4 * dim:  # few texts: exactly, by their inner products
        values, left = np.linalg.eigh((rows @ rows.T).toarray().astype(np.float64))
        kept = np.flatnonzero(values > 1e-6)[::-1][:dim]
        right = (rows.T @ (left[:, kept] / np.sqrt(values[kept]))).T
    else:
        from sklearn.utils.extmath import randomized_svd

        _, _, right = randomized_svd(rows, dim, n_iter=2, random_state=0)
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)]) if len(right) else np.ones(0)
    directions: NDArray[np.float16] = np.ascontiguousarray((right * signs[:, None]).T, dtype=np.float16)
    return directions


@lru_cache(maxsize=2)
def _chance(dim: int) -> Matrix:
    """Random directions of every feature, (BUCKETS, dim): the same in every process."""
    generator = np.random.default_rng(0)
    spread = min(SPREAD, dim)
    matrix = np.zeros((BUCKETS, dim), np.float32)
    places = generator.integers(0, dim, (BUCKETS, spread))
    signs = generator.choice(np.array([-1, 1], np.float32), (BUCKETS, spread)) / np.float32(np.sqrt(spread))
    np.add.at(matrix, (np.arange(BUCKETS)[:, None], places), signs)
    return matrix
