import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from fake_snapshot import FakeSnapshot

from sosie.config import Config, IndexSettings
from sosie.engine import candidates as module
from sosie.engine import indexing
from sosie.engine.candidates import Candidates, Sought
from sosie.engine.indexing import build_candidates
from sosie.engine.later import Later
from sosie.errors import StoreError
from sosie.types import Product


def unit(seed: int, size: int, dim: int, inner: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((size, inner)) @ generator.standard_normal((inner, dim))
    rows += 0.3 * generator.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def opened(
    folder: Path, raw: dict[str, np.ndarray], codes_from: int = 100, graph_from: int = 10**9, **more: object
) -> Candidates:
    size = len(next(iter(raw.values())))
    config = Config(index=IndexSettings(codes_from=codes_from, graph_from=graph_from))
    return Candidates.open(FakeSnapshot(folder, [Product(f"p{i:05}") for i in range(size)], raw, config=config, **more))


def exact_top(candidates: Candidates, sought: Sought, allowed: np.ndarray, k: int = 10) -> np.ndarray:
    scores = sum(s * (candidates.generation.matrices[n] @ sought.vectors[n]) for n, s in sought.shares.items())
    rows = np.flatnonzero(allowed)
    return rows[np.argsort(-scores[rows])[:k]]


def found_top(candidates: Candidates, sought: Sought, allowed: np.ndarray | None, k: int = 10) -> np.ndarray:
    rows, scores = next(candidates.find(sought, allowed, k))
    return rows[np.argsort(-scores)[:k]]


def asked(candidates: Candidates, row: int, shares: dict[str, float]) -> Sought:
    return Sought({signal: candidates.vector(signal, row) for signal in shares}, shares, row=row)


def random_filter(
    generator: np.random.Generator, candidates: Candidates, row: int, share: float, kind: str
) -> np.ndarray:
    size = candidates.snapshot.size
    if kind == "random":
        return generator.random(size) < share
    likeness = candidates.generation.matrices["a"] @ candidates.vector("a", row)
    edge = np.quantile(likeness, 1 - share if kind == "near" else share)
    return likeness >= edge if kind == "near" else likeness <= edge


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Candidates:
    raw = {"a": unit(1, 12_000, 64, 12), "b": unit(2, 12_000, 48, 10), "c": unit(3, 12_000, 24, 6)}
    return opened(tmp_path_factory.mktemp("three"), raw)


@pytest.mark.parametrize("kind", ["random", "near", "far"])
@pytest.mark.parametrize("share", [1.0, 0.5, 0.1, 0.01, 0.001])
def test_recall_at_random_weights_and_filters(
    three: Candidates, share: float, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EXACT_ROWS", 300)  # so that this small catalogue takes the roads of a large one
    generator = np.random.default_rng(int(share * 1000))
    found = []
    for row in generator.choice(12_000, 25, replace=False).tolist():
        shares = dict(zip("abc", generator.dirichlet([0.5] * 3).tolist(), strict=True))
        allowed = None if share == 1 else random_filter(generator, three, row, share, kind)
        sought = asked(three, row, shares)
        truth = exact_top(three, sought, np.ones(12_000, bool) if allowed is None else allowed)
        found.append(len(np.intersect1d(found_top(three, sought, allowed), truth)) / max(len(truth), 1))
    assert np.mean(found) >= 0.95
    if share <= 0.02:
        assert min(found) == 1.0


def test_a_graph_serves_one_signal_and_default_weights_only(tmp_path: Path) -> None:
    candidates = opened(tmp_path, {"a": unit(1, 3_000, 32, 8), "b": unit(2, 3_000, 16, 5)}, graph_from=1_000)
    assert candidates.generation.graph is not None
    factors = candidates.generation.graph_factors
    default = {signal: factor**2 for signal, factor in factors.items()}
    assert sum(default.values()) == pytest.approx(1)
    assert candidates._graph_for(asked(candidates, 5, default)) is candidates.generation.graph
    beside = {signal: 0.6 * share for signal, share in default.items()}  # the rest is that of what is only compared
    assert candidates._graph_for(asked(candidates, 5, beside)) is candidates.generation.graph
    assert candidates._graph_for(asked(candidates, 5, {"a": 0.9, "b": 0.1})) is None
    assert candidates._graph_for(asked(candidates, 5, {"a": 1.0})) is None
    found = [
        len(np.intersect1d(found_top(candidates, s, None), exact_top(candidates, s, np.ones(3_000, bool)))) / 10
        for s in (asked(candidates, row, default) for row in range(0, 3_000, 60))
    ]
    assert np.mean(found) >= 0.95


def test_a_walk_that_goes_astray_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidates = opened(tmp_path, {"a": unit(1, 3_000, 32, 8)}, graph_from=1_000)
    elsewhere = np.arange(1_000, 1_040), np.zeros(40, np.float32)
    monkeypatch.setattr(type(candidates.generation.graph), "nearest", lambda self, query, k: elsewhere)
    sought = asked(candidates, 5, {"a": 1.0})
    assert np.array_equal(found_top(candidates, sought, None), exact_top(candidates, sought, np.ones(3_000, bool)))


def test_a_graph_that_misses_too_much_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "GRAPH_RECALL", 1.01)
    candidates = opened(tmp_path, {"a": unit(1, 2_000, 32, 8)}, graph_from=1_000)
    assert candidates.generation.graph is None
    assert not (tmp_path / "graph.faiss").exists()


def test_vectors_without_structure_get_finer_codes(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).standard_normal((6_000, 128)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    structured = opened(tmp_path / "structured", {"a": unit(1, 6_000, 128, 8)})
    hard = opened(tmp_path / "noise", {"a": noise})
    assert structured.generation.codes is not None
    assert hard.generation.codes is not None
    assert hard.generation.codes.share < structured.generation.codes.share
    found = [
        len(np.intersect1d(found_top(hard, s, None), exact_top(hard, s, np.ones(6_000, bool)))) / 10
        for s in (asked(hard, row, {"a": 1.0}) for row in range(0, 6_000, 200))
    ]
    assert np.mean(found) >= 0.95


def test_ties_are_no_reason_for_finer_codes(tmp_path: Path) -> None:
    few = np.eye(16, dtype=np.float32)[np.arange(3_000) % 12]
    candidates = opened(tmp_path, {"a": unit(1, 3_000, 256, 8), "b": few})
    assert candidates.generation.codes is not None
    assert candidates.generation.codes.share == 8
    rows, scores = next(candidates.find(asked(candidates, 5, {"b": 1.0}), None, 10))
    assert np.sort(scores)[-10:].tolist() == pytest.approx([1.0] * 10, abs=1e-5)
    assert len(rows) < 3_000


def test_many_dimensions_get_no_graph(tmp_path: Path) -> None:
    wide = {"a": unit(1, 1_100, indexing.GRAPH_DIMS + 1, 8)}
    assert opened(tmp_path, wide, graph_from=1_000).generation.graph is None


def test_equal_and_empty_rows_stand_once_in_the_index(tmp_path: Path) -> None:
    rows = unit(1, 600, 16, 5)
    rows[100:200] = rows[100]
    rows[300:350] = 0
    candidates = opened(tmp_path, {"a": rows})
    generation = candidates.generation
    assert generation.codes is not None
    assert generation.codes.index.ntotal == 600 - 99 - 50
    lists = [generation.members[a:b].tolist() for a, b in zip(generation.starts, generation.starts[1:], strict=False)]
    assert list(range(100, 200)) in lists
    assert sorted(generation.members.tolist()) == [row for row in range(600) if not 300 <= row < 350]


def test_rows_that_differ_in_one_signal_are_two(tmp_path: Path) -> None:
    a, b = unit(1, 400, 16, 5), unit(2, 400, 16, 5)
    a[10:20], b[10:20] = a[10], b[10]
    b[15] = -b[15]
    candidates = opened(tmp_path, {"a": a, "b": b})
    lists = np.diff(candidates.generation.starts)
    assert sorted(lists[lists > 1].tolist()) == [9]


def test_waves_widen_until_they_hold_every_living_row(three: Candidates) -> None:
    sought = asked(three, 5, {"a": 0.5, "b": 0.3, "c": 0.2})
    waves = [rows for rows, _ in three.find(sought, None, 5)]
    assert [len(np.unique(rows)) for rows in waves] == [len(rows) for rows in waves]
    assert all(len(a) < len(b) for a, b in pairwise(waves))
    assert len(waves[-1]) == 12_000
    assert len(waves) >= 3


@pytest.mark.parametrize("base", [12_000, 11_700])
def test_rows_that_bytes_rule_out_are_worse(tmp_path: Path, base: int) -> None:
    raw = {"a": unit(1, 12_000, 64, 12), "b": unit(2, 12_000, 48, 10)}
    candidates = opened(tmp_path, raw, base=base)
    generator = np.random.default_rng(8)
    for row in generator.choice(12_000, 30, replace=False).tolist():
        share = float(generator.random())
        sought = asked(candidates, row, {"a": share, "b": 1 - share})
        allowed = generator.random(12_000) < 0.2
        (rows, scores), (every, exact) = list(candidates.find(sought, allowed, 10))  # type: ignore[misc]
        assert every.tolist() == np.flatnonzero(allowed).tolist()
        assert 10 <= len(rows) < 300
        best = every[np.argsort(-exact, kind="stable")]
        assert sorted(best[: len(rows)].tolist()) == sorted(rows.tolist())
        np.testing.assert_allclose(np.sort(scores), np.sort(exact)[-len(rows) :], atol=1e-6)


def test_rows_that_tie_are_not_ruled_out(tmp_path: Path) -> None:
    rows = unit(1, 3_000, 32, 8)
    rows[500:2_000] = rows[500]
    candidates = opened(tmp_path, {"a": rows})
    allowed = np.arange(3_000) < 2_500
    waves = list(candidates.find(asked(candidates, 600, {"a": 1.0}), allowed, 10))
    assert [len(wave) for wave, _ in waves] == [2_500]


def test_a_store_without_bytes_answers_the_same(tmp_path: Path) -> None:
    candidates = opened(tmp_path, {"a": unit(1, 3_000, 32, 8)})
    sought, allowed = asked(candidates, 7, {"a": 1.0}), np.arange(3_000) % 2 == 0
    top = found_top(candidates, sought, allowed)
    module._opened.cache_clear()
    module._open_generation.cache_clear()
    about = json.loads((tmp_path / "candidates.json").read_text())
    del about["bytes"], about["dims"]
    (tmp_path / "candidates.json").write_text(json.dumps(about))
    (tmp_path / "bytes.npy").unlink()
    assert found_top(Candidates.open(candidates.snapshot), sought, allowed).tolist() == top.tolist()


def test_scores_are_exact(three: Candidates) -> None:
    sought = asked(three, 5, {"a": 0.5, "b": 0.3, "c": 0.2})
    rows, scores = next(three.find(sought, None, 5))
    expected = sum(s * (three.generation.matrices[n][rows] @ sought.vectors[n]) for n, s in sought.shares.items())
    assert np.allclose(scores, expected, atol=1e-5)
    assert scores.max() == pytest.approx(1, abs=1e-5)


def test_a_folder_written_anew_is_opened_anew(tmp_path: Path) -> None:
    first = opened(tmp_path, {"a": unit(1, 300, 16, 5)})
    second = opened(tmp_path, {"a": unit(1, 200, 16, 5)})
    assert (first.generation.codes.index.ntotal, second.generation.codes.index.ntotal) == (300, 200)  # type: ignore[union-attr]
    assert Candidates.open(second.snapshot) is second


@pytest.mark.parametrize(
    "name", ["candidates.json", "members.npy", "starts.npy", "codes.bin", "bytes.npy", "graph.faiss"]
)
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_damage_is_told(tmp_path: Path, name: str, content: bytes | None) -> None:
    fake = opened(tmp_path, {"a": unit(1, 600, 16, 5)}, graph_from=100).snapshot
    module._opened.cache_clear()
    module._open_generation.cache_clear()
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(StoreError, match="build the store again"):
        Candidates.open(fake)


def test_a_catalogue_without_signals(tmp_path: Path) -> None:
    build_candidates(tmp_path, {}, {}, IndexSettings())
    assert (tmp_path / "candidates.json").exists()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Candidates:
    """Four thousand rows written since the generation, and two thousand of all gone."""
    raw = {"a": unit(1, 12_000, 64, 12), "b": unit(2, 12_000, 48, 10), "c": unit(3, 12_000, 24, 6)}
    found = opened(tmp_path_factory.mktemp("later"), raw, base=8_000)
    found.snapshot.alive[np.random.default_rng(0).choice(12_000, 2_000, replace=False)] = False
    return found


class TestLater:
    """Thousands of rows written since the generation."""

    def test_they_are_found_as_the_others_are(self, many: Candidates) -> None:
        snapshot = many.snapshot
        generator = np.random.default_rng(4)
        found, looked = [], []
        for row in generator.choice(np.flatnonzero(snapshot.alive), 60, replace=False).tolist():
            shares = dict(zip("abc", generator.dirichlet([1.0] * 3).tolist(), strict=True))
            sought = asked(many, row, shares)
            scores = sum(s * (snapshot.final[n] @ sought.vectors[n]) for n, s in shares.items())
            truth = np.argsort(np.where(snapshot.alive, -scores, np.inf))[:10]
            rows, exact = next(many.find(sought, None, 10))
            np.testing.assert_allclose(exact, scores[rows], atol=1e-5)
            assert snapshot.alive[rows].all()
            assert len(np.unique(rows)) == len(rows)
            looked.append(np.count_nonzero(rows >= snapshot.base))
            found.append(len(np.intersect1d(rows[np.argsort(-exact)[:10]], truth)) / 10)
        assert np.mean(found) > 0.98
        assert max(looked) < 500 < np.count_nonzero(snapshot.alive[8_000:])  # found, not all scored

    def test_rows_that_an_earlier_state_lacks_are_not_among_its_answers(self, many: Candidates) -> None:
        query = np.concatenate([many.vector(signal, 9_000) for signal in "abc"])
        alive = many.snapshot.alive[8_000:]
        every = many.later.nearest(query, many.delta, alive, 200)
        assert every.max() > 2_000
        few = {signal: matrix[:2_000] for signal, matrix in many.delta.items()}
        assert set(many.later.nearest(query, few, alive[:2_000], 200).tolist()) <= set(range(2_000))

    def test_a_snapshot_that_grew_finds_what_came(self, many: Candidates) -> None:
        growing = Later(many.generation.codes, ("a", "b", "c"))
        query = np.concatenate([many.vector(signal, 11_990) for signal in "abc"])
        found = [
            growing.nearest(query, {s: m[:size] for s, m in many.delta.items()}, np.ones(size, bool), 20).tolist()
            for size in (600, 3_000, 4_000)
        ]
        assert 3_990 in found[2]
        assert all(row < 3_000 for row in found[0] + found[1])


@pytest.mark.parametrize("most", [1, 5, 40, 1_000])
def test_the_rows_that_hold_the_most_of_the_words(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WORD_ROWS", most)
    generator = np.random.default_rng(most)
    for steps in (3, 50, 10**6):
        words = np.round(generator.random(300, np.float32) * steps) / np.float32(steps)
        words[generator.random(300) < 0.4] = 0
        rows = module._by_words(words)
        order = np.argsort(-words, kind="stable")[: min(most, np.count_nonzero(words))]
        assert rows.tolist() == sorted(order.tolist())
    assert module._by_words(np.zeros(9, np.float32)).tolist() == []
