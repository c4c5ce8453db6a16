"""Of two products that are relevant to each other, one may answer the other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truth_store import barred, graded

from sosie.evaluate.one_way import mutual, one_way
from sosie.evaluate.system import System
from sosie.evaluate.task import Lists, Task
from sosie.evaluate.truth import Listed
from sosie.evaluate.values import values_of


def alike(grades, asked=None):
    """A task in which the products of a symmetric matrix of grades, places 0, 1, …, ask each other; `asked` of them."""
    size = len(grades)
    asked = np.arange(size) if asked is None else np.asarray(asked)
    questions, places = np.nonzero(grades[asked])
    relevance = Listed.of_pairs(len(asked), questions, places, grades[asked][questions, places].astype(np.float32))
    names = tuple(f"p{size - at:02}" for at in range(size))
    own = Lists.build([np.array([at]) for at in asked])
    keys = tuple(names[at] for at in asked)
    return Task("alike", keys, asked, np.arange(size), np.arange(size), names, relevance, own)


@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_each_pair_is_asked_once(size, seed):
    draw = np.random.default_rng(seed)
    upper = np.triu(draw.integers(0, 4, (size, size)), 1)
    task = alike(upper + upper.T, np.flatnonzero(draw.random(size) < 0.8))
    once = one_way(task)
    before, after, out = graded(task), graded(once), barred(once)
    for a in task.keys:
        assert a in out[a]
        for b in set(task.titles) - {a}:
            if b in task.keys and b in before[a]:
                assert (b in out[a]) != (a in out[b])
            else:
                assert b not in out[a]
            assert after[a].get(b) == (None if b in out[a] else before[a].get(b))


def test_questions_that_are_not_in_the_gallery_stay_as_they_are():
    task = alike(1 - np.eye(4, dtype=int))
    apart = Task(*(getattr(task, f) for f in ("name", "keys", "asked", "gallery", "places", "titles", "relevance")),
                 barred=Lists.build([np.empty(0, np.int64)] * 4))  # fmt: skip
    assert mutual(task)
    assert not mutual(apart)
    assert one_way(apart) is apart


@pytest.mark.parametrize(("way", "low", "high"), [(lambda task: task, 1.5, 2.6), (one_way, 0.6, 1.4)])
def test_questions_that_echo_each_other_vary_together(way, low, high):
    """The variance of a mean over questions, of signals that say nothing, beside that of independent questions."""
    draw = np.random.default_rng(0)
    size = 60
    kinds = np.arange(size) % 5
    task = way(alike((kinds[:, None] == kinds).astype(int) - np.eye(size, dtype=int)))
    means, stated = [], []
    for _ in range(120):
        vectors = draw.standard_normal((size, 6)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        values = values_of(System("noise", "signal", vectors, vectors), task, ("map@r",))[0]["map@r"]
        values = values[~np.isnan(values)]
        means.append(values.mean())
        stated.append(values.var(ddof=1) / len(values))
    assert low < np.var(means, ddof=1) / np.mean(stated) < high
