import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sosie.errors import QuestionError
from sosie.scoring import (
    LEAST_SIGMA,
    apply_scale,
    apply_scale_to,
    chosen_weights,
    combine,
    fit_scale,
    omegas,
    printed_parts,
)
from sosie.types import Scale


def unit(rows: np.ndarray) -> np.ndarray:
    rows = np.asarray(rows, np.float32)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)


def test_mean_is_of_rows_that_are_there_and_sigma_the_spread_of_random_pairs() -> None:
    generator = np.random.default_rng(1)
    rows = unit(generator.standard_normal((4_000, 64)) + 0.5)
    rows[::5] = 0
    scale = fit_scale(rows)
    there = rows[rows.any(axis=1)]
    assert np.allclose(scale.mean, there.mean(axis=0), atol=1e-6)
    centred = unit(there - there.mean(axis=0))
    products = (centred @ centred.T)[np.triu_indices(len(centred), 1)]
    assert scale.sigma == pytest.approx(np.sqrt(np.mean(products**2)), rel=0.03)


def test_centred_rows_are_unit_and_missing_rows_stay_zero() -> None:
    generator = np.random.default_rng(2)
    rows = unit(generator.standard_normal((300, 16)) + 1)
    rows[7] = 0
    final = apply_scale(rows, fit_scale(rows))
    assert np.allclose(np.linalg.norm(np.delete(final, 7, 0), axis=1), 1, atol=1e-6)
    assert not final[7].any()
    assert abs(np.delete(final, 7, 0).mean()) < abs(rows.mean()) / 5


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_rows_are_not_centred(count: int) -> None:
    rows = unit(np.random.default_rng(3).standard_normal((count, 8)))
    scale = fit_scale(rows)
    assert scale == Scale(scale.mean, 1.0)
    assert not scale.mean.any()
    assert np.allclose(apply_scale(rows, scale), rows)


@pytest.mark.parametrize("rows", [np.zeros((0, 4)), np.zeros((9, 4)), np.full((3, 4), np.nan)])
def test_nothing_to_fit_on(rows: np.ndarray) -> None:
    scale = fit_scale(rows.astype(np.float32))
    assert scale.sigma == 1
    assert not apply_scale(rows.astype(np.float32), scale).any()


def test_rows_that_have_nothing_in_common_keep_their_weight() -> None:
    assert fit_scale(np.eye(400, dtype=np.float32)).sigma == LEAST_SIGMA


def test_identical_rows_stay_and_do_not_outweigh_other_signals() -> None:
    rows = np.repeat(unit(np.array([[3.0, 4.0, 0.0]])), 10_000, axis=0)
    scale = fit_scale(rows)
    assert scale.sigma == 1
    assert np.allclose(apply_scale(rows, scale), rows, atol=1e-6)


def test_a_row_on_the_mean_keeps_its_direction() -> None:
    rows = unit(np.array([[1.0, 0.0], [0.0, 1.0]]))
    final = apply_scale(rows, Scale(rows[0].copy(), 0.2))
    assert np.allclose(final[0], [1, 0])
    assert np.allclose(final[1], np.array([-1, 1]) / np.sqrt(2))


RAW = st.sampled_from([0, 0.5, -1, 1, np.nan, np.inf])


@given(hnp.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 5)), elements=RAW))
def test_final_rows_are_unit_or_zero_whatever_comes_in(rows: np.ndarray) -> None:
    final = apply_scale(rows, fit_scale(rows))
    lengths = np.linalg.norm(final, axis=1)
    there = np.isfinite(rows).all(axis=1) & rows.any(axis=1)
    assert np.allclose(lengths[there], 1, atol=1e-5)
    assert not final[~there].any()


def test_one_vector_is_scaled_as_its_row_was() -> None:
    rows = unit(np.random.default_rng(4).standard_normal((50, 6)))
    scale = fit_scale(rows)
    assert np.array_equal(apply_scale_to(rows[3], scale), apply_scale(rows, scale)[3])


