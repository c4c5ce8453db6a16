"""A memory across batches: embeddings of the last steps as further candidates."""

import torch
from torch import Tensor, nn


class Memory(nn.Module):
    """The last `size` embeddings and their rows (Wang et al., 2020, cross-batch memory), first in, first out.

    It takes part in `state_dict`, so a run that is resumed remembers what it did. Embeddings drift while a network
    learns: fill it only after the first steps, and keep it within a few tens of batches.
    """

    embeddings: Tensor  # (size, dim)
    rows: Tensor  # (size,) int64; -1 = not filled yet
    at: Tensor  # () int64: where the next one goes

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(size, dim))
        self.register_buffer("rows", torch.full((size,), -1, dtype=torch.int64))
        self.register_buffer("at", torch.zeros((), dtype=torch.int64))

    def push(self, embeddings: Tensor, rows: Tensor) -> None:
        """Remember embeddings (n, dim) of rows (n,), without their gradient; of more than fit the last ones."""
        size = len(self.rows)
        embeddings, rows = embeddings.detach()[-size:], rows[-size:]
        places = (self.at + torch.arange(len(rows), device=self.at.device)) % size
        self.embeddings[places] = embeddings.to(self.embeddings)
        self.rows[places] = rows.to(self.rows)
        self.at.copy_((self.at + len(rows)) % size)

    def contents(self) -> tuple[Tensor, Tensor]:
        """Embeddings (m, dim) and rows (m,) of what it remembers."""
        filled = self.rows >= 0
        return self.embeddings[filled], self.rows[filled]
