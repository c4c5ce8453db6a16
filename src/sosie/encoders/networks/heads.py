"""Heads: small networks from the vectors of a frozen encoder to embeddings, which begin as its main directions."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sosie.encoders.networks.bounds import Chance, CountOrNone


@dataclass(frozen=True)
class HeadSettings:
    """`inside` numbers a vector, `dim` an embedding; a `hidden` of 0 leaves a linear map."""

    inside: int
    dim: int = 256
    hidden: CountOrNone = 512
    dropout: Chance = 0.1


class Head(nn.Module):
    """A linear map plus a residual branch (norm, linear, GELU, dropout, linear) whose end starts at nothing.

    So before training the head is the linear map alone, which `start` sets to the main directions of some vectors:
    training begins at frozen quality. A row of zeros (the product lacks the signal) gives a row of zeros; leave such
    rows out of training batches, whose averages the norm takes.
    """

    def __init__(self, settings: HeadSettings) -> None:
        super().__init__()
        self.linear = nn.Linear(settings.inside, settings.dim)
        _start_orthogonal(self.linear)
        self.branch = branch(settings.inside, settings.dim, settings.hidden, settings.dropout)

    @torch.no_grad()
    def start(self, vectors: Tensor, whiten: float = 0.0) -> None:
        """Set the linear map to the main directions of `vectors` (n, inside); rows of zeros are left out.

        `whiten` 0 keeps the spread of each direction, 1 makes all alike, .5 lies between.
        """
        weight, mean = main_directions(vectors, self.linear.out_features, whiten)
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(-weight @ mean)

    def forward(self, vectors: Tensor) -> Tensor:
        """Unit vectors (n, inside) -> embeddings (n, dim), not normalised."""
        embeddings: Tensor = self.linear(vectors)
        if self.branch is not None:
            embeddings = embeddings + self.branch(vectors)
        return embeddings * (vectors != 0).any(1, keepdim=True)


def branch(inside: int, outside: int, hidden: int, dropout: float) -> nn.Sequential | None:
    """A residual branch (n, inside) -> (n, outside) that starts at nothing; None where `hidden` is 0."""
    if not hidden:
        return None
    last = nn.Linear(hidden, outside)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.BatchNorm1d(inside), nn.Linear(inside, hidden), nn.GELU(), nn.Dropout(dropout), last)


@torch.no_grad()
def main_directions(vectors: Tensor, dim: int, whiten: float = 0.0) -> tuple[Tensor, Tensor]:
    """What of `vectors` (n, inside) varies most: rows of a linear map (dim, inside), and their mean (inside,).

    Rows are orthogonal directions, as long as their deviation to the power of `-whiten`, all scaled so that mapped
    vectors have a mean square length of 1; rows beyond what the vectors span are zeros. Rows of zeros in `vectors`
    are left out.
    """
    kept = vectors[(vectors != 0).any(1)].to(torch.float64)
    weight = torch.zeros(dim, vectors.shape[1], dtype=torch.float64)
    if not len(kept):
        return weight.to(vectors.dtype), torch.zeros_like(weight[0], dtype=vectors.dtype)
    mean = kept.mean(0)
    centred = kept - mean
    variances, directions = torch.linalg.eigh(centred.T @ centred / len(kept))  # the largest last
    variances, directions = variances.flip(0)[:dim], directions.flip(1)[:, :dim]
    spans = variances > 1e-9 * variances[0].clamp_min(1e-30)
    scales = torch.where(spans, variances.clamp_min(1e-30) ** (-whiten / 2), 0.0)
    scales = scales / (variances * scales**2).sum().clamp_min(1e-30).sqrt()
    weight[: len(scales)] = directions.T * scales[:, None]
    return weight.to(vectors.dtype), mean.to(vectors.dtype)


def _start_orthogonal(linear: nn.Linear) -> None:
    """The identity where the embedding is wide enough, otherwise random directions at right angles."""
    if linear.out_features >= linear.in_features:
        nn.init.eye_(linear.weight)
    else:
        nn.init.orthogonal_(linear.weight)
    nn.init.zeros_(linear.bias)
