"""Which of two is better: stores, weightings or runs, on the same questions, question by question."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TruthError
from sosie.evaluate.cases import case
from sosie.evaluate.judge import ECHOES
from sosie.evaluate.one_way import mutual
from sosie.evaluate.slices import LEAST, groups
from sosie.evaluate.task import Task
from sosie.evaluate.values import Top, Values
from sosie.metrics.intervals import holm, interval, paired
from sosie.metrics.lists import rank_biased_overlap
from sosie.reports import Changed, Comparison, Difference
from sosie.store import Snapshot
from sosie.types import Rows

LEVEL = 0.05
PERSISTENCE = 0.9  # of the reader of a list: nine in ten go on to the next answer
SHOWN = 8  # questions that changed most
CATEGORIES = 12  # that are told of, the largest
OVERLAPS = ("category", "label")  # by what the overlap of answers is told

Chosen = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its answers to the questions of a task."""

    name: str
    snapshot: Snapshot
    task: Task
    values: Mapping[str, Values]  # empty where there is no truth
    top: Top


def compare(a: Side, b: Side, measure: str, reproduce: Mapping[str, str]) -> Comparison:
    """Compare two sides on the questions that both have, `b` less `a`.

    Raises TruthError where they have no question in common.
    """
    left, right = _common(a, b)
    clusters = None if a.task.clusters is None else a.task.clusters[left]
    judged = measure in a.values and measure in b.values
    overlap = rank_biased_overlap(*_same_numbers(a, b, left, right), PERSISTENCE)
    parts = _parts(a, left)
    told = next((by for by in OVERLAPS if any(where.startswith(f"{by}=") for where in parts)), "")
    differences = _corrected(
        [
            *(_difference(a, b, left, right, name, clusters) for name in a.values if name in b.values),
            *(
                _difference(a, b, left, right, measure, clusters, mask, where)
                for where, mask in (parts.items() if judged else ())
            ),
        ]
    )
    whole = next((one for one in differences if one.measure == measure and not one.where), None)
    notes = [ECHOES] if mutual(a.task) else []
    notes += [
        f"{side.name}: {side.task.size - len(rows):,} of {side.task.size:,} questions are not asked of the other."
        for side, rows in ((a, left), (b, right))
        if len(rows) < side.task.size
    ]
    if a.task.titles != b.task.titles:
        notes.append(f"the galleries differ: {len(a.task.titles):,} and {len(b.task.titles):,} products.")
    return Comparison(
        a=a.name,
        b=b.name,
        truth=a.task.name if a.values else "",
        measure=measure if judged else "",
        queries=len(left),
        differences=differences,
        overlap=interval(overlap, clusters),
        overlap_by={
            where.removeprefix(f"{told}="): interval(overlap[mask], None if clusters is None else clusters[mask])
            for where, mask in parts.items()
            if where.startswith(f"{told}=")
        },
        verdict=_verdict(a, b, whole, float(overlap.mean())),
        changed=tuple(_changed(a, b, left, right, measure, overlap)),
        notes=tuple(dict.fromkeys((*a.task.notes, *b.task.notes, *notes))),
        reproduce=dict(reproduce),
        seconds=0.0,
    )


def _common(a: Side, b: Side) -> tuple[Rows, Rows]:
    """Numbers of the questions that both have, in the order of `a`; those without anything relevant left out."""
    place = {key: at for at, key in enumerate(b.task.keys)}
    both = [(at, place[key]) for at, key in enumerate(a.task.keys) if key in place]
    if a.values and b.values:
        first, second = next(iter(a.values.values())), next(iter(b.values.values()))
        both = [(at, to) for at, to in both if not (np.isnan(first[at]) or np.isnan(second[to]))]
    if not both:
        raise TruthError(f"{a.name} and {b.name} have no question in common.")
    left, right = np.array(both, np.int64).T
    return left, right


