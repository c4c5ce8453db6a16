import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.errors import TrainingError
from sosie.train.batches import balanced_batches, pair_batches, shard, shuffled_batches, with_negatives


def equal(a, b):
    return len(a) == len(b) and all(x.shape == y.shape and (x == y).all() for x, y in zip(a, b, strict=True))


@settings(deadline=None)
@given(st.integers(0, 60), st.integers(1, 20), st.integers(0, 3))
def test_a_shuffle_has_every_row_once_in_even_batches(n, size, epoch):
    rows = np.arange(n) * 3
    batches = shuffled_batches(rows, size, 7, epoch)
    assert sorted(np.concatenate([*batches, []]).tolist()) == rows.tolist()
    lengths = [len(b) for b in batches]
    assert all(b.dtype == np.int64 for b in batches)
    assert not n or (max(lengths) <= size and max(lengths) - min(lengths) <= 1 and len(batches) == math.ceil(n / size))


@settings(deadline=None)
@given(st.lists(st.integers(-1, 6), max_size=80), st.integers(1, 8), st.integers(1, 24), st.integers(0, 3))
def test_balanced_batches_show_every_row_and_keep_their_size(classes, each, size, epoch):
    classes = np.array(classes, np.int64)
    rows = np.arange(len(classes)) + 100
    batches = balanced_batches(rows, classes, each, size, 7, epoch)
    counts = Counter(np.concatenate([*batches, []]).astype(int).tolist())
    assert set(counts) == set(rows[classes >= 0].tolist())
    assert sum(counts.values()) <= 2 * (classes >= 0).sum()
    assert all(1 <= len(batch) <= size for batch in batches)
    of = dict(zip(rows.tolist(), classes.tolist(), strict=True))
    seen = Counter(of[row] for row in counts.elements())
    sizes = Counter(of.values())
    for a in seen:
        for b in seen:
            if sizes[a] >= sizes[b]:  # the larger class is never shown relatively more often
                assert seen[a] / sizes[a] <= seen[b] / sizes[b] * (1 + 2 * max(each, 2) / sizes[b])


def test_batches_are_of_many_classes_with_their_own_kind_beside_each_row():
    classes = np.repeat(np.arange(40), 10)
    batches = balanced_batches(np.arange(400), classes, 4, 32, 7, 0)
    for batch in batches:
        counts = Counter(classes[batch].tolist())
        assert min(counts.values()) >= 2
        assert len(batch) == len(set(batch.tolist()))
        assert len(counts) >= len(batch) / 4
    assert max(max(Counter(classes[b].tolist()).values()) for b in batches) <= 4


def test_a_large_class_does_not_drown_small_ones():
    classes = np.concatenate([np.zeros(900, np.int64), np.repeat(np.arange(1, 26), 4)])
    batches = balanced_batches(np.arange(1000), classes, 4, 40, 7, 0)
    seen = np.bincount(classes[np.concatenate(batches)])
    assert seen[0] == 900
    root = 1000 * 2 / (30 + 25 * 2)  # what a class of 4 is owed
    assert all(abs(count - root) <= 4 for count in seen[1:])


def test_a_class_of_one_comes_alone_and_an_odd_one_is_not_left_alone():
    classes = np.array([0, 1, 1, 1, 1, 1, 2, 2, 2])
    for epoch in range(5):
        for batch in balanced_batches(np.arange(9), classes, 4, 4, 7, epoch):
            counts = Counter(classes[batch].tolist())
            assert all(count >= 2 for label, count in counts.items() if label != 0)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(13, 30)), max_size=60, unique=True), st.integers(2, 20))
def test_every_pair_comes_once(pairs, size):
    pairs = np.array(pairs, np.int64).reshape(-1, 2)
    batches = pair_batches(pairs, size, 7, 1)
    assert all(b.ndim == 2 and b.shape[1] == 2 and 1 <= len(b) <= max(1, size // 2) for b in batches)
    assert sorted(tuple(sorted(p)) for b in batches for p in b.tolist()) == sorted(map(tuple, pairs.tolist()))


def test_no_row_is_twice_in_a_batch_of_pairs_but_where_all_share_one():
    draw = np.random.default_rng(3)
    pairs = np.unique(np.sort(draw.integers(0, 300, (500, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    batches = pair_batches(pairs, 64, 7, 0)
    alone = [len(set(b.ravel().tolist())) == b.size for b in batches]
    assert all(alone[:-2])
    assert len(batches) <= len(pairs) // 32 + 3
    both = {(a < b) for batch in batches for a, b in batch.tolist()}
    assert both == {True, False}  # either may be the anchor
    hub = np.stack([np.zeros(100, np.int64), np.arange(1, 101)], axis=1)
    assert len(pair_batches(hub, 20, 7, 0)) == 10


def test_hard_negatives_come_behind_the_batch_and_once():
    negatives = np.array([[5, 6], [5, -1], [-1, -1], [0, 1], [9, 9], [2, 3], [2, 3], [2, 3], [2, 3], [2, 3]])
    chosen = set()
    for epoch in range(30):
        (grown,) = with_negatives([np.array([0, 1, 2, 3])], negatives, 7, epoch)
        assert grown[:4].tolist() == [0, 1, 2, 3]
        extra = grown[4:].tolist()
        assert len(set(extra)) == len(extra)
        assert set(extra) <= {5, 6}
        assert 5 in extra
        chosen |= {tuple(extra)}
    assert chosen == {(5,), (5, 6)}


def test_batches_are_pure_functions_of_seed_and_epoch():
    rows, classes = np.arange(90), np.arange(90) % 7
    pairs = np.stack([np.arange(45), np.arange(45, 90)], axis=1)
    negatives = np.stack([(np.arange(90) + 1) % 90, (np.arange(90) + 40) % 90], axis=1)
    makers = [
        lambda seed, epoch: shuffled_batches(rows, 8, seed, epoch),
        lambda seed, epoch: balanced_batches(rows, classes, 4, 16, seed, epoch),
        lambda seed, epoch: pair_batches(pairs, 16, seed, epoch),
        lambda seed, epoch: with_negatives(shuffled_batches(rows, 8, 0, 0), negatives, seed, epoch),
    ]
    for make in makers:
        assert equal(make(1, 2), make(1, 2))
        assert not equal(make(1, 2), make(1, 3))
        assert not equal(make(1, 2), make(2, 2))


@given(st.integers(0, 30), st.integers(1, 5))
def test_shards_are_disjoint_and_equally_long(count, world):
    batches = [np.array([i]) for i in range(count)]
    if count < world:
        with pytest.raises(TrainingError, match=f"{count} batches"):
            shard(batches, 0, world)
        return
    shards = [[int(b[0]) for b in shard(batches, rank, world)] for rank in range(world)]
    assert len({len(s) for s in shards}) == 1
    flat = [row for own in shards for row in own]
    assert len(set(flat)) == len(flat) > count - world
