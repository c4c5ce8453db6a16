"""What bytes rule out is really worse: beside brute force."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.errors import StoreError
from sosie.index import bytes as module
from sosie.index.bytes import Bytes


def parts_of(seed: int, size: int, dims: tuple[int, ...]) -> list[np.ndarray]:
    """Unit rows whose dimensions differ in spread, some of them zeros."""
    generator = np.random.default_rng(seed)
    parts = []
    for dim in dims:
        rows = generator.standard_normal((size, dim)) * generator.random(dim)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        rows[generator.random(size) < 0.1] = 0
        parts.append(rows.astype(np.float32))
    return parts


def weighted(seed: int, parts: list[np.ndarray]) -> np.ndarray:
    """A row as a question, at random weights."""
    generator = np.random.default_rng(seed)
    weights = generator.dirichlet(np.ones(len(parts)))
    row = generator.integers(len(parts[0]))
    return np.concatenate([part[row] * w for part, w in zip(parts, weights, strict=True)]).astype(np.float32)


@pytest.mark.parametrize("dims", [(384,), (3,), (32,), (100, 28), (256, 384, 7, 1)], ids=str)
def test_no_other_row_exceeds_what_is_told(tmp_path: Path, dims: tuple[int, ...]) -> None:
    parts = parts_of(1, 3_000, dims)
    rounded = Bytes.build(parts, tmp_path / "bytes.npy")
    generator = np.random.default_rng(2)
    for seed in range(40):
        query = weighted(seed, parts)
        rows = np.sort(generator.choice(3_000, 1_000, replace=False))
        found, most = rounded.best(query, rows, 50)
        scores = np.hstack(parts)[rows].astype(np.float64) @ query
        assert len(set(found.tolist())) == 50
        assert np.delete(scores, found).max() <= most
        if query.any():
            assert most < np.sort(scores)[-50] + 0.05  # and that says something


def test_the_best_stand_above_all_others(tmp_path: Path) -> None:
    parts = parts_of(3, 3_000, (384, 256))
    rounded = Bytes.build(parts, tmp_path / "bytes.npy")
    query = np.concatenate([parts[0][5] * 0.7, parts[1][5] * 0.3])
    rows = np.arange(3_000)
    found, most = rounded.best(query, rows, 100)
    scores = np.hstack(parts) @ query
    proven = found[scores[found] > most]
    assert 5 in proven
    assert len(proven) >= 10
    assert set(proven.tolist()) == set(np.argsort(-scores)[: len(proven)].tolist())


def test_few_rows_are_all_of_them(tmp_path: Path) -> None:
    parts = parts_of(4, 50, (20,))
    rounded = Bytes.build(parts, tmp_path / "bytes.npy")
    found, most = rounded.best(parts[0][1], np.array([3, 8, 20]), 10)
    assert sorted(found.tolist()) == [0, 1, 2]
    assert most == -np.inf


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4), min_size=3, max_size=20),
    st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4),
)
def test_any_numbers(tmp_path_factory: pytest.TempPathFactory, rows: list[list[float]], query: list[float]) -> None:
    matrix, asked = np.array(rows, np.float32), np.array(query, np.float32)
    lengths = np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1)  # never longer than 1
    matrix = (matrix / lengths).astype(np.float32)
    rounded = Bytes.build([matrix], tmp_path_factory.mktemp("bytes") / "bytes.npy")
    found, most = rounded.best(asked, np.arange(len(matrix)), 2)
    assert np.delete(matrix.astype(np.float64) @ asked, found).max() <= most


def test_what_was_written_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(5, 1_000, (30, 40))
    whole = Bytes.build(parts, tmp_path / "whole.npy")
    monkeypatch.setattr(module, "BLOCK", 64)
    in_blocks = Bytes.build(parts, tmp_path / "bytes.npy")
    again = Bytes.load(tmp_path / "bytes.npy", 1_000, in_blocks.dims, in_blocks.steps, in_blocks.errors)
    assert (again.steps, again.errors) == (whole.steps, whole.errors)
    np.testing.assert_array_equal(again.codes, whole.codes)


def test_threads_and_stores_do_not_meet(tmp_path: Path) -> None:
    stores = []
    for at, dims in enumerate([(384,), (64, 20)]):
        parts = parts_of(at, 2_000, dims)
        stores.append((parts, Bytes.build(parts, tmp_path / f"{at}.npy")))

    def ask(seed: int) -> bool:
        parts, rounded = stores[seed % 2]
        query = weighted(seed, parts)
        rows = np.sort(np.random.default_rng(seed).choice(2_000, 200 + 7 * seed, replace=False))
        found, most = rounded.best(query, rows, 30)
        return bool(np.delete(np.hstack(parts)[rows] @ query, found).max() <= most)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(100)))


@pytest.mark.parametrize("content", [None, b"", b"no array", (4, 8), (3, 64)])
def test_damage_is_told(tmp_path: Path, content: bytes | tuple[int, int] | None) -> None:
    file = tmp_path / "bytes.npy"
    if isinstance(content, tuple):
        np.save(file, np.zeros(content, np.uint8))
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreError, match=r"bytes\.npy"):
        Bytes.load(file, 4, (9,), (0.1,), (0.1,))