def _same_numbers(a: Side, b: Side, left: Rows, right: Rows) -> tuple[Rows, Rows]:
    """Both lists of answers with one number for one product."""
    if a.task.titles == b.task.titles:
        return a.top.places[left], b.top.places[right]
    number = {title: at for at, title in enumerate(dict.fromkeys((*a.task.titles, *b.task.titles)))}
    tables = [np.array([*(number[title] for title in side.task.titles), -1]) for side in (a, b)]
    return tables[0][a.top.places[left]], tables[1][b.top.places[right]]


def _parts(side: Side, questions: Rows) -> dict[str, Chosen]:
    """Slices of some questions, the largest first: of each way to slice at most CATEGORIES, of LEAST questions each.

    The others must be LEAST, too: a slice of all questions says nothing new.
    """
    found: dict[str, dict[str, Chosen]] = {}
    for by, value, inside in groups(side.snapshot, side.task):
        mask = inside[questions]
        if LEAST <= mask.sum() <= len(mask) - LEAST:
            found.setdefault(by, {})[f"{by}={value}"] = mask
    largest = (sorted(some.items(), key=lambda one: -int(one[1].sum()))[:CATEGORIES] for some in found.values())
    return dict(chain.from_iterable(largest))


def _difference(
    a: Side,
    b: Side,
    left: Rows,
    right: Rows,
    measure: str,
    clusters: NDArray[np.int64] | None,
    mask: Chosen | None = None,
    where: str = "",
) -> Difference:
    some = slice(None) if mask is None else mask
    first, second = a.values[measure][left][some], b.values[measure][right][some]
    difference, p = paired(first, second, None if clusters is None else clusters[some])
    return Difference(
        measure=measure,
        a=float(first.mean()),
        b=float(second.mean()),
        difference=difference,
        p=p,
        p_holm=p,
        win=int(np.count_nonzero(second > first)),
        tie=int(np.count_nonzero(second == first)),
        loss=int(np.count_nonzero(second < first)),
        where=where,
    )


def _corrected(differences: Sequence[Difference]) -> tuple[Difference, ...]:
    if not differences:
        return ()
    ps = holm(np.array([one.p for one in differences]))
    return tuple(replace(one, p_holm=float(p)) for one, p in zip(differences, ps, strict=True))


def _verdict(a: Side, b: Side, whole: Difference | None, overlap: float) -> str:
    if whole is None:
        return f"No truth was given: answers of {a.name} and {b.name} overlap by {overlap:.0%} (rank-biased overlap)."
    figure = whole.difference
    told = (
        f"{whole.measure} {whole.a:.3f} and {whole.b:.3f}, "
        f"difference {figure.value:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}], p = {whole.p_holm:.3g}"
    )
    if whole.p_holm >= LEVEL:
        return f"No more than chance between {a.name} and {b.name}: {told}."
    better, worse = (b, a) if figure.value > 0 else (a, b)
    return f"{better.name} is better than {worse.name}: {told}."


def _changed(
    a: Side, b: Side, left: Rows, right: Rows, measure: str, overlap: NDArray[np.float64]
) -> Iterator[Changed]:
    """The questions whose value changed most, of these the ones whose answers differ most."""
    nothing = np.zeros(len(left))
    first = a.values[measure][left] if measure in a.values else nothing
    second = b.values[measure][right] if measure in b.values else nothing
    order = np.lexsort((np.arange(len(left)), overlap, -np.abs(second - first)))
    for at in order[:SHOWN]:
        if overlap[at] > 1 - 1e-9 and first[at] == second[at]:
            return
        values = [np.full(side.task.size, np.nan) for side in (a, b)]
        values[0][left[at]], values[1][right[at]] = first[at], second[at]
        yield Changed(
            a=case(a.snapshot, a.task, a.top, values[0], int(left[at])),
            b=case(b.snapshot, b.task, b.top, values[1], int(right[at])),
            overlap=float(overlap[at]),
        )
