"""Texts as token numbers: pieces of words learnt from the texts themselves, or a pretrained network's vocabulary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Generator

from sosie.encoders.minilm import open_tokenizer
from sosie.encoders.state import encodable, reservoir, unit_rows
from sosie.encoders.word2vec import word_vectors
from sosie.errors import TrainingError
from sosie.train.inputs import Tensors
from sosie.train.words import MASK, Text, WordChanges, changed
from sosie.types import Mask, Matrix, Rows

MARKS = ("[PAD]", "[START]", "[END]", "[UNK]", MASK)  # padding is 0, as everywhere
BATCH = 4_096  # texts that are tokenised at once
SAMPLE = 50_000  # texts that a vocabulary is learnt from
ENTRIES = 8_000  # of a vocabulary, at most
WIDTH = 128  # numbers a token's vector
ENOUGH = 20_000  # tokens to learn their vectors from


class Texts:
    """Token numbers of texts, (n, length) int64, and their mask, 1 = token; 0 and 0 where a text is shorter."""

    def __init__(self, texts: Sequence[Text], vocabulary: Path, changes: WordChanges, longest: int) -> None:
        self.vocabulary, self.longest = vocabulary, longest
        self._texts, self._changes = texts, changes
        self._tokenizer = open_vocabulary(vocabulary, longest)
        self._flat, self._ends = self._kept()

    @property
    def size(self) -> int:
        """Numbers in the vocabulary."""
        return int(self._tokenizer.get_vocab_size())

    @property
    def good(self) -> Mask:
        """(items,) that have a token."""
        marks = len(self._tokenizer.encode("").ids)
        good: Mask = np.diff(self._ends) > marks
        return good

    def tokens(self, items: Rows) -> list[list[int]]:
        """Tokens of texts as they are, marks around them included."""
        starts, ends = self._ends[items], self._ends[items + 1]
        return [self._flat[start:end].tolist() for start, end in zip(starts, ends, strict=True)]

    def fetch(self, items: Rows) -> Tensors:
        """Which texts: what is drawn of them is drawn later."""
        return {"items": torch.from_numpy(items)}

    def learning(self, fetched: Tensors, epoch: int, generator: Generator) -> Tensors:
        """Drawn anew as the recipe says."""
        changes, items = self._changes, fetched["items"]
        if changes == WordChanges():
            return self.plain(fetched)
        draws = np.random.default_rng(int(torch.randint(2**62, (), generator=generator)))
        texts = [self._texts[item] for item in items.tolist()]
        return _padded(self._tokenise(changed(texts, changes, draws)), items.device)

    def plain(self, fetched: Tensors) -> Tensors:
        """As the encoder reads them; of long ones the beginning."""
        items = fetched["items"]
        return _padded(self.tokens(items.cpu().numpy()), items.device)

    def _kept(self) -> tuple[NDArray[np.int32], Rows]:
        """Tokens of all texts behind one another, and where those of each begin and end."""
        parts, lengths = [np.empty(0, np.int32)], [0]
        for start in range(0, len(self._texts), BATCH):
            found = self._tokenise([text.whole for text in self._texts[start : start + BATCH]])
            parts += [np.array(tokens, np.int32) for tokens in found]
            lengths += map(len, found)
        return np.concatenate(parts), np.cumsum(lengths)

    def _tokenise(self, texts: Sequence[str]) -> list[list[int]]:
        found = self._tokenizer.encode_batch_fast([encodable(text) for text in texts])
        return [encoding.ids for encoding in found]


def learn_vocabulary(texts: Sequence[str], file: Path, entries: int = ENTRIES) -> None:
    """Write a tokenizer of the pieces of words that are frequent in texts (byte pairs: Sennrich et al., 2016).

    Pieces know nothing of where a word begins: "tshirt" shares one with "shirt", and Chinese needs no segmenter. What
    two spellings have in common is read (no case, no accents), punctuation is not. Raises TrainingError: disk full.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.NFKC()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\p{L}\p{N}\p{M}]+"), "removed", invert=True)
    trainer = trainers.BpeTrainer(vocab_size=entries, min_frequency=2, special_tokens=list(MARKS), show_progress=False)
    tokenizer.train_from_iterator(map(encodable, reservoir(texts, SAMPLE)), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[START] $A [END]", special_tokens=[("[START]", 1), ("[END]", 2)]
    )
    _write(tokenizer, file)


def keep_vocabulary(source: Path, file: Path, lowercase: bool = False) -> None:
    """Write a pretrained network's tokenizer, as its texts are read here. Raises TrainingError, EncoderError."""
    tokenizer = open_tokenizer(source)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if lowercase:
        own = [tokenizer.normalizer] if tokenizer.normalizer else []
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *own])
    _write(tokenizer, file)


def open_vocabulary(file: Path, longest: int) -> Tokenizer:
    """A tokenizer that adds its marks and stops at `longest` tokens. Raises EncoderError."""
    tokenizer = open_tokenizer(file)
    tokenizer.no_padding()
    tokenizer.enable_truncation(longest)
    return tokenizer


def token_vectors(texts: Texts, items: Rows, dim: int = WIDTH, seed: int = 0) -> Matrix:
    """Vectors from which those of tokens begin, (size, dim): alike where tokens stand in alike texts of `items`.

    They are of unit length, as long ones are hardly moved by learning. Tokens that hardly occur, and all where the
    texts are few, begin at random.
    """
    read = [list(map(str, tokens)) for tokens in texts.tokens(items)]
    vectors = unit_rows(np.random.default_rng([seed, texts.size]).standard_normal((texts.size, dim)))
    if sum(map(len, read)) >= ENOUGH:
        words, found = word_vectors(read, dim)
        vectors[[int(word) for word in words]] = found
    vectors[0] = 0
    return vectors


def _write(tokenizer: Tokenizer, file: Path) -> None:
    partial = file.with_suffix(".partial")
    try:
        partial.write_text(tokenizer.to_str(), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise TrainingError(f"{file}: the vocabulary can't be kept ({error.strerror}).") from error


def _padded(tokens: Sequence[Sequence[int]], device: torch.device) -> Tensors:
    longest = max((len(each) for each in tokens), default=0)
    numbers, mask = np.zeros((2, len(tokens), longest), np.int64)
    for row, each in enumerate(tokens):
        numbers[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return {"tokens": torch.from_numpy(numbers).to(device), "mask": torch.from_numpy(mask).to(device)}
