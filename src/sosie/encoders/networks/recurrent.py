"""Gated recurrent units over the words of a text."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sosie.encoders.networks.token_vectors import token_vectors


@dataclass(frozen=True)
class GruSettings:
    """`vocabulary` token numbers, of `width` numbers each; `states` of each of the two directions."""

    vocabulary: int
    width: int = 128
    dim: int = 256
    states: int = 128
    pooling: Literal["mean", "max", "attention"] = "max"
    dropout: float = 0.3


class Gru(nn.Module):
    """A text is read from either end (Cho et al., "RNN encoder-decoder", 2014), and its states are pooled.

    The way back begins at the text's own last token, so padding changes nothing. Attention weighs states by what they
    say (Yang et al., "Hierarchical attention networks", 2016). `vectors` (vocabulary, width) are those that tokens
    begin with, else they are drawn.
    """

    def __init__(self, settings: GruSettings, vectors: Tensor | None = None) -> None:
        super().__init__()
        both = 2 * settings.states
        self.tokens = token_vectors(settings.vocabulary, settings.width, vectors)
        self.there = nn.GRU(settings.width, settings.states, batch_first=True)
        self.back = nn.GRU(settings.width, settings.states, batch_first=True)
        self.pooling = settings.pooling
        self.looks = nn.Sequential(nn.Linear(both, both), nn.Tanh(), nn.Linear(both, 1, bias=False))
        if settings.pooling != "attention":
            self.looks = nn.Sequential()
        self.dropout = nn.Dropout(settings.dropout)
        self.head = nn.Linear(both, settings.dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token numbers (n, length), 0 = padding at the end -> embeddings (n, dim), not normalised."""
        mask = tokens != 0
        lengths = mask.sum(1, keepdim=True)
        places = torch.arange(tokens.shape[1], device=tokens.device)
        mirrored = torch.where(places < lengths, lengths - 1 - places, places)
        vectors = self.dropout(self.tokens(tokens))
        back = self.back(_taken(vectors, mirrored))[0]
        states = torch.cat([self.there(vectors)[0], _taken(back, mirrored)], 2)
        embeddings: Tensor = self.head(self.dropout(self._pooled(states, mask[:, :, None])))
        return embeddings

    def _pooled(self, states: Tensor, mask: Tensor) -> Tensor:
        if self.pooling == "max":
            return states.masked_fill(~mask, -1.0).amax(1)  # states lie between -1 and 1
        weights = mask / mask.sum(1, keepdim=True).clamp(min=1)
        if self.pooling == "attention":
            weights = self.looks(states).masked_fill(~mask, -1e4).softmax(1) * mask
        pooled: Tensor = (states * weights).sum(1)
        return pooled


def _taken(vectors: Tensor, places: Tensor) -> Tensor:
    """Of each text the vectors at its `places`, (n, length, width)."""
    return vectors.gather(1, places[:, :, None].expand(-1, -1, vectors.shape[2]))
