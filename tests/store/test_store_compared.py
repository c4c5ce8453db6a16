"""A signal that is only compared: bytes, through a generation, a delta and a new generation."""

from pathlib import Path

import numpy as np
import pytest

from sosie.config import Config
from sosie.store import LocalStore
from sosie.types import Product

DIMS, PRINTS = {"text": 2, "patches": 3}, {"text": "1", "patches": "1"}
FIRST = np.array([[1, -127, 0], [127, 5, -6]], np.int8)


def put(writer, *ids: str) -> None:
    writer.put([Product(id) for id in ids], np.arange(len(ids), dtype=np.uint64))


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    store = LocalStore.create(tmp_path / "store", Config())
    with store.write() as writer:
        put(writer, "a", "b")
        with writer.generation(DIMS, PRINTS, compared=["patches"]) as fresh:
            fresh.vectors("text")[:] = 0.5
            fresh.vectors("patches")[:] = FIRST
            fresh.describe("patches", weight=1.5)
    return store


def test_it_is_kept_as_bytes_and_not_searched(store: LocalStore) -> None:
    snapshot = LocalStore.open(store.folder).snapshot()
    assert snapshot.signals == ("text",)
    assert dict(snapshot.weights) == {"text": 1.0, "patches": 1.5}
    found = snapshot.vectors("patches", [1, 0])
    assert found.dtype == np.int8
    np.testing.assert_array_equal(found, FIRST[::-1])
    assert (store.folder / "gen-1" / "vectors-patches.npy").stat().st_size == 128 + FIRST.size


def test_it_goes_through_a_delta_and_a_new_generation(store: LocalStore) -> None:
    late = np.array([[-1, -2, 100]], np.int8)
    with store.write() as writer:
        put(writer, "c")
        writer.commit_delta({"text": np.ones((1, 2), np.float32), "patches": late})
    snapshot = LocalStore.open(store.folder).snapshot()
    assert (snapshot.base, snapshot.size) == (2, 3)
    expected = np.concatenate([FIRST, late])
    np.testing.assert_array_equal(snapshot.vectors("patches", [0, 1, 2]), expected)
    with store.write() as writer, writer.generation(DIMS, PRINTS, compared=["patches"]) as fresh:
        assert len(fresh.todo("patches")) == 0
    snapshot = LocalStore.open(store.folder).snapshot()
    assert snapshot.base == 3
    assert snapshot.vectors("patches", [0]).dtype == np.int8
    np.testing.assert_array_equal(snapshot.vectors("patches", [0, 1, 2]), expected)


def test_a_commit_without_it_lacks_it(store: LocalStore) -> None:
    with store.write() as writer:
        put(writer, "c")
        writer.commit_delta({"text": np.ones((1, 2), np.float32)})
    found = LocalStore.open(store.folder).snapshot().vectors("patches", [2])
    assert found.dtype == np.int8
    assert not found.any()
