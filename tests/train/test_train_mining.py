import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.train.mining import MiningSettings, hard_negatives
from sosie.train.supervision import relation, supervision


@st.composite
def cases(draw):
    n = draw(st.integers(2, 30))
    seed = draw(st.integers(0, 99))
    random = np.random.default_rng(seed)
    levels, pairs = draw(st.integers(0, 2)), draw(st.integers(0, 20))
    s = supervision(
        n,
        random.integers(-1, 3, (levels, n)),
        random.integers(0, n, (pairs, 2)),
        random.choice([0.0, 1.0], pairs),
        *random.integers(-1, 12, (3, n)),
    )
    return s, torch.tensor(random.normal(size=(n, 3)), dtype=torch.float32)


def by_hand(s, embeddings, level, each, guards, reach):
    x = embeddings.double().numpy()
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    lists = []
    for a in range(s.size):
        mates = [
            p if q == a else q
            for (p, q), grade in zip(s.pairs.tolist(), s.grades, strict=True)
            if p != q and a in (p, q) and grade >= 0.5
        ]
        limit = 9 if len(s.labels) else reach * max([x[a] @ x[b] for b in mates], default=1)
        numbers = {"group": s.groups, "title": s.twins, "picture": s.looks}
        found = [
            b
            for b in range(s.size)
            if relation(s, np.array([a]), np.array([b]), level).unlike[0]
            and not any(numbers[g][a] == numbers[g][b] >= 0 for g in guards)
            and x[a] @ x[b] <= limit
        ]
        lists.append(sorted(found, key=lambda b: -(x[a] @ x[b]))[:each])
    return lists


@settings(max_examples=60, deadline=None)
@given(
    cases(),
    st.integers(0, 1),
    st.integers(1, 5),
    st.sets(st.sampled_from(["group", "title", "picture"])),
    st.sampled_from([0.5, 0.95]),
)
def test_hard_negatives_equal_plain_loops(case, level, each, guards, reach):
    s, embeddings = case
    got = hard_negatives(embeddings * 3, s, MiningSettings(each=each, guards=tuple(guards), reach=reach), 0, 0, level)
    assert got.shape == (s.size, each)
    assert got.dtype == np.int64
    for row, expected in zip(got.tolist(), by_hand(s, embeddings, level, each, guards, reach), strict=True):
        assert row == expected + [-1] * (each - len(expected))


def test_rows_behind_many_guarded_ones_are_found():
    n = 400  # 399 near-identical pictures around the first row, and the only unlike row behind them all
    angles = np.linspace(0, 1, n)
    embeddings = torch.tensor(np.stack([np.cos(angles), np.sin(angles)], 1), dtype=torch.float32)
    s = supervision(n, np.arange(n), looks=[0] * (n - 1) + [1])
    got = hard_negatives(embeddings, s, MiningSettings(each=2), 0, 0)
    assert (got[:-1] == [n - 1, -1]).all()
    assert got[-1].tolist() == [n - 2, n - 3]


def test_a_pool_is_drawn_anew_each_epoch_and_the_same_again():
    draw = np.random.default_rng(1)
    s, embeddings = supervision(100, draw.integers(0, 5, 100)), torch.tensor(draw.normal(size=(100, 4)))
    first, again, other = (hard_negatives(embeddings, s, MiningSettings(pool=20), 3, epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first[first >= 0])) <= 20
    assert set(first.ravel().tolist()) != set(other.ravel().tolist())


@pytest.mark.parametrize("labels", [[-1, -1, -1], [0, 0, 0]])
def test_where_nothing_is_unlike_there_is_no_negative(labels):
    assert (hard_negatives(torch.eye(3), supervision(3, labels), MiningSettings(each=2), 0, 0) == -1).all()
