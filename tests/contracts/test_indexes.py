"""One suite over every index of vectors."""

from pathlib import Path

import numpy as np
import pytest

from sosie.errors import StoreError
from sosie.index.codes import Codes
from sosie.index.exact import Exact
from sosie.index.graph import Graph
from sosie.types import Index

EXACT = (Exact,)
INDEXES = [Exact, Codes, Graph]


@pytest.fixture(scope="module")
def matrix() -> np.ndarray:
    """Unit rows near a space of few dimensions, as embeddings are."""
    generator = np.random.default_rng(5)
    rows = generator.standard_normal((2_000, 8)) @ generator.standard_normal((8, 48))
    rows += 0.2 * generator.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(params=INDEXES, ids=lambda kind: kind.__name__.lower(), scope="module")
def built(request: pytest.FixtureRequest, matrix: np.ndarray) -> Index:
    index: Index = request.param()
    index.build(matrix)
    return index


def brute_force(matrix: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(queries @ matrix.T), axis=1, kind="stable")[:, :k]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean([len(np.intersect1d(f, t)) / len(t) for f, t in zip(found, truth, strict=True)]))


def test_finds_the_best_among_three_times_as_many(built: Index, matrix: np.ndarray) -> None:
    queries = matrix[:100]
    found = built.search(queries, 30)
    assert found.rows.shape == found.scores.shape == (100, 30)
    assert found.rows.dtype == np.int64
    assert recall(found.rows, brute_force(matrix, queries, 10)) >= 0.97


def test_best_come_first_and_equal_scores_by_row(built: Index, matrix: np.ndarray) -> None:
    found = built.search(matrix[:20], 50)
    assert (np.diff(found.scores, axis=1) <= 0).all()
    same = np.diff(found.scores, axis=1) == 0
    assert (np.diff(found.rows, axis=1)[same] > 0).all()


def test_scores_are_about_the_inner_products(built: Index, matrix: np.ndarray) -> None:
    found = built.search(matrix[:20], 10)
    truth = np.einsum("qd,qkd->qk", matrix[:20], matrix[found.rows])
    assert np.abs(found.scores - truth).mean() < 0.05


@pytest.mark.parametrize("count", [1, 7, 100, 1_000])
def test_only_allowed_rows_are_found_and_all_that_are_wanted(built: Index, matrix: np.ndarray, count: int) -> None:
    allowed = np.sort(np.random.default_rng(count).choice(len(matrix), count, replace=False))
    found = built.search(matrix[:20], 30, allowed=allowed)
    used = found.rows >= 0
    assert np.isin(found.rows[used], allowed).all()
    assert (used.sum(axis=1) == min(count, 30)).all()
    truth = allowed[brute_force(matrix[allowed], matrix[:20], min(count, 10))]
    assert recall(found.rows, truth) >= 0.97


def test_unused_places_come_last_and_hold_nothing(built: Index, matrix: np.ndarray) -> None:
    found = built.search(matrix[:3], 12, allowed=np.array([4, 9, 1_500]))
    assert (found.rows[:, 3:] == -1).all()
    assert np.isneginf(found.scores[:, 3:]).all()
    assert (np.sort(found.rows[:, :3], axis=1) == [4, 9, 1_500]).all()


def test_nothing_allowed_and_nothing_asked(built: Index, matrix: np.ndarray) -> None:
    assert (built.search(matrix[:2], 5, allowed=np.empty(0, np.int64)).rows == -1).all()
    assert built.search(matrix[:0], 5).rows.shape == (0, 5)


def test_no_row_is_found_twice(built: Index, matrix: np.ndarray) -> None:
    rows = built.search(matrix[:30], 100).rows
    assert all(len(np.unique(row[row >= 0])) == (row >= 0).sum() for row in rows)


def test_saved_and_loaded_it_answers_the_same(built: Index, matrix: np.ndarray, tmp_path: Path) -> None:
    built.save(tmp_path / "index")
    again = type(built).load(tmp_path / "index")
    before, after = built.search(matrix[:50], 20), again.search(matrix[:50], 20)
    assert np.array_equal(before.rows, after.rows)
    assert np.array_equal(before.scores, after.scores)


def test_a_question_alone_is_answered_as_among_others(built: Index, matrix: np.ndarray) -> None:
    together = built.search(matrix[:10], 10).rows
    alone = np.vstack([built.search(matrix[i : i + 1], 10).rows for i in range(10)])
    assert np.array_equal(together, alone)


@pytest.mark.parametrize("kind", INDEXES, ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("size", [0, 1, 3])
def test_tiny_matrices(kind: type[Index], size: int, tmp_path: Path) -> None:
    rows = np.eye(8, dtype=np.float32)[:size]
    index = kind()
    index.build(rows)
    index.save(tmp_path / "index")
    found = kind.load(tmp_path / "index").search(np.eye(8, dtype=np.float32)[:2], 4)
    assert (np.sort(found.rows, axis=1)[:, 4 - size :] == np.arange(size)).all()
    assert (found.rows[:, size:] == -1).all()


@pytest.mark.parametrize("kind", INDEXES, ids=lambda kind: kind.__name__.lower())
@pytest.mark.parametrize("content", [b"", b"not an index", bytes(4096)])
def test_a_damaged_file_is_told(kind: type[Index], content: bytes, tmp_path: Path) -> None:
    (tmp_path / "index").write_bytes(content)
    with pytest.raises(StoreError, match="can't be opened"):
        kind.load(tmp_path / "index")


@pytest.mark.parametrize("kind", INDEXES, ids=lambda kind: kind.__name__.lower())
def test_a_missing_file_is_told(kind: type[Index], tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be opened"):
        kind.load(tmp_path / "nowhere")
