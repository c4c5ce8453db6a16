"""What networks of words share: a table of word vectors in which 0 is padding."""

import torch
from torch import Tensor, nn

PADDING = 0


class WordVectors(nn.Embedding):
    """Vectors of words by number; the padding's is zeros and stays so.

    They begin at about unit length: longer ones are hardly moved by learning, and drown what it says of them.
    """

    def __init__(self, words: int, width: int) -> None:
        super().__init__(words, width, padding_idx=PADDING)
        with torch.no_grad():
            self.weight *= width**-0.5

    @torch.no_grad()
    def start(self, vectors: Tensor) -> None:
        """Begin with given vectors (words, width), of Word2Vec for instance, brought to unit length on the average.

        A row of zeros has no vector given and keeps its random one.
        """
        given = (vectors != 0).any(1)
        given[PADDING] = False
        if given.any():
            self.weight[given] = vectors[given] / vectors[given].pow(2).sum(1).mean().sqrt()


def real(tokens: Tensor) -> Tensor:
    """Which of the tokens (n, length) are words, bool (n, length)."""
    return tokens != PADDING


def empty_as_zeros(embeddings: Tensor, tokens: Tensor) -> Tensor:
    """The embeddings (n, dim), zeros where a text has no words: it lacks the signal."""
    return embeddings * real(tokens).any(1, keepdim=True)
