"""The words themselves, alike when they occur in alike texts: Word2Vec trained on the catalogue.

Mikolov et al., "Distributed Representations of Words and Phrases", 2013; a text is the mean of its words weighted by
rareness, without the direction that all texts share (Arora et al., "A Simple but Tough-to-Beat Baseline", 2017).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log
from pathlib import Path
from typing import Self

import numpy as np

from sosie.encoders.state import digest, fingerprint, read_array, read_state, reservoir, unit_rows, write_state
from sosie.text import product_text, tokens
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
SAMPLE = 50_000  # texts learnt from
WORDS = 100_000  # kept, the most frequent
LESSONS = 2_000_000  # tokens to be read in all: a small catalogue is read more often
EPOCHS = (5, 50)
WINDOW = 8  # titles have no grammar to speak of: nearly all words of one are neighbours


class Word2Vec:
    """Encoder of the signal "words"."""

    name = "word2vec"
    signal = "words"

    def __init__(self, dim: int = 256) -> None:
        self.dim = dim
        self._places: dict[str, int] = {}
        self._vectors = np.zeros((0, dim), np.float32)  # of words, times their weight
        self._common = np.zeros(dim, np.float32)
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        """Names settings and what was learnt."""
        if not self._fingerprint:
            learnt = (self.dim, list(self._places), self._vectors, self._common)
            self._fingerprint = fingerprint(self.name, VERSION, *learnt)
        return self._fingerprint

    def fit(self, products: Iterable[Product]) -> None:
        """Train on an even sample of the catalogue; one thread and a seed: equal catalogues give equal vectors."""
        read = (product_text(product) for product in products)
        texts = [tokens(text) for text in reservoir(filter(str.strip, read), SAMPLE)]
        words, vectors = word_vectors(texts, self.dim)
        self._places, self._vectors = {}, np.zeros((0, self.dim), np.float32)
        self._common, self._fingerprint = np.zeros(self.dim, np.float32), ""
        if not words:
            return
        present = Counter(word for text in texts for word in set(text))
        weights = [log((1 + len(texts)) / (1 + present[word])) + 1 for word in words]
        self._places = {word: at for at, word in enumerate(words)}
        self._vectors = vectors * np.array(weights, np.float32)[:, None]
        self._common = _common(unit_rows(self._means(texts)))

    def content(self, product: Product) -> str:
        """Digest of title and description."""
        return digest(product_text(product))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim); zeros where no word of the text was learnt."""
        return self._encode([product_text(product) for product in products])

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of the words of a question; None where none of them was learnt."""
        vector: Vector = self._encode([query.text])[0]
        return vector if vector.any() else None

    def save(self, folder: Path) -> None:
        """Write settings, vocabulary and vectors."""
        values = {"dim": self.dim, "fingerprint": self.fingerprint, "words": list(self._places)}
        write_state(folder, self.name, values, vectors=self._vectors, common=self._common)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        encoder = cls(values["dim"])
        encoder._places = {word: at for at, word in enumerate(values["words"])}
        encoder._vectors = np.asarray(read_array(folder / "vectors.npy"))
        encoder._common = np.array(read_array(folder / "common.npy"))
        encoder._fingerprint = values["fingerprint"]
        return encoder

    def _encode(self, texts: Sequence[str]) -> Matrix:
        units = unit_rows(self._means([tokens(text) for text in texts]))
        rest = units - (units @ self._common)[:, None] * self._common
        alone = np.linalg.norm(rest, axis=1) < 1e-3  # nothing but what all texts share is better than nothing
        rest[alone] = units[alone]
        return unit_rows(rest)

    def _means(self, texts: Sequence[Sequence[str]]) -> Matrix:
        out = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            found = [self._places[word] for word in text if word in self._places]
            if found:
                out[row] = self._vectors[found].mean(axis=0)
        return out


def word_vectors(texts: Sequence[Sequence[str]], dim: int) -> tuple[list[str], Matrix]:
    """Words of tokenised texts, the most frequent first, and their unit vectors, (words, dim).

    One thread and a seed: equal texts give equal vectors.
    """
    from gensim.models import Word2Vec as Model

    total = sum(map(len, texts))
    if not total:
        return [], np.zeros((0, dim), np.float32)
    model = Model(
        texts,
        vector_size=dim,
        window=WINDOW,
        min_count=2 if total > 20_000 else 1,
        max_final_vocab=WORDS,
        sg=1,
        epochs=min(max(LESSONS // total, EPOCHS[0]), EPOCHS[1]),
        seed=0,
        workers=1,
    )
    return list(model.wv.index_to_key), unit_rows(model.wv.vectors)


def _common(units: Matrix) -> Vector:
    """First right singular vector, from the (dim, dim) matrix of moments; none for fewer than three texts."""
    if len(units) < 3:
        return np.zeros(units.shape[1], np.float32)
    _, vectors = np.linalg.eigh(units.T.astype(np.float64) @ units)
    first: Vector = vectors[:, -1].astype(np.float32)
    return first * np.float32(np.sign(first[np.abs(first).argmax()]))
