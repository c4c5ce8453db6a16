"""Convolutions over the words of a text."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sosie.encoders.networks.token_vectors import token_vectors


@dataclass(frozen=True)
class TextCnnSettings:
    """`vocabulary` token numbers, of `width` numbers each; `filters` for each of the `spans` of tokens."""

    vocabulary: int
    width: int = 128
    dim: int = 256
    filters: int = 128
    spans: tuple[int, ...] = (1, 2, 3, 4, 5)
    dropout: float = 0.5


class TextCnn(nn.Module):
    """The strongest answer of each filter anywhere in a text (Kim, "Convolutional networks for sentences", 2014).

    Filters have no bias: to nothing but padding they answer 0, what a rectified maximum is at least, so padding
    changes nothing. `vectors` (vocabulary, width) are those that tokens begin with, else they are drawn.
    """

    def __init__(self, settings: TextCnnSettings, vectors: Tensor | None = None) -> None:
        super().__init__()
        self.tokens = token_vectors(settings.vocabulary, settings.width, vectors)
        self.filters = nn.ModuleList(
            nn.Conv1d(settings.width, settings.filters, span, padding=span - 1, bias=False) for span in settings.spans
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(settings.filters * len(settings.spans), settings.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers (n, length), 0 = padding -> embeddings (n, dim), not normalised."""
        vectors = self.tokens(tokens).transpose(1, 2)
        strongest = [filters(vectors).relu().amax(2) for filters in self.filters]
        embeddings: Tensor = self.head(self.dropout(torch.cat(strongest, 1)))
        return embeddings
