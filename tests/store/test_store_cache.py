import os
import signal
from pathlib import Path

import numpy as np
import pytest

from sosie.errors import StoreError
from sosie.store import VectorCache


def rows(count: int, dim: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)


def test_known_and_unknown_contents(tmp_path: Path) -> None:
    cache, vectors = VectorCache(tmp_path / "cache"), rows(3)
    found, got = cache.get("f", ["a", "b"], 8)
    assert (found.tolist(), got.shape, got.any()) == ([False, False], (2, 8), False)
    cache.put("f", ["a", "b", "羊毛\udc80"], vectors)
    found, got = VectorCache(tmp_path / "cache").get("f", ["羊毛\udc80", "c", "a"], 8)
    assert found.tolist() == [True, False, True]
    np.testing.assert_array_equal(got, np.stack([vectors[2], np.zeros(8), vectors[0]]))


def test_encoders_do_not_share_vectors(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache")
    cache.put("f", ["ga"], rows(1))
    assert not cache.get("fg", ["a"], 8)[0].any()
    assert not cache.get("g", ["ga"], 8)[0].any()
    assert not cache.get("f", ["ga"], 9)[0].any(), "a vector of another length is none"


def test_the_last_put_counts(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache")
    cache.put("f", ["a"], rows(1, seed=1))
    cache.put("f", ["a", "a"], rows(2, seed=2))
    np.testing.assert_array_equal(cache.get("f", ["a"], 8)[1], rows(2, seed=2)[1:])


def test_nothing_to_put(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "cache")
    cache.put("f", [], rows(0))
    assert cache.get("f", [], 8)[1].shape == (0, 8)


def test_it_stays_within_its_limit_and_keeps_the_newest(tmp_path: Path) -> None:
    limit = 600_000
    cache = VectorCache(tmp_path / "cache", limit)
    for start in range(0, 2_000, 100):
        cache.put("f", [str(i) for i in range(start, start + 100)], rows(100, 128))
    found, _ = cache.get("f", [str(i) for i in range(2_000)], 128)
    assert found[-500:].all()
    assert not found[:500].any()
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= limit
    assert cache.gc(100_000) <= 100_000
    assert sum(file.stat().st_size for file in (tmp_path / "cache").iterdir()) <= 100_000
    assert cache.get("f", ["1999"], 128)[0].all()
    cache.gc(0)
    assert not cache.get("f", ["1999"], 128)[0].any()


@pytest.mark.parametrize("damage", ["head", "middle", "cut", "empty"])
def test_a_damaged_cache_is_thrown_away(tmp_path: Path, damage: str) -> None:
    cache, names = VectorCache(tmp_path / "cache"), [str(i) for i in range(2_000)]
    vectors = rows(2_000, 64)
    cache.put("f", names, vectors)
    (file,) = (tmp_path / "cache").glob("vectors.sqlite")
    content = bytearray(file.read_bytes())
    if damage == "head":
        content[:100] = b"x" * 100
    elif damage == "middle":
        content[16_384:-16_384] = b"\xff" * (len(content) - 2 * 16_384)
    else:
        del content[len(content) // 2 if damage == "cut" else 0 :]
    file.write_bytes(bytes(content))
    found, got = cache.get("f", names, 64)
    np.testing.assert_array_equal(got[found], vectors[found])
    assert not found.all()
    cache.put("f", names, vectors)
    found, got = cache.get("f", names, 64)
    assert found.all()
    np.testing.assert_array_equal(got, vectors)


def test_a_killed_put_is_not_half_there(tmp_path: Path) -> None:
    cache, vectors = VectorCache(tmp_path / "cache"), rows(40)
    names = [str(i) for i in range(40)]
    cache.put("f", names[:20], vectors[:20])
    child = os.fork()
    if not child:

        class Deadly(list[str]):
            def __iter__(self):  # type: ignore[no-untyped-def]
                yield from names[20:30]
                os.kill(os.getpid(), signal.SIGKILL)

        cache.put("f", Deadly(names[20:]), vectors[20:])
    os.waitpid(child, 0)
    found, got = cache.get("f", names, 8)
    assert found.tolist() == [True] * 20 + [False] * 20
    np.testing.assert_array_equal(got[:20], vectors[:20])


def test_a_cache_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in its place")
    with pytest.raises(StoreError, match="could not keep vectors in its cache"):
        VectorCache(tmp_path / "cache").put("f", ["a"], rows(1))
