"""A convolutional network over words: which short phrases occur anywhere in a text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance, Count, Counts
from sosie.encoders.networks.words import WordVectors, empty_as_zeros, real


@dataclass(frozen=True)
class TextCnnSettings:
    """`words` in the vocabulary with padding as 0, `width` numbers a word, `filters` for each of the `windows`."""

    words: int
    width: int = 128
    dim: int = 256
    windows: Counts = (3, 4, 5)
    filters: Count = 128
    dropout: Chance = 0.5


class TextCnn(nn.Module):
    """Windows of words -> filters -> the largest value of each over the text.

    Kim, "Convolutional neural networks for sentence classification", 2014. Windows reach beyond both ends, so that a
    text may be shorter than they are; those that see only padding don't count, so that padding changes nothing.
    """

    def __init__(self, settings: TextCnnSettings) -> None:
        super().__init__()
        self.vectors = WordVectors(settings.words, settings.width)
        self.filters = nn.ModuleList(
            nn.Conv1d(settings.width, settings.filters, window, padding=window - 1) for window in settings.windows
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.last = nn.Linear(settings.filters * len(settings.windows), settings.dim)

    def start(self, vectors: Tensor) -> None:
        """Begin with given word vectors (words, width); rows of zeros keep random ones."""
        self.vectors.start(vectors)

    def forward(self, tokens: Tensor) -> Tensor:
        """Numbers of words (n, length) int64, 0 = padding -> embeddings (n, dim), not normalised; none = zeros."""
        kept = real(tokens)
        words = self.vectors(tokens).transpose(1, 2)
        largest = [self._largest(filters, words, kept) for filters in self.filters]
        embeddings: Tensor = self.last(self.dropout(torch.cat(largest, dim=1)))
        return empty_as_zeros(embeddings, tokens)

    @staticmethod
    def _largest(filters: nn.Module, words: Tensor, kept: Tensor) -> Tensor:
        found = torch.relu(filters(words))  # (n, filters, length + window - 1)
        reach = found.shape[2] - kept.shape[1]
        beside = nn.functional.pad(kept, (reach, reach))
        length = found.shape[2]
        sees = torch.stack([beside[:, at : at + length] for at in range(reach + 1)]).any(0)
        return (found * sees[:, None]).amax(2)
