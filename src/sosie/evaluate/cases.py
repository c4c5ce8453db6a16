"""Questions with their first answers, for people to look at."""

import numpy as np
from numpy.typing import NDArray

from sosie.evaluate.task import Task
from sosie.evaluate.values import SHOWN, Top, Values
from sosie.reports import Answered, Case
from sosie.store import Snapshot
from sosie.types import Product, Query, Rows

MISSED = 3  # relevant products that were not found, shown beside an answer


def worst_and_best(
    snapshot: Snapshot, task: Task, top: Top, values: Values, count: int
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The questions of lowest and of highest value; of equal values those first whose first answer scores highest."""
    asked = np.flatnonzero(~np.isnan(values))
    sure = np.nan_to_num(top.scores[asked, 0], neginf=-2.0)
    low = asked[np.lexsort((asked, -sure, values[asked]))][:count]
    high = asked[np.lexsort((asked, -sure, -values[asked]))][:count]
    low = low[values[low] < values[asked].max()] if len(asked) else low
    high = high[~np.isin(high, low)]
    return tuple(case(snapshot, task, top, values, at) for at in low), tuple(
        case(snapshot, task, top, values, at) for at in high
    )


def case(snapshot: Snapshot, task: Task, top: Top, values: Values, question: int) -> Case:
    """One question with its first answers and a few of the relevant products that are not among them."""
    there = top.places[question] >= 0
    found = top.places[question][there]
    hits = _answered(snapshot, task, found, top.scores[question][there], top.grades[question][there])
    title, picture = _asked(snapshot, task, question)
    missed = missed_places(task, question, found)
    return Case(
        query=task.keys[question],
        title=title,
        picture=picture,
        value=float(values[question]),
        relevant=int(task.relevance.counts(np.array([question]))[0]),
        hits=hits,
        missed=_answered(
            snapshot, task, missed, np.zeros(len(missed)), task.relevance.grades(np.array([question]), missed[None])[0]
        ),
    )


def missed_places(task: Task, question: int, found: NDArray[np.int64]) -> NDArray[np.int64]:
    """A few of the places of the highest grades that were not found, (any,)."""
    every = np.arange(len(task.titles))
    grades = task.relevance.grades(np.array([question]), every[None])[0]
    grades[found] = 0
    grades[task.barred.of(question)] = 0
    best = np.argsort(-grades, kind="stable")[:MISSED]
    missed: NDArray[np.int64] = best[grades[best] > 0]
    return missed


def _asked(snapshot: Snapshot, task: Task, question: int) -> tuple[str, str]:
    asked = task.asked
    if not isinstance(asked, tuple):
        product = snapshot.products([int(asked[question])])[0]
        return product.title, _picture(product)
    query: Query = asked[question]
    if query.image is not None:
        return query.text, str(query.image)
    liked = [row for row in (snapshot.row(id) for id in query.like[:SHOWN]) if row is not None]
    products = snapshot.products(liked)
    words = query.text or " + ".join(product.title or product.id for product in products)
    return words, _picture(products[0]) if products else ""


def _answered(
    snapshot: Snapshot,
    task: Task,
    places: NDArray[np.int64],
    scores: NDArray[np.floating],
    grades: NDArray[np.floating],
) -> tuple[Answered, ...]:
    first = first_rows(task, places)
    return tuple(
        Answered(task.titles[place], product.title, _picture(product), round(float(score), 4), float(grade))
        for place, product, score, grade in zip(places.tolist(), snapshot.products(first), scores, grades, strict=True)
    )


def first_rows(task: Task, places: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first row of the gallery at each place, (places,)."""
    order = np.argsort(task.places, kind="stable")
    rows: NDArray[np.int64] = task.gallery[order[np.searchsorted(task.places, places, sorter=order)]]
    return rows


def _picture(product: Product) -> str:
    return product.images[0] if product.images else ""


def worst_and_best_pairs(
    snapshot: Snapshot, a: Rows, b: Rows, stated: NDArray[np.float64], alike: NDArray[np.bool_], count: int
) -> tuple[tuple[Case, ...], tuple[Case, ...]]:
    """The pairs that were judged most wrongly, and most rightly, by the probability stated of them."""
    error = np.abs(stated - alike)
    order = np.lexsort((np.arange(len(error)), -error))

    def shown(chosen: Rows) -> tuple[Case, ...]:
        both = zip(chosen.tolist(), snapshot.products(a[chosen]), snapshot.products(b[chosen]), strict=True)
        return tuple(
            Case(
                one.id,
                one.title,
                _picture(one),
                float(1 - error[at]),
                int(alike[at]),
                (Answered(other.id, other.title, _picture(other), round(float(stated[at]), 4), float(alike[at])),),
            )
            for at, one, other in both
        )

    return shown(order[:count]), shown(order[::-1][: min(count, max(len(order) - count, 0))])
