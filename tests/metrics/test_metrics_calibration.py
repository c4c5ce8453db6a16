"""Calibration against the reference library, against curves that are known, and against what no curve may do."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from sosie.metrics import calibration as module
from sosie.metrics.calibration import CLIP, Calibration, apply, fit, held_out, spoken


def simulated(curve, size=6_000, seed=1):
    """Scores, and for each whether its pair is alike: as often as the curve says."""
    generator = np.random.default_rng(seed)
    scores = generator.uniform(-0.2, 0.9, size)
    return scores, generator.random(size) < curve(scores)


def only(method, monkeypatch):
    monkeypatch.setattr(module, "METHODS", (method,))


def soft_logistic(features, alike, asked):
    """scikit-learn's logistic regression without a penalty, Platt's targets as weights of two copies of each pair."""
    ones, nones = alike.sum(), (~alike).sum()
    targets = np.where(alike, (ones + 1) / (ones + 2), 1 / (nones + 2))
    model = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000)
    both = np.concatenate([np.ones(len(alike)), np.zeros(len(alike))])
    model.fit(np.vstack([features, features]), both, np.concatenate([targets, 1 - targets]))
    return model.predict_proba(asked)[:, 1]


def logs(scores):
    share = np.clip((1 + scores) / 2, CLIP, 1 - CLIP)
    return np.stack([np.log(share), -np.log(1 - share)], axis=1)


@pytest.mark.parametrize("method", ["platt", "beta"])
def test_the_curves_are_those_of_the_reference_library(method, monkeypatch):
    only(method, monkeypatch)
    scores, alike = simulated(lambda s: expit(6 * s - 2), 800)
    asked = np.linspace(scores.min(), scores.max(), 50)
    features = logs if method == "beta" else (lambda s: s[:, None])
    expected = soft_logistic(features(scores), alike, features(asked))
    assert np.allclose(apply(fit(scores, alike), asked), expected, atol=2e-3)


def test_isotonic_is_that_of_the_reference_library_with_a_contrary_pair_at_either_end(monkeypatch):
    only("isotonic", monkeypatch)
    scores, alike = simulated(lambda s: expit(6 * s - 2), 500)
    scores = np.round(scores, 2)  # ties
    more = np.append(scores, [scores.min(), scores.max()])
    reference = IsotonicRegression(out_of_bounds="clip").fit(more, np.append(alike, [True, False]))
    asked = np.linspace(-1, 1, 301)
    assert np.allclose(apply(fit(scores, alike), asked), reference.predict(asked), atol=1e-9)


@pytest.mark.parametrize(
    "curve",
    [lambda s: expit(8 * s - 3), lambda s: np.where(s > 0.4, 0.8, 0.1), lambda s: np.full_like(s, 0.3)],
    ids=["logistic", "step", "flat"],
)
def test_the_chosen_curve_is_near_the_true_one(curve):
    scores, alike = simulated(curve, 20_000)
    asked = np.setdiff1d(np.linspace(-0.15, 0.85, 101), np.linspace(0.38, 0.42, 5))
    asked = asked[np.abs(asked - 0.4) > 0.01]
    assert np.abs(apply(fit(scores, alike), asked) - curve(asked)).max() < 0.06


def test_a_step_is_left_to_the_isotonic_curve_and_a_slope_is_not():
    assert fit(*simulated(lambda s: np.where(s > 0.4, 0.9, 0.05))).method == "isotonic"
    slope = fit(*simulated(lambda s: expit(6 * s - 2), 400))
    assert slope.method in {"platt", "beta"}
    assert slope.losses[slope.method] == min(slope.losses.values())


def test_what_is_stated_of_held_out_pairs_comes_true():
    scores, alike = simulated(lambda s: expit(7 * s - 3), 20_000)
    stated = held_out(scores, alike)
    for low in np.arange(0.1, 0.9, 0.1):
        some = (stated >= low) & (stated < low + 0.1)
        assert abs(stated[some].mean() - alike[some].mean()) < 0.05


def test_pairs_of_one_cluster_are_held_out_together():
    generator = np.random.default_rng(2)
    clusters = np.repeat(np.arange(60), 40)
    scores, alike = generator.random(60)[clusters], (generator.random(60) < 0.5)[clusters]  # a score tells nothing
    assert fit(scores, alike, clusters=clusters).losses["isotonic"] > np.log(2) - 0.05
    assert fit(scores, alike).losses["isotonic"] < fit(scores, alike, clusters=clusters).losses["isotonic"] - 0.05
    few = fit(scores, alike, clusters=np.zeros(len(scores)))  # one cluster can't be held out whole
    assert few.losses == fit(scores, alike).losses


def test_a_score_that_tells_nothing_gets_the_base_rate():
    scores, alike = simulated(lambda s: np.full_like(s, 0.2), 5_000)
    assert np.allclose(apply(fit(scores, alike), [-0.1, 0.3, 0.8]), 0.2, atol=0.05)


def test_unlike_pairs_with_the_higher_scores_give_no_falling_curve():
    scores, alike = simulated(lambda s: expit(-6 * s + 2))
    found = fit(scores, alike)
    assert np.ptp(found.likely) < 0.02
    assert abs(found.likely[0] - alike.mean()) < 0.02


def test_a_weight_counts_as_so_many_pairs(monkeypatch):
    scores, alike = simulated(lambda s: expit(6 * s - 2), 300)
    times = np.random.default_rng(3).integers(1, 4, 300)
    for method in ("platt", "beta"):
        only(method, monkeypatch)
        weighted, repeated = fit(scores, alike, times), fit(np.repeat(scores, times), np.repeat(alike, times))
        assert np.allclose(apply(weighted, scores), apply(repeated, scores), atol=0.01)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=2, max_size=60))
def test_a_curve_never_falls_and_is_never_certain(pairs):
    scores, alike = np.array([s for s, _ in pairs]), np.array([a for _, a in pairs])
    if alike.all() or not alike.any():
        with pytest.raises(ValueError, match="unlike"):
            fit(scores, alike)
        return
    found = fit(scores, alike)
    likely = apply(found, np.linspace(-1, 1, 400))
    assert (np.diff(likely) >= 0).all()
    assert 0 < likely[0] <= likely[-1] < 1
    again = Calibration.from_json(json.loads(json.dumps(found.as_json())))
    assert again == found


@pytest.mark.parametrize(
    "plain",
    [
        {"method": "platt", "scores": [0.0, 0.5], "likely": [0.6, 0.2], "losses": {}},
        {"method": "platt", "scores": [0.5, 0.5], "likely": [0.2, 0.6], "losses": {}},
        {"method": "magic", "scores": [0.0, 0.5], "likely": [0.2, 0.6], "losses": {}},
        {"method": "platt", "scores": [], "likely": [], "losses": {}},
        {"method": "platt", "scores": [0.0], "likely": [1.5], "losses": {}},
        {"method": "platt"},
    ],
)
def test_what_is_no_curve_is_refused(plain):
    with pytest.raises((KeyError, ValueError)):
        Calibration.from_json(plain)


@pytest.mark.parametrize("scores", [[0.1, np.nan], [0.1, np.inf]])
def test_scores_have_to_be_finite(scores):
    with pytest.raises(ValueError, match="finite"):
        fit(scores, [True, False])


@pytest.mark.parametrize(
    ("likely", "said"),
    [
        (0.83, "8 of 10"),
        (0.05, "5 of 100"),
        (0.06, "1 of 10"),
        (0.97, "97 of 100"),
        (1.0, "99 of 100"),
        (0.0, "1 of 100"),
    ],
)
def test_said_as_people_say_it(likely, said):
    assert spoken(likely) == said
