"""Texts of any length through a network that reads a limited number of tokens at once."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.state import pooled_rows
from sosie.types import Matrix

LONGEST = 256  # tokens of a window, the marks around it included
OVERLAP = 32  # tokens that a window shares with the next at least
FEW = 8  # short windows that sooner go through a network together, padded, than by length
GROUP = 8_192  # texts whose windows are sorted by length together

Tokens = NDArray[np.int64]  # (n, length)
Tokenise = Callable[[list[str]], list[list[int]]]
Marks = tuple[Sequence[int], Sequence[int]]  # tokens before a window, tokens after it
Run = Callable[[Tokens, Tokens], Matrix]  # tokens and mask, 1 = token -> vectors


def read_texts(
    texts: Sequence[str], dim: int, tokenise: Tokenise, marks: Marks, run: Run, longest: int = LONGEST
) -> Matrix:
    """Unit vectors of texts in their order, (len(texts), dim); zeros for one without tokens.

    A longer text is read in overlapping windows, and their vectors are averaged by length. Windows go through the
    network with others as long as they are, between the `marks`, with these at most `longest` tokens.
    """
    inside = longest - len(marks[0]) - len(marks[1])
    overlap = min(OVERLAP, inside // 4)
    out = np.zeros((len(texts), dim), np.float32)
    for start in range(0, len(texts), GROUP):
        windows, owners = [], []
        for at, tokens in enumerate(tokenise(list(texts[start : start + GROUP]))):
            for window in split(tokens, inside, overlap):
                windows.append(window)
                owners.append(at)
        lengths = np.array([len(window) for window in windows], np.int64)
        vectors = np.zeros((len(windows), dim), np.float32)
        for rows, tokens_, mask in _batches(windows, lengths, marks, longest):
            vectors[rows] = run(tokens_, mask)
        count = len(out[start : start + GROUP])
        out[start : start + GROUP] = pooled_rows(vectors, np.array(owners, np.int64), lengths.astype(float), count)
    return out


def split(tokens: Sequence[Any], longest: int, overlap: int = OVERLAP) -> Iterator[list[Any]]:
    """Windows of at most `longest` tokens, all equally long, evenly spread; none of nothing."""
    if not tokens:
        return
    if len(tokens) <= longest:
        yield list(tokens)
        return
    count = -(-(len(tokens) - overlap) // (longest - overlap))
    for start in np.linspace(0, len(tokens) - longest, count).round().astype(int):
        yield list(tokens[start : start + longest])


def _batches(
    windows: Sequence[Sequence[int]], lengths: Tokens, marks: Marks, longest: int
) -> Iterator[tuple[NDArray[np.int64], Tokens, Tokens]]:
    first, last = marks
    lengths = lengths + len(first) + len(last)
    padded = np.minimum(_padded(lengths), longest)
    if len(windows) <= FEW:
        few = np.full(len(windows), -(-int(lengths.max(initial=0)) // 2) * 2)
        padded = np.where(padded <= 32, np.minimum(few, 32), padded)
    for width in np.unique(padded):
        rows = np.flatnonzero(padded == width)
        tokens = np.zeros((len(rows), width), np.int64)
        for at, row in enumerate(rows.tolist()):
            tokens[at, : lengths[row]] = (*first, *windows[row], *last)
        yield rows, tokens, (np.arange(width) < lengths[rows, None]).astype(np.int64)


def _padded(lengths: Tokens) -> Tokens:
    # Few widths: the runtime prepares kernels for each it meets. Short texts are most: they are never padded.
    step = np.where(lengths <= 32, 1, np.where(lengths <= 64, 8, 32))
    return -(-lengths // step) * step
