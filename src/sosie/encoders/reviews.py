"""What customers write about a product: the meaning of its reviews, averaged."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np

from sosie.encoders.minilm import MiniLM
from sosie.encoders.multilingual import Multilingual
from sosie.encoders.state import digest, fingerprint, pooled_rows, read_state, write_state
from sosie.errors import EncoderError
from sosie.types import Matrix, Product, Query, Vector

VERSION = 1
READ = 16  # reviews of a product, the first that differ: more change its mean little

Meaning = MiniLM | Multilingual


class Reviews:
    """Encoder of the signal "reviews": the mean of the unit vectors of a product's reviews.

    Ratings are no part of it: a good jacket and a good lamp are not alike (filters and sorting have them).
    """

    name = "reviews"
    signal = "reviews"

    def __init__(self, meaning: Meaning) -> None:
        self._meaning = meaning
        self.dim = meaning.dim

    @property
    def fingerprint(self) -> str:
        """Names the encoder of texts and the pooling."""
        return fingerprint(self.name, VERSION, READ, self._meaning.fingerprint)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn nothing: the encoder of texts is pretrained."""

    def content(self, product: Product) -> str:
        """Digest of the reviews that are read."""
        return digest("\n".join(_texts(product)))

    def encode(self, products: Sequence[Product]) -> Matrix:
        """Vectors of products, (len(products), dim)."""
        owners, texts = [], []
        for row, product in enumerate(products):
            for text in _texts(product):
                owners.append(row)
                texts.append(text)
        places = {text: at for at, text in enumerate(dict.fromkeys(texts))}  # "Great!" is written many times
        vectors = self._meaning.embed(list(places))[[places[text] for text in texts]]
        return pooled_rows(vectors, np.array(owners, np.int64), np.ones(len(texts)), len(products))

    def encode_query(self, query: Query) -> Vector | None:
        """None: a shopper's words say what is sought, not what others felt about it."""
        return None

    def save(self, folder: Path) -> None:
        """Write which encoder of texts is meant, and that encoder beside it."""
        write_state(folder, self.name, {"meaning": self._meaning.name})
        self._meaning.save(folder / "meaning")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        name = read_state(folder, cls.name)["meaning"]
        kinds: dict[str, type[Meaning]] = {MiniLM.name: MiniLM, Multilingual.name: Multilingual}
        if name not in kinds:
            raise EncoderError(f"{folder}: unknown encoder of texts '{name}'; known are: {', '.join(kinds)}.")
        return cls(kinds[name].load(folder / "meaning"))


def _texts(product: Product) -> list[str]:
    texts = (" ".join(review.text.split()) for review in product.reviews)
    return [text for text in dict.fromkeys(texts) if text][:READ]
