from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fake_snapshot import INDEXED, FakeSnapshot
from scipy import sparse

from sosie.config import Config
from sosie.engine import matrix as matrix_module
from sosie.engine import nearest as nearest_module
from sosie.engine.matrix import write_matrix
from sosie.engine.neighbours import write_neighbours
from sosie.engine.questions import answer
from sosie.errors import QuestionError
from sosie.scoring import omegas
from sosie.types import Product, Query

SIZE, BASE = 900, 820


def raw(seed: int, dim: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((SIZE, 6)) @ generator.standard_normal((6, dim))
    rows += 0.3 * generator.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def filled(folder: Path, config: Config | None, signals: tuple[str, ...] = ("a", "b")) -> FakeSnapshot:
    vectors = {"a": raw(1, 32), "b": raw(2, 24)}
    vectors["b"][::6] = 0
    for matrix in vectors.values():
        matrix[100:130] = matrix[101]
        matrix[200:203] = 0
    products = [Product(f"p{(row * 7) % SIZE:03}", group=f"g{row // 2}" if row < 300 else "") for row in range(SIZE)]
    fake = FakeSnapshot(folder, products, {s: vectors[s] for s in signals}, base=BASE, config=config)
    fake.alive[np.random.default_rng(3).choice(SIZE, 80, replace=False)] = False
    fake.alive[[200, 201, 202]] = True
    return fake


@pytest.fixture(params=["scanned", "graph", "codes"])
def snapshot(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSnapshot:
    monkeypatch.setattr(nearest_module, "BLOCK", 64)
    monkeypatch.setattr(nearest_module, "EXACT_UP_TO", 0)
    if request.param == "graph":
        monkeypatch.setattr(nearest_module, "CLUSTER_SAMPLE", 300)
        monkeypatch.setattr(nearest_module, "CLUSTERS", 4)
    fake = filled(tmp_path / "gen", None if request.param == "scanned" else INDEXED)
    if request.param == "codes":
        monkeypatch.setattr("sosie.engine.indexing.GRAPH_DIMS", 1)
        fake = filled(tmp_path / "other", INDEXED)
    return fake


def no_encoders(signal: str) -> None:
    raise AssertionError(signal)


def test_neighbours_are_the_answers_of_single_questions(snapshot: FakeSnapshot, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    write_neighbours(snapshot, tmp_path / "nn.parquet", 7, lambda _, done, total: seen.append((done, total)))
    table = pl.read_parquet(tmp_path / "nn.parquet")
    assert table.columns == ["id", "neighbour", "rank", "score", "a", "b"]
    living = np.flatnonzero(snapshot.alive)
    assert table["id"].unique(maintain_order=True).to_list() == [
        i for i in snapshot.ids(living) if snapshot.row(i) not in (200, 201, 202)
    ]
    assert seen[-1] == (len(living), len(living))
    differ = 0
    for row in living[::9].tolist():
        mine = table.filter(pl.col("id") == snapshot.records[row].id)
        hits = answer(snapshot, Query(like=(snapshot.records[row].id,), limit=7), no_encoders).hits
        assert mine["rank"].to_list() == list(range(1, len(hits) + 1))
        assert np.allclose(mine["score"].to_numpy(), [hit.score for hit in hits], atol=2e-4)
        differ += mine["neighbour"].to_list() != [hit.product.id for hit in hits]
    assert differ <= 2
    added = table.select(pl.sum_horizontal(pl.col("a", "b").fill_null(0))).to_series()
    assert (added - table["score"]).abs().max() < 1e-9


def test_a_part_is_null_where_a_signal_is_missing(snapshot: FakeSnapshot, tmp_path: Path) -> None:
    write_neighbours(snapshot, tmp_path / "nn.parquet", 5)
    table = pl.read_parquet(tmp_path / "nn.parquet")
    lacks = {p.id for p, v in zip(snapshot.records, snapshot.final["b"], strict=True) if not v.any()}
    expected = table["id"].is_in(lacks) | table["neighbour"].is_in(lacks)
    assert (table["b"].is_null() == expected).all()


def test_formats_hold_the_same(tmp_path: Path) -> None:
    fake = filled(tmp_path / "gen", None)
    for kind in ("parquet", "csv", "jsonl"):
        write_neighbours(fake, tmp_path / f"nn.{kind}", 3)
    first = pl.read_parquet(tmp_path / "nn.parquet")
    assert first.equals(pl.read_csv(tmp_path / "nn.csv").cast({"rank": pl.Int32}))
    assert first.equals(pl.read_ndjson(tmp_path / "nn.jsonl").cast({"rank": pl.Int32}))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["gen", "nn.csv", "nn.jsonl", "nn.parquet"]


@pytest.mark.parametrize(("name", "k"), [("nn.xlsx", 5), ("nn", 5), ("nn.csv", 0), ("nn.csv", 10**6)])
def test_what_cannot_be_written_is_refused(tmp_path: Path, name: str, k: int) -> None:
    fake = filled(tmp_path / "gen", None)
    with pytest.raises(QuestionError):
        write_neighbours(fake, tmp_path / name, k)
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("size", [1, 2])
def test_hardly_any_products(tmp_path: Path, size: int) -> None:
    rows = np.eye(4, dtype=np.float32)[:size]
    fake = FakeSnapshot(tmp_path / "gen", [Product(f"p{i}") for i in range(size)], {"a": rows})
    write_neighbours(fake, tmp_path / "nn.parquet", 50)
    assert len(pl.read_parquet(tmp_path / "nn.parquet")) == 0  # unit vectors apart: nothing in common
    write_matrix(fake, tmp_path / "sim.npz")
    assert np.array_equal(sparse.load_npz(tmp_path / "sim.npz").toarray(), np.eye(size))


def expected_matrix(fake: FakeSnapshot) -> tuple[np.ndarray, np.ndarray]:
    living = np.flatnonzero(fake.alive)
    omega = omegas(fake.weights, fake.scales)
    products = sum(w * (fake.final[s][living] @ fake.final[s][living].T) for s, w in omega.items())
    mass = sum(w * fake.final[s][living].any(axis=1) for s, w in omega.items())
    one_way = products / np.where(mass > 0, mass, 1)[:, None]
    return living, (one_way + one_way.T) / 2


def test_matrix_holds_every_pair(snapshot: FakeSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "BLOCK", 100)
    write_matrix(snapshot, tmp_path / "sim.npz")
    living, expected = expected_matrix(snapshot)
    found = sparse.load_npz(tmp_path / "sim.npz").toarray()
    assert np.allclose(found, expected, atol=1e-5)
    assert np.array_equal(found, found.T)
    assert set(np.unique(np.diag(found)).tolist()) == {0.0, 1.0}
    assert np.load(tmp_path / "sim.npz")["ids"].tolist() == snapshot.ids(living)


def test_beyond_dense_the_best_of_each_row_are_held(
    snapshot: FakeSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(matrix_module, "DENSE", 100)
    write_matrix(snapshot, tmp_path / "sim.npz", 6)
    _, expected = expected_matrix(snapshot)
    found = sparse.load_npz(tmp_path / "sim.npz").tocsr()
    assert abs(found - found.T).max() == 0
    dense = found.toarray()
    assert np.allclose(dense[dense != 0], expected[dense != 0], atol=1e-5)
    counts = np.diff(found.indptr)
    there = np.diag(expected) > 0
    assert (counts[there] >= 7).all()
    assert (counts[~there] == 0).all()


def test_matrix_needs_npz(tmp_path: Path) -> None:
    with pytest.raises(QuestionError, match=r"\.npz"):
        write_matrix(filled(tmp_path / "gen", None), tmp_path / "sim.csv")
