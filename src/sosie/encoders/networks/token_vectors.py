"""Vectors of tokens, of which networks of texts are made."""

import torch
from torch import Tensor, nn


def token_vectors(vocabulary: int, width: int, vectors: Tensor | None = None) -> nn.Embedding:
    """A table (vocabulary, width) that begins with `vectors`, else with drawn ones; 0 is padding and stays zeros.

    Drawn ones are about of unit length: longer ones, torch's own among them, are hardly moved by learning.
    """
    table = nn.Embedding(vocabulary, width, padding_idx=0)
    with torch.no_grad():
        if vectors is None:
            table.weight.normal_(std=width**-0.5)
        else:
            table.weight.copy_(vectors)
        table.weight[0] = 0
    return table
