import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sosie.index.codes import Codes
from sosie.index.exact import best, inner_products, inner_products_of_lists
from sosie.index.graph import Graph


def test_inner_products_of_some_rows() -> None:
    matrix = np.random.default_rng(0).standard_normal((500, 37)).astype(np.float32)
    query = matrix[3]
    rows = np.array([499, 0, 7, 7])
    assert np.allclose(inner_products(matrix, query, rows), matrix[rows] @ query, atol=1e-4)
    assert inner_products(matrix, query, rows[:0]).shape == (0,)


def test_inner_products_of_each_querys_own_rows() -> None:
    matrix = np.random.default_rng(0).standard_normal((50, 5)).astype(np.float32)
    rows = np.array([[1, 2, -1], [-1, -1, 49]])
    expected = np.where(rows < 0, 0, np.einsum("qd,qkd->qk", matrix[:2], matrix[rows]))
    assert np.allclose(inner_products_of_lists(matrix, matrix[:2], rows), expected, atol=1e-5)


@given(hnp.arrays(np.float32, st.integers(0, 40), elements=st.sampled_from([-1, 0, 0.5, 1])), st.integers(1, 50))
def test_best_are_the_first_of_a_stable_sort(scores: np.ndarray, k: int) -> None:
    assert best(scores, k).tolist() == sorted(range(len(scores)), key=lambda i: -scores[i])[:k]


def signals(rows: int) -> list[np.ndarray]:
    generator = np.random.default_rng(9)
    found = []
    for dim, inner in ((96, 10), (20, 5), (3, 2)):
        matrix = generator.standard_normal((rows, inner)) @ generator.standard_normal((inner, dim))
        found.append((matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float32))
    return found


def test_codes_of_several_signals_serve_any_weights() -> None:
    parts = signals(4_000)
    codes = Codes([part.shape[1] for part in parts])
    codes.build(np.hstack(parts))
    generator = np.random.default_rng(1)
    shares = 0
    for row in range(60):
        weights = generator.dirichlet([1, 1, 1]).astype(np.float32)
        query = np.concatenate([part[row] * weight for part, weight in zip(parts, weights, strict=True)])
        truth = np.argsort(-(np.hstack(parts) @ query))[:10]
        shares += len(np.intersect1d(codes.nearest(query, 100)[0], truth))
    assert shares / 600 >= 0.98


def test_calibration_finds_the_least_effort_that_is_enough() -> None:
    matrix = signals(3_000)[0]
    graph = Graph()
    graph.build(matrix)
    truth = np.argsort(-(matrix[:100] @ matrix.T), axis=1)[:, :10]

    def recall(found: np.ndarray) -> float:
        return float(np.mean([len(np.intersect1d(f, t)) / 10 for f, t in zip(found, truth, strict=True)]))

    assert graph.calibrate(matrix[:100], recall, 0.9) >= 0.9
    assert graph.effort == 16
    assert graph.calibrate(matrix[:100], lambda found: found.shape[1] / 100, 0.9) == 0.96
    assert graph.effort == 96
    assert graph.calibrate(matrix[:100], lambda found: 0.0, 0.9) == 0
    assert graph.effort == 256
