"""Hard negatives: the rows that the network takes for alike and that are not."""

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from sosie.config import Settings
from sosie.train.supervision import ALIKE, Supervision, relation
from sosie.types import Rows

CHUNK = 512  # rows compared with the whole pool at a time
WIDEN = 4  # how many times as many neighbours are looked at where too many were guarded
Guard = Literal["group", "title", "picture"]


class MiningSettings(Settings):
    """How many hard negatives a row has, and what is not taken for one though nobody called it alike."""

    each: Annotated[int, Field(ge=1, le=256)] = 8
    guards: tuple[Guard, ...] = ("group", "title", "picture")  # shares one of these: likely the same, mislabelled
    reach: Annotated[float, Field(gt=0, le=1)] = 0.95  # without labels: beyond this share of the best positive's cosine
    every: Annotated[int, Field(ge=1)] = 1  # epochs after which they are mined anew; that costs as much as a validation
    pool: Annotated[int, Field(ge=2)] = 50_000  # at most so many rows, drawn anew each time, can be negatives


@dataclass(frozen=True, eq=False)
class _Pool:
    rows: Rows  # (m,)
    vectors: Tensor  # (m, d) unit length
    labels: Tensor  # (levels, m) those by which most of what is alike is left out at once


def hard_negatives(
    embeddings: Tensor,
    known: Supervision,
    settings: MiningSettings,
    seed: int,
    epoch: int,
    level: int = 0,
    among: Rows | None = None,
) -> NDArray[np.int64]:
    """For each of n rows the nearest unlike ones, (n, each), hardest first, -1 where there are no more.

    `embeddings` (n, d) need no unit length; on a GPU the work is done there. Only rows `among` have negatives and are
    any, the others' embeddings not being known. Unlike is what `relation` says at `level`.
    Guarded are rows that share a group, a title or a near-identical picture, whatever their labels. Where there are no
    labels, and unlike is only what nobody called alike, also rows that come nearer than `reach` times the best known
    positive (Moreira et al., 2024, positive-aware mining), of rows without one than `reach`.
    """
    vectors = functional.normalize(embeddings.float())
    rows = np.arange(known.size) if among is None else among
    found = np.full((known.size, settings.each), -1)
    some = rows
    if len(known.labels):  # of others nothing is known
        some = np.intersect1d(np.union1d(np.flatnonzero((known.labels[level:] >= 0).any(0)), known.pairs), rows)
    if not len(some):
        return found
    if len(some) > settings.pool:
        some = np.sort(np.random.default_rng([seed, epoch]).choice(some, settings.pool, replace=False))
    labels = torch.from_numpy(known.labels[: level + 1][:, some]).to(vectors.device)
    pool = _Pool(some, vectors[torch.from_numpy(some).to(vectors.device)], labels)
    reach = _reach(vectors, known, settings.reach)
    for start in range(0, len(rows), CHUNK):
        block = rows[start : start + CHUNK]
        found[block] = _mined(vectors, block, pool, known, settings, reach, level, WIDEN * settings.each)
    return found


def _mined(
    vectors: Tensor,
    rows: Rows,
    pool: _Pool,
    known: Supervision,
    settings: MiningSettings,
    reach: Tensor,
    level: int,
    width: int,
) -> NDArray[np.int64]:
    """As `hard_negatives`, of some rows, among their nearest `width`; wider for those that don't get enough."""
    width = min(width, len(pool.rows))
    cosines = vectors[torch.from_numpy(rows).to(vectors.device)] @ pool.vectors.T
    for own, labels in zip(known.labels, pool.labels, strict=False):
        mine = torch.from_numpy(own[rows]).to(vectors.device)[:, None]
        cosines.masked_fill_((mine == labels) & (mine >= 0), -2)
    if not len(known.labels):
        cosines.masked_fill_(cosines > reach[torch.from_numpy(rows).to(reach.device)][:, None], -2)
    near, places = (part.cpu().numpy() for part in cosines.topk(width))
    others = pool.rows[places]
    allowed = (near > -1.5) & relation(known, rows[:, None], others, level).unlike
    for guard, numbers in (("group", known.groups), ("title", known.twins), ("picture", known.looks)):
        if guard in settings.guards:
            own = numbers[rows][:, None]
            allowed &= (own < 0) | (own != numbers[others])
    order = np.argsort(~allowed, axis=1, kind="stable")[:, : settings.each]
    found = np.full((len(rows), settings.each), -1)
    found[:, : order.shape[1]] = np.take_along_axis(np.where(allowed, others, -1), order, axis=1)
    short = np.flatnonzero((allowed.sum(1) < settings.each) & (near[:, -1:] > -1.5).any(1))
    if len(short) and width < len(pool.rows):
        found[short] = _mined(vectors, rows[short], pool, known, settings, reach, level, WIDEN * width)
    return found


def _reach(vectors: Tensor, known: Supervision, share: float) -> Tensor:
    """(n,) how near to a row another may come and still be taken for unlike, where there are no labels."""
    a, b = torch.from_numpy(known.pairs[(known.grades >= ALIKE) & (known.pairs[:, 0] != known.pairs[:, 1])].T)
    a, b = a.to(vectors.device), b.to(vectors.device)
    cosines = (vectors[a] * vectors[b]).sum(1)
    best = torch.full((known.size,), -2.0, device=vectors.device)
    best.scatter_reduce_(0, torch.cat([a, b]), torch.cat([cosines, cosines]), "amax")
    return share * torch.where(best < -1.5, 1.0, best)