def test_weights_replace_the_ones_they_name() -> None:
    assert chosen_weights({"image": 1.0, "text": 0.5, "price": 0.2}, {"text": 2, "price": 0}) == {
        "image": 1.0,
        "text": 2.0,
    }
    assert chosen_weights({"image": 1.0}, None) == {"image": 1.0}


@pytest.mark.parametrize(
    ("given_weights", "said"),
    [
        ({"imag": 1.0}, "unknown signal 'imag'; this store has: image, text"),
        ({"image": -1.0}, "image=-1.0 is not usable"),
        ({"image": float("nan")}, "image=nan is not usable"),
        ({"image": float("inf")}, "image=inf is not usable"),
        ({"image": 0.0, "text": 0.0}, "every signal is switched off"),
    ],
)
def test_bad_weights_are_refused(given_weights: dict[str, float], said: str) -> None:
    with pytest.raises(QuestionError, match=said):
        chosen_weights({"image": 1.0, "text": 1.0}, given_weights)


def test_combine_is_the_formula_of_the_score() -> None:
    omega = omegas(
        {"a": 1.0, "b": 2.0, "c": 0.0},
        {"a": Scale(np.zeros(1, np.float32), 0.5), "b": Scale(np.zeros(1, np.float32), 0.1)},
    )
    assert omega == {"a": 2.0, "b": 20.0}
    parts = combine({"a": np.array([1, 0.5], np.float32), "b": np.array([1, 0], np.float32)}, omega)
    assert np.allclose(parts, [[2 / 22, 1 / 22], [20 / 22, 0]])
    assert parts[:, 0].sum() == pytest.approx(1)


@given(hnp.arrays(np.float32, st.tuples(st.integers(0, 6), st.integers(1, 9)), elements=st.floats(-1, 1, width=32)))
def test_printed_parts_add_up_to_the_printed_score(parts: np.ndarray) -> None:
    scores, printed = printed_parts(parts)
    assert scores.shape == parts.shape[:1]
    assert np.all(np.abs(printed - parts) <= 1e-4)
    for score, row, exact in zip(scores.tolist(), printed.tolist(), parts, strict=True):
        assert sum(int(f"{value:.4f}".replace(".", "")) for value in row) == int(f"{score:.4f}".replace(".", ""))
        assert score == pytest.approx(float(exact.astype(np.float64).sum()), abs=0.5001e-4)
        assert all(f"{value:.4f}" != "-0.0000" for value in [score, *row])


def test_a_projection_half_whitens_the_main_directions():
    generator = np.random.default_rng(3)
    spread = np.array([9.0, 4.0, 1.0, 0.01], np.float32)
    rows = (generator.standard_normal((5_000, 4)) * np.sqrt(spread) + 50).astype(np.float32)
    scale = fit_scale(rows, dim=2)
    assert scale.dim == 2
    assert scale.projection is not None
    projected = (rows - scale.mean) @ scale.projection
    # a variance v, whitened by v ** -1/4 on the direction, becomes v ** 1/2
    assert np.sort(projected.var(axis=0)) == pytest.approx([2.0, 3.0], rel=0.1)
    assert np.abs(np.corrcoef(projected.T)[0, 1]) < 0.01
    assert np.linalg.norm(apply_scale(rows, scale), axis=1) == pytest.approx(1.0, abs=1e-5)


def test_too_few_distinct_rows_are_not_projected():
    rows = np.random.default_rng(0).standard_normal((20, 8)).astype(np.float32)
    assert fit_scale(rows[:4].repeat(9, axis=0), dim=4).projection is None
    assert fit_scale(rows, dim=4).projection is not None
    assert fit_scale(rows, dim=8).projection is None


def test_a_missing_row_stays_missing_through_a_projection():
    rows = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32)
    scale = fit_scale(rows, dim=4)
    rows[7] = 0
    assert not apply_scale(rows, scale)[7].any()
