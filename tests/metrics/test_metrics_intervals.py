"""Intervals hold the truth as often as they say; p values against all permutations, scipy, and examples in print."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sosie.metrics import intervals
from sosie.metrics.intervals import EXACT, MANY, NORMAL, PERMUTATIONS, draws, holm, interval, paired, two_sample

SAMPLES = 300


def hits(p):
    return lambda generator, n: (generator.random(n) < p).astype(float)


def graded(zeros, ones):
    def draw(generator, n):
        kind = generator.random(n)
        return np.where(kind < zeros, 0, np.where(kind < zeros + ones, 1, generator.beta(2, 2, n)))

    return draw


def differing(worse, better):
    return lambda generator, n: generator.choice([-1.0, 0.0, 1.0], n, p=[worse, 1 - worse - better, better])


def held(draw, truth, n, *, unequal=False, low=0.0):
    """Share of simulated samples whose interval holds the truth."""
    generator = np.random.default_rng(11)
    found = 0
    for _ in range(SAMPLES):
        values, number = draw(generator, n), None
        if unequal:
            number = np.repeat(np.arange(n), generator.geometric(1 / 3, n))
            own = draw(generator, len(number))
            values = np.where(generator.random(len(number)) < 0.5, values[number], own)
        figure = interval(values, number, (low, 1.0))
        found += figure.low <= truth <= figure.high
    return found / SAMPLES


@pytest.mark.parametrize(
    ("draw", "truth", "n", "clusters", "low"),
    [
        pytest.param(hits(0.05), 0.05, 200, "of one", 0, id="hits, rare"),
        pytest.param(hits(0.9), 0.9, 100, "of one", 0, id="hits, common"),
        pytest.param(hits(0.5), 0.5, 50, "unequal", 0, id="hits of few users"),
        pytest.param(hits(0.95), 0.95, 300, "unequal", 0, id="hits of users, common"),
        pytest.param(graded(0.4, 0.2), 0.4, 50, "unequal", 0, id="graded"),
        pytest.param(graded(0.85, 0.05), 0.1, 200, "of one", 0, id="graded, mostly 0"),
        pytest.param(differing(0.1, 0.2), 0.1, 100, "of one", -1, id="differences"),
        pytest.param(differing(0.02, 0.04), 0.02, 5_000, "of one", -1, id="differences, without resampling"),
    ],
)
def test_an_interval_holds_the_truth_in_about_95_of_100_samples(draw, truth, n, clusters, low):
    assert 0.92 <= held(draw, truth, n, unequal=clusters == "unequal", low=low) <= 0.98


def test_rare_hits_are_held_where_percentiles_of_resamples_do_not_hold_them():
    generator = np.random.default_rng(3)
    samples = (generator.random((SAMPLES, 100)) < 0.02).astype(float)
    ours = [interval(values) for values in samples]
    percentiles = [
        np.quantile(values[np.random.default_rng(0).integers(0, 100, (2_000, 100))].mean(axis=1), [0.025, 0.975])
        for values in samples
    ]
    assert np.mean([one.low <= 0.02 <= one.high for one in ours]) >= 0.93
    assert np.mean([low <= 0.02 <= high for low, high in percentiles]) < 0.9


def test_of_many_hits_it_is_wilsons_interval():
    values = np.zeros(MANY + 1)
    values[:150] = 1
    low, high = stats.binomtest(150, MANY + 1).proportion_ci(method="wilson")
    figure = interval(values)
    assert (figure.low, figure.high) == pytest.approx((low, high), rel=1e-3)
    assert figure.value == pytest.approx(150 / (MANY + 1))


@pytest.mark.parametrize("n", [1, 20, 300])
def test_where_all_values_are_equal_it_is_clopper_and_pearsons(n):
    assert interval(np.zeros(n)).high == pytest.approx(stats.binomtest(0, n).proportion_ci(method="exact").high)
    assert interval(np.ones(n)).low == pytest.approx(stats.binomtest(n, n).proportion_ci(method="exact").low)
    assert (interval(np.zeros(n)).low, interval(np.ones(n)).high) == (0, 1)
    figure, p = paired(np.full(n, 0.3), np.full(n, 0.3))
    unseen = stats.binomtest(0, n).proportion_ci(method="exact").high
    assert (figure.value, figure.low, figure.high, p) == pytest.approx((0, -unseen, unseen, 1))


def test_of_values_without_bounds_it_is_students_interval_or_wider():
    values = np.random.default_rng(5).normal(8, 2, 400)
    figure, error = interval(values), stats.sem(values)
    low, high = stats.t.interval(0.95, 399, values.mean(), error)
    assert low - 0.1 * error < figure.low <= low + 1e-9
    assert high - 1e-9 <= figure.high < high + 0.1 * error
    moved = interval(values + 100)
    assert (moved.low - 100, moved.high - 100) == pytest.approx((figure.low, figure.high), abs=1e-4)
    few = np.array([0.1, 0.4, 0.3])
    assert interval(few, bounds=None).low == pytest.approx(interval(few + 5).low - 5, abs=1e-4)
    assert interval(few, bounds=None).low < 0 < interval(few).low
    many = np.random.default_rng(5).normal(8, 2, MANY + 1)
    assert (interval(many).low, interval(many).high) == pytest.approx(
        stats.t.interval(0.95, MANY, many.mean(), stats.sem(many)), abs=1e-4
    )


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([0, 0.25, 0.63, 1]), st.integers(0, 5)), min_size=1, max_size=30),
)
def test_it_holds_the_mean_keeps_to_the_bounds_and_mirrors(questions):
    values, clusters = (np.array(column) for column in zip(*questions, strict=True))
    figure, mirrored = interval(values, clusters), interval(1 - values, clusters)
    assert 0 <= figure.low <= figure.value + 1e-12
    assert figure.value - 1e-12 <= figure.high <= 1
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - figure.high, 1 - figure.low), abs=1e-5)
    assert figure.value == pytest.approx(values.mean())


@pytest.mark.parametrize("n", [60, MANY + 1])
def test_saying_everything_twice_makes_nothing_surer(n):
    values = np.random.default_rng(1).random(n)
    once, twice = interval(values), interval(np.repeat(values, 2), np.repeat(np.arange(n), 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-6)
    assert (once.n, twice.n) == (n, 2 * n)
    unclustered = interval(np.repeat(values, 2))
    assert unclustered.high - unclustered.low < 0.8 * (once.high - once.low)


def test_questions_without_a_value_are_left_out_with_their_clusters():
    values = np.array([0.2, np.nan, 0.9, 0.4, np.nan, 0.1])
    clusters = np.array([7, 8, 7, 9, 10, 9])
    there = ~np.isnan(values)
    assert interval(values, clusters) == interval(values[there], clusters[there])
    assert interval(values, clusters).n == 4
    nothing = interval([np.nan, np.nan])
    assert nothing.n == 0
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()


def test_the_same_values_have_the_same_interval():
    values = np.random.default_rng(2).random(150)
    first = interval(values)
    interval(values[:90])
    intervals._counts.cache_clear()
    assert interval(values) == first


def test_resamples_are_of_whole_clusters():
    clusters = np.array([3, 1, 3, 2, 1, 3])
    drawn = list(draws(6, clusters, 50))
    assert len(drawn) == 50
    for chosen in drawn:
        counts = np.bincount(chosen, minlength=6)
        assert counts[0] == counts[2] == counts[5]
        assert counts[1] == counts[4]
        assert counts[0] + counts[1] + counts[3] == 3
    assert all(np.array_equal(a, b) for a, b in zip(drawn, draws(6, clusters, 50), strict=True))
    assert all(len(chosen) == 6 and chosen.max() < 6 for chosen in draws(6, None, 5))


@pytest.mark.parametrize("seed", range(5))
def test_paired_p_is_that_of_all_choices_of_signs(seed):
    generator = np.random.default_rng(seed)
    n = int(generator.integers(3, EXACT + 1))
    a, b = generator.integers(0, 5, (2, n)) / 4
    difference = b - a
    sums = [abs(np.dot(signs, difference)) for signs in itertools.product([-1, 1], repeat=n)]
    p = paired(a, b)[1]
    assert p == pytest.approx(np.mean(np.array(sums) >= abs(difference.sum()) - 1e-9))
    by_scipy = stats.permutation_test(
        (difference,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert p == pytest.approx(by_scipy.pvalue)


def test_paired_p_of_more_is_near_that_of_all_and_never_0():
    generator = np.random.default_rng(4)
    a = generator.random(EXACT + 4)
    b = np.clip(a + generator.normal(0.1, 0.15, len(a)), 0, 1)
    exact = stats.permutation_test(
        (b - a,), lambda x, axis: x.sum(axis=axis), permutation_type="samples", n_resamples=np.inf, vectorized=True
    ).pvalue
    assert 0.02 < exact < 0.5
    assert paired(a, b)[1] == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / PERMUTATIONS))
    assert paired(np.zeros(100), np.ones(100))[1] == 1 / (PERMUTATIONS + 1)
    assert 0 < paired(np.zeros(NORMAL + 1), np.ones(NORMAL + 1))[1] < 1e-100


def test_paired_p_of_very_many_is_that_of_the_sign_test():
    n, better = 3 * NORMAL, NORMAL + 400
    a, b = np.zeros(n), np.zeros(n)
    b[:better], a[better : 2 * NORMAL + 200] = 1, 1
    exact = stats.binomtest(better, 2 * NORMAL + 200).pvalue
    assert 1e-5 < exact < 0.1
    assert paired(a, b)[1] == pytest.approx(exact, rel=0.05)


def test_paired_leaves_out_what_one_side_lacks_and_changes_signs_of_whole_clusters():
    a, b = np.array([0.1, 0.5, np.nan, 0.3]), np.array([0.4, np.nan, 0.2, 0.9])
    figure, p = paired(a, b)
    assert (figure.value, figure.n, p) == pytest.approx((0.45, 2, 0.5))
    generator = np.random.default_rng(8)
    first, second = generator.random((2, 9))
    once = paired(first, second)
    twice = paired(np.repeat(first, 2), np.repeat(second, 2), np.repeat(np.arange(9), 2))
    assert twice[1] == pytest.approx(once[1])
    assert (twice[0].low, twice[0].high) == pytest.approx((once[0].low, once[0].high), abs=1e-6)


@pytest.mark.parametrize("n", [10, 80])
def test_where_nothing_differs_p_is_below_5_percent_as_often(n):
    generator = np.random.default_rng(6)
    ps = [paired(*generator.random((2, n)))[1] for _ in range(SAMPLES)]
    assert 0.025 <= np.mean(np.array(ps) <= 0.05) <= 0.075
    assert 0.42 <= np.mean(np.array(ps) <= 0.5) <= 0.58


def test_two_sample_p_is_that_of_all_permutations():
    a, b = np.array([0.1, 0.9, 0.8, 0.7]), np.array([0.2, 0.1, 0.3, 0.4, 0.2, 0.6])
    both = np.append(a, b)
    means = [(both[list(some)].mean(), np.delete(both, some).mean()) for some in itertools.combinations(range(10), 4)]
    exact = np.mean([abs(one - other) >= a.mean() - b.mean() - 1e-9 for one, other in means])
    assert 0.02 < exact < 0.5
    for p in (two_sample(a, b), two_sample(b, a)):
        assert p == pytest.approx(exact, rel=0.25)
    twice = two_sample(np.repeat(a, 2), np.repeat(b, 2), np.repeat(np.arange(4), 2), np.repeat(np.arange(6), 2))
    assert twice == two_sample(a, b)
    assert two_sample(np.append(a, np.nan), b) == two_sample(a, b)


def test_two_sample_p_is_1_for_an_empty_set_and_never_0():
    assert two_sample([], [0.5, 0.1]) == two_sample([0.3], [np.nan]) == 1
    assert two_sample(np.zeros(200), np.ones(200)) == 1 / (PERMUTATIONS + 1)
    assert two_sample([0.5, 0.5], [0.5, 0.5, 0.5]) == 1
    assert 0 < two_sample(np.zeros(MANY + 1), np.ones(MANY + 1)) < 1e-100


def test_two_sample_p_of_many_is_that_of_a_t_test():
    generator = np.random.default_rng(9)
    a, b = generator.random(MANY + 100), generator.random(MANY + 900) + 0.02
    expected = stats.ttest_ind(a, b).pvalue
    assert 1e-4 < expected < 0.3
    assert two_sample(a, b) == pytest.approx(expected, rel=0.02)
    assert two_sample(b, a) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize(
    ("given_ps", "corrected"),
    [
        ([0.01, 0.02, 0.03, 0.04, 0.05], [0.05, 0.08, 0.09, 0.09, 0.09]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.6, 0.5], [1, 1]),
        ([0.2], [0.2]),
        ([], []),
    ],
)
def test_holm_as_in_print(given_ps, corrected):
    assert holm(given_ps).tolist() == pytest.approx(corrected)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.999))
def test_holm_refuses_what_stepping_down_refuses(ps, level):
    """Holm 1979: from the least on, until the first that is above level / (those that are left)."""
    refused = set()
    for step, at in enumerate(np.argsort(ps, kind="stable").tolist()):
        if ps[at] * (len(ps) - step) > level:
            break
        refused.add(at)
    corrected = holm(ps)
    assert set(np.flatnonzero(corrected <= level).tolist()) == refused
    assert (corrected >= np.array(ps) - 1e-15).all()
