"""A recurrent network over words: it reads a text in order, from both ends where wanted."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance, Count
from sosie.encoders.networks.words import WordVectors, empty_as_zeros, real


@dataclass(frozen=True)
class RecurrentSettings:
    """`words` in the vocabulary with padding as 0, `width` numbers a word, `hidden` numbers of state a direction."""

    words: int
    width: int = 128
    dim: int = 256
    hidden: Count = 128
    both: bool = True
    pooling: Literal["mean", "max", "attention"] = "attention"
    dropout: Chance = 0.2


class Recurrent(nn.Module):
    """Word vectors -> GRU -> pooled states -> embedding; padding has to be at the end of a text.

    Cho et al., "Learning phrase representations using RNN encoder–decoder", 2014; attention pooling: Yang et al.,
    "Hierarchical attention networks for document classification", 2016. The second direction reads each text
    reversed within its own length, so that padding changes nothing without packed sequences, which can't be exported.
    """

    def __init__(self, settings: RecurrentSettings) -> None:
        super().__init__()
        self.vectors = WordVectors(settings.words, settings.width)
        directions = 2 if settings.both else 1
        self.readers = nn.ModuleList(
            nn.GRU(settings.width, settings.hidden, batch_first=True) for _ in range(directions)
        )
        states = settings.hidden * directions
        self.pooling = settings.pooling
        self.attention = (
            nn.Sequential(nn.Linear(states, settings.hidden), nn.Tanh(), nn.Linear(settings.hidden, 1, bias=False))
            if settings.pooling == "attention"
            else None
        )
        self.dropout = nn.Dropout(settings.dropout)
        self.last = nn.Linear(states, settings.dim)

    def start(self, vectors: Tensor) -> None:
        """Begin with given word vectors (words, width); rows of zeros keep random ones."""
        self.vectors.start(vectors)

    def forward(self, tokens: Tensor) -> Tensor:
        """Numbers of words (n, length) int64, 0 = padding -> embeddings (n, dim), not normalised; none = zeros."""
        kept = real(tokens)
        words = self.dropout(self.vectors(tokens))
        states = [self.readers[0](words)[0]]
        for reader in self.readers[1:]:
            turned = _reversed(kept)
            states.append(_in_order(reader(_in_order(words, turned))[0], turned))
        pooled = self._pooled(torch.cat(states, dim=2), kept)
        embeddings: Tensor = self.last(self.dropout(pooled))
        return empty_as_zeros(embeddings, tokens)

    def _pooled(self, states: Tensor, kept: Tensor) -> Tensor:
        if self.pooling == "max":
            return states.masked_fill(~kept[:, :, None], -1.0).amax(1)  # states lie between -1 and 1
        if self.attention is None:
            weights = kept.to(states.dtype)
        else:
            scores = self.attention(states)[:, :, 0].masked_fill(~kept, -1e9)
            weights = torch.exp(scores - scores.amax(1, keepdim=True)) * kept
        weights = weights / weights.sum(1, keepdim=True).clamp_min(1e-9)
        return (states * weights[:, :, None]).sum(1)


def _reversed(kept: Tensor) -> Tensor:
    """Places (n, length) that turn the words of each text around and leave its padding at the end."""
    at = torch.arange(kept.shape[1], device=kept.device)
    from_end = kept.sum(1, keepdim=True) - 1 - at
    return torch.where(from_end >= 0, from_end, at)


def _in_order(rows: Tensor, places: Tensor) -> Tensor:
    return rows.gather(1, places[:, :, None].expand(-1, -1, rows.shape[2]))
