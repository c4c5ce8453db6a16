"""Products that users take together, against plain loops and hand-made histories."""

from collections import Counter
from math import log, sqrt

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sosie.train.together import ENOUGH, NEAR, PARTNERS, SURE, taken_together


def by_hand(events, size):
    """The same, said plainly."""
    counts = Counter()
    for user in sorted({user for user, _ in events}):
        own = list(dict.fromkeys(product for who, product in events if who == user))
        for at, one in enumerate(own):
            for other in own[at + 1 : at + 1 + NEAR]:
                counts[one, other] += 1
                counts[other, one] += 1
    taken = Counter()
    for (one, _), count in counts.items():
        taken[one] += count
    for deviations in SURE:
        pairs = set()
        for one in range(size):
            worth = {}
            for other in range(size):
                left = max(sum(taken.values()) - max(taken[one], taken[other]), 1)
                least = counts[one, other] - deviations * sqrt(counts[one, other])
                if least * left > taken[one] * taken[other] + 1e-9:
                    worth[other] = log(least * left / taken[one] / taken[other])
            best = sorted(worth, key=lambda other: (-round(worth[other], 9), other))[:PARTNERS]
            pairs |= {(min(one, other), max(one, other)) for other in best}
        if len({product for pair in pairs for product in pair}) >= ENOUGH * len({product for _, product in events}):
            break
    return sorted(pairs)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)), max_size=300))
def test_as_plain_loops_have_it(events):
    events = sorted(events, key=lambda event: event[0])
    users, products = np.array(events, np.int64).reshape(-1, 2).T
    assert taken_together(users, products, 9).tolist() == [list(pair) for pair in by_hand(events, 9)]


def histories(*taken):
    users = np.repeat(np.arange(len(taken)), [len(own) for own in taken])
    return users, np.concatenate([np.array(own) for own in taken])


def test_what_everybody_takes_is_alike_to_nothing():
    draw = np.random.default_rng(0)
    taken = [[0, *draw.permutation(np.arange(1, 6) + 5 * (user % 2))[:3]] for user in range(200)]
    users, products = histories(*taken)
    pairs = taken_together(users, products, 11)
    assert len(pairs)
    assert not (pairs == 0).any()
    assert ((pairs[:, 0] <= 5) == (pairs[:, 1] <= 5)).all()


def test_a_pair_seen_a_few_times_may_be_chance():
    sure = [[at, at + 1] for at in range(10, 60, 2) for _ in range(9)]
    for times, there in ((4, False), (5, True)):
        pairs = taken_together(*histories(*[[0, 1]] * times, *sure), 60)
        assert ([0, 1] in pairs.tolist()) == there
        assert len(pairs) == 25 + there


def test_where_hardly_any_is_sure_chance_is_borne_with():
    rare = [[at, at + 1] for at in range(0, 60, 2) for _ in range(2)]
    assert taken_together(*histories(*rare), 60).tolist() == [[at, at + 1] for at in range(0, 60, 2)]


def test_nobody_has_more_than_so_many_partners_of_its_own():
    taken = [[0, other] for other in range(1, 60) for _ in range(9)] + [
        [other, other + 60] for other in range(1, 60) for _ in range(20)
    ]
    pairs = taken_together(*histories(*taken), 120)
    assert Counter(pairs.ravel().tolist())[0] <= 59  # those of the others
    assert len(pairs) >= 59


def test_no_events():
    nothing = np.empty(0, np.int64)
    assert taken_together(nothing, nothing, 3).shape == (0, 2)
