"""What other vectors do to look-alikes: told of some products before a store is switched."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from sosie.types import Matrix, Rows

ASKED = 200  # products asked about, spread evenly over the catalogue
FIRST = 10  # look-alikes of each
EXAMPLES = 3
BLOCK = 32_768  # rows scored at a time
TOGETHER = 40  # questions whose scores of all rows are held at a time
DEEP = 20  # times as many rows are looked at as there are places, since variants fill one

Read = Callable[[str, int, int], Matrix]  # vectors of a signal, from one row to another


@dataclass(frozen=True, slots=True)
class Example:
    """A product, its first look-alikes before, and after: ids."""

    id: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Moved:
    """How much of the first look-alikes stays, over some products; the examples changed most."""

    asked: int
    first: int
    kept: float  # share of the first look-alikes that are still among the first
    lost: int  # products that keep none
    examples: tuple[Example, ...]

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Ranking:
    """What look-alikes follow from: vectors by signal, each signal's omega, and which rows are variants."""

    read: Read
    omega: Mapping[str, float]
    groups: NDArray[np.int32]  # (rows,)


def moved(before: Ranking, after: Ranking, ids: Callable[[Rows], list[str]], asked: int = ASKED) -> Moved:
    """Compare two rankings of the same rows by exact scores; `ids` names rows."""
    count = len(before.groups)
    rows = np.unique(np.linspace(0, count - 1, min(asked, count)).astype(np.int64))
    first, then = first_of(before, rows), first_of(after, rows)
    share = np.array([len({*a} & {*b}) / max(len(a), len(b), 1) for a, b in zip(first, then, strict=True)])
    answered = np.array([bool(a or b) for a, b in zip(first, then, strict=True)])
    order = [at for at in np.argsort(share, kind="stable").tolist() if answered[at] and share[at] < 1]
    examples = tuple(
        Example(ids(rows[[at]])[0], tuple(ids(np.array(first[at], np.int64))), tuple(ids(np.array(then[at], np.int64))))
        for at in order[:EXAMPLES]
    )
    kept = float(share[answered].mean()) if answered.any() else 1.0
    return Moved(int(answered.sum()), FIRST, kept, int((share[answered] == 0).sum()), examples)


def first_of(ranking: Ranking, rows: Rows, k: int = FIRST) -> list[list[int]]:
    """The first look-alikes of rows, best first: other products, each with its variants one place."""
    found: list[list[int]] = []
    for start in range(0, len(rows), TOGETHER):
        found += _together(ranking, rows[start : start + TOGETHER], k)
    return found


def _together(ranking: Ranking, rows: Rows, k: int) -> list[list[int]]:
    count = len(ranking.groups)
    scores = np.zeros((len(rows), count), np.float32)
    speaks = np.zeros(len(rows), np.bool_)
    for signal, omega in ranking.omega.items():
        asked = np.concatenate([ranking.read(signal, row, row + 1) for row in rows.tolist()]).astype(np.float32)
        speaks |= np.any(asked, axis=1)
        for start in range(0, count, BLOCK):
            stop = min(start + BLOCK, count)
            block = np.asarray(ranking.read(signal, start, stop), np.float32)
            scores[:, start:stop] += np.float32(omega) * (asked @ block.T)
    deep = min(k * DEEP, count)
    found = []
    for row, told, has in zip(rows.tolist(), scores, speaks.tolist(), strict=True):
        best = np.argpartition(-told, deep - 1)[:deep]
        best = best[np.lexsort((best, -told[best]))]
        places: dict[int, int] = {}
        for one in best.tolist() if has else ():
            group = int(ranking.groups[one])
            if told[one] != 0 and group != ranking.groups[row]:
                places.setdefault(group, one)
        found.append(list(places.values())[:k])
    return found
