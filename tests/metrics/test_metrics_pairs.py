"""Measures of scored pairs against scikit-learn, and toys reckoned by hand."""

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn
from sklearn.calibration import calibration_curve

from sosie.errors import TruthError
from sosie.metrics.pairs import average_precision, best_threshold, brier, ece, f1, reliability, roc_auc

pairs = st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=2, max_size=60)


def columns(drawn, of=12):
    scores, alike = zip(*drawn, strict=True)
    return np.array(scores) / of, np.array(alike)


@settings(max_examples=150, deadline=None)
@given(pairs)
def test_ranked_measures_equal_scikit_learns_with_ties(drawn):
    scores, alike = columns(drawn)
    assume(alike.any() and not alike.all())
    assert roc_auc(scores, alike) == pytest.approx(sklearn.roc_auc_score(alike, scores), abs=1e-12)
    assert average_precision(scores, alike) == pytest.approx(sklearn.average_precision_score(alike, scores), abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(pairs, st.integers(-1, 13))
def test_f1_and_brier_equal_scikit_learns(drawn, threshold):
    scores, alike = columns(drawn)
    said = scores >= threshold / 12
    assert f1(scores, alike, threshold / 12) == pytest.approx(sklearn.f1_score(alike, said, zero_division=0), abs=1e-12)
    expected = sklearn.brier_score_loss(alike, scores, pos_label=True)
    assert brier(scores, alike) == pytest.approx(expected, abs=1e-12)


@settings(max_examples=150, deadline=None)
@given(pairs)
def test_no_threshold_has_a_better_f1_than_the_best(drawn):
    scores, alike = columns(drawn)
    assume(alike.any())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision, recall, _ = sklearn.precision_recall_curve(alike, scores)
    both = precision + recall
    most = np.divide(2 * precision * recall, both, out=np.zeros(len(both)), where=both > 0).max()
    assert f1(scores, alike, best_threshold(scores, alike)) == pytest.approx(most, abs=1e-12)


def test_the_best_threshold_lies_half_way_to_the_next_score():
    assert best_threshold([0.9, 0.8, 0.4, 0.1], [1, 1, 0, 0]) == pytest.approx(0.6)
    assert best_threshold([0.9, 0.5], [1, 1]) == pytest.approx(0.5)
    assert best_threshold([0.9, 0.5, 0.2], [0, 0, 0]) == pytest.approx(0.7)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 997), st.booleans()), min_size=2, max_size=80))
def test_reliability_and_ece_equal_scikit_learns_curve(drawn):
    stated, alike = columns(drawn, 997)
    found, told = calibration_curve(alike, stated, n_bins=10)
    bins = reliability(stated, alike)
    assert [one.found for one in bins] == pytest.approx(found.tolist(), abs=1e-12)
    assert [one.stated for one in bins] == pytest.approx(told.tolist(), abs=1e-12)
    assert sum(one.n for one in bins) == len(stated)
    weighted = sum(one.n * abs(one.found - one.stated) for one in bins) / len(stated)
    assert ece(stated, alike) == pytest.approx(weighted, abs=1e-12)


def test_calibration_reckoned_by_hand():
    stated, alike = [0.1, 0.15, 0.95, 1.0, 0.0], [0, 1, 1, 1, 0]
    bins = reliability(stated, alike)
    assert [one.low for one in bins] == pytest.approx([0, 0.1, 0.9])
    assert [one.high for one in bins] == pytest.approx([0.1, 0.2, 1])
    assert [one.n for one in bins] == [1, 2, 2]
    assert [one.stated for one in bins] == pytest.approx([0, 0.125, 0.975])
    assert [one.found for one in bins] == pytest.approx([0, 0.5, 1])
    assert ece(stated, alike) == pytest.approx((2 * 0.375 + 2 * 0.025) / 5)
    assert brier(stated, alike) == pytest.approx((0.1**2 + 0.85**2 + 0.05**2) / 5)


def test_one_kind_of_pairs_has_no_order_to_be_measured():
    assert np.isnan(roc_auc([0.1, 0.2], [1, 1]))
    assert np.isnan(roc_auc([0.1, 0.2], [0, 0]))
    assert np.isnan(average_precision([0.1, 0.2], [0, 0]))
    assert average_precision([0.1, 0.2], [1, 1]) == 1
    assert f1([0.1, 0.2], [0, 0], 0.5) == 0


@pytest.mark.parametrize("measure", [roc_auc, average_precision, best_threshold, brier, ece, reliability])
def test_scores_that_are_no_numbers_are_refused(measure):
    with pytest.raises(TruthError, match=r"2 of 4 scores of pairs are not numbers \(NaN\), the first of them number 2"):
        measure([0.3, float("nan"), 0.1, float("nan")], [1, 0, 1, 0])
    with pytest.raises(TruthError, match="not numbers"):
        f1([float("nan")], [1], 0.5)
