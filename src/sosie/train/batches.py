"""An epoch's batches as arrays of row numbers: pure functions of seed and epoch, so that any step can be resumed."""

from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TrainingError
from sosie.types import Rows

LOOK = 4  # batches' worth of pairs put off before a row may come again
_SHUFFLED, _BALANCED, _PAIRED, _NEGATIVES = range(4)  # each draws numbers of its own


def shuffled_batches(rows: Rows, size: int, seed: int, epoch: int) -> list[Rows]:
    """Every row once, in batches of at most `size` that differ by one at most, so no last one is too small."""
    order = np.random.default_rng([_SHUFFLED, seed, epoch]).permutation(rows)
    return np.array_split(order, -(-len(order) // size)) if len(order) else []


def balanced_batches(rows: Rows, classes: NDArray[np.int64], each: int, size: int, seed: int, epoch: int) -> list[Rows]:
    """Batches of at most `size` rows, `each` of them or fewer of one class (where it has fewer), from many classes.

    `classes` (len(rows),) are the rows' own; rows of class -1 are left out. Every other row comes at least once.
    Classes smaller than most come again, about as often as the square roots of the sizes ask for, which makes an epoch
    at most twice as long. The parts of a class are spread evenly, so that two meet in one batch only where there are
    more parts than batches. A class of one row comes alone: an unlike one for the others.
    """
    draw = np.random.default_rng([_BALANCED, seed, epoch])
    rows, classes = rows[classes >= 0], classes[classes >= 0]
    if not len(rows):
        return []
    each = max(1, min(each, size))
    order = np.argsort(classes, kind="stable")
    members = np.split(rows[order], np.flatnonzero(np.diff(classes[order])) + 1)
    roots = np.sqrt([len(own) for own in members])
    wanted = len(rows) * roots / roots.sum()
    parts: list[Rows] = []
    places: list[NDArray[np.float64]] = []
    for own, rows_wanted in zip(members, wanted, strict=True):
        cuts = min(-(-len(own) // each), max(1, len(own) // 2))  # where it can be, two of a kind in every part
        cuts = max(cuts, -(-len(own) // size))
        count = max(cuts, int(cuts * rows_wanted / len(own)))
        passes = [part for _ in range(-(-count // cuts)) for part in np.array_split(draw.permutation(own), cuts)]
        parts += passes[:count]
        places.append((np.arange(count) + draw.random()) / count)
    return _filled([parts[i] for i in np.argsort(np.concatenate(places), kind="stable")], size)


def pair_batches(pairs: NDArray[np.int64], size: int, seed: int, epoch: int) -> list[NDArray[np.int64]]:
    """Every pair once, in arrays of at most `size` rows (b, 2), b = size // 2: anchors, and beside them their others.

    No row is twice in a batch, so that no second positive of an anchor is among its negatives by mistake. Only where
    pairs of unused rows are not found nearby (one product bought with all others) rows come again; their `Targets` tell
    which are alike. Which row of a pair is the anchor is drawn.
    """
    draw = np.random.default_rng([_PAIRED, seed, epoch])
    order = draw.permutation(len(pairs))
    swapped = draw.random(len(pairs)) < 0.5
    left = deque(np.where(swapped[:, None], pairs[:, ::-1], pairs)[order].tolist())
    most, batches = max(1, size // 2), []
    while left:
        batch: list[list[int]] = []
        later: list[list[int]] = []
        used: set[int] = set()
        while left and len(batch) < most and len(later) < LOOK * most:
            a, b = left.popleft()
            if a in used or b in used:
                later.append([a, b])
            else:
                batch.append([a, b])
                used |= {a, b}
        missing = most - len(batch)
        batches.append(np.array(batch + later[:missing], np.int64))
        left.extendleft(reversed(later[missing:]))
    return batches


def with_negatives(batches: Sequence[Rows], negatives: NDArray[np.int64], seed: int, epoch: int) -> list[Rows]:
    """Each batch and behind it a hard negative of each of its rows, drawn from `negatives` (n, k; -1 = none).

    Batches of pairs become plain rows: anchors and others in turn. No negative is twice in a batch, and at most as
    many come as there were rows, so batches grow at most to twice their size.
    """
    grown = []
    for step, batch in enumerate(batches):
        draw = np.random.default_rng([_NEGATIVES, seed, epoch, step])
        own = negatives[batch.ravel()]
        chances = np.where(own >= 0, draw.random(own.shape), -1.0)
        chosen = own[np.arange(len(own)), chances.argmax(1)] if own.shape[1] else np.empty(0, np.int64)
        grown.append(np.concatenate([batch.ravel(), np.setdiff1d(chosen[chosen >= 0], batch)]))
    return grown


def shard(batches: Sequence[NDArray[np.int64]], rank: int, world: int) -> list[NDArray[np.int64]]:
    """The batches of one of `world` processes: no batch is in two shards, and all have as many.

    Up to `world` - 1 batches at the end are left out. Raises TrainingError for fewer batches than processes.
    """
    count = len(batches) // world
    if not count:
        raise TrainingError(
            f"{len(batches)} batches can't be shared by {world} processes: take smaller batches or fewer processes."
        )
    return list(batches[rank : count * world : world])


def _filled(parts: list[Rows], size: int) -> list[Rows]:
    """Parts put together in their order; the last two batches share what they have, so that none is too small."""
    filled: list[list[Rows]] = [[]]
    room = size
    for part in parts:
        if len(part) > room:
            filled.append([])
            room = size
        filled[-1].append(part)
        room -= len(part)
    if len(filled) > 1:
        last = filled.pop(-2) + filled.pop()
        first = np.cumsum([len(part) for part in last])
        uneven = np.abs(2 * first - first[-1]).astype(np.float64)
        uneven[(first > size) | (first[-1] - first > size)] = np.inf
        middle = int(uneven[:-1].argmin()) + 1
        filled += [last[:middle], last[middle:]]
    return [np.concatenate(batch) for batch in filled]
