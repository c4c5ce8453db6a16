"""Questions against brute force, on a snapshot that has a delta, dead rows, variants, missing signals and ties."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_snapshot import INDEXED, FakeSnapshot

from sosie.engine import candidates as candidates_module
from sosie.engine.questions import EXACT_SCALE, UNLIKE, answer
from sosie.errors import QuestionError
from sosie.scoring import omegas
from sosie.types import Column, Encoder, Product, Query, Scale

SIZE, BASE = 1_200, 1_100
WEIGHTS = {"image": 1.0, "text": 0.7, "price": 0.2}


def embedding(seed: int, size: int, dim: int, inner: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    rows = generator.standard_normal((size, inner)) @ generator.standard_normal((inner, dim))
    rows += 0.2 * generator.standard_normal(rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def no_encoders(signal: str) -> Encoder:
    raise AssertionError(f"{signal} was asked to encode")


@pytest.fixture(scope="module", params=["scanned", "indexed"])
def snapshot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> FakeSnapshot:
    raw = {"image": embedding(1, SIZE, 96, 10), "text": embedding(2, SIZE, 64, 8), "price": embedding(3, SIZE, 8, 2)}
    raw["text"][::6] = 0
    raw["price"][1::4] = 0
    for matrix in raw.values():
        matrix[200:220] = matrix[202]  # identical products
        matrix[300:320] = 0  # products of which nothing is known
    generator = np.random.default_rng(4)
    prices = np.round(generator.random(SIZE) * 100, 2)
    prices[::9] = np.nan
    columns = {
        "price": Column(prices),
        "brand": Column(generator.integers(-1, 5, SIZE).astype(np.int32), ("A", "B", "C", "D", "E")),
        "category": Column((raw["image"][:, 0] > 0).astype(np.int32), ("Men > Tops", "Women")),
        "rare": Column((np.arange(SIZE) % 150 == 0).astype(np.float64)),
    }
    products = [
        Product(f"p{(row * 7) % SIZE:04}", title=f"thing number wh-{row}xm4", group=f"g{row // 3}" if row < 600 else "")
        for row in range(SIZE)
    ]
    fake = FakeSnapshot(
        tmp_path_factory.mktemp(request.param),
        products,
        raw,
        weights=WEIGHTS,
        base=BASE,
        columns=columns,
        config=INDEXED if request.param == "indexed" else None,
    )
    fake.alive[generator.choice(SIZE, 150, replace=False)] = False
    fake.alive[[0, 1, 2, 7, 50, 200, 201, 202, 203, 300, 301, 700, 1_150]] = True
    return fake


def expected(
    fake: FakeSnapshot,
    vectors: Mapping[str, np.ndarray],
    barred: set[int],
    query: Query,
    kept: np.ndarray | None = None,
):
    """Every place by brute force: (id, score), best first, ties by id."""
    omega = omegas({**WEIGHTS, **(query.weights or {})}, fake.scales)
    used = {s: v for s, v in vectors.items() if v.any() and omega.get(s)}
    mass = sum(omega[s] for s in used)
    scores = sum(omega[s] / mass * (fake.final[s].astype(np.float64) @ v) for s, v in used.items())
    comparable = np.any([fake.final[s].any(axis=1) for s in used], axis=0)
    rows = np.flatnonzero(fake.alive & comparable & (True if kept is None else kept))
    order = sorted(rows.tolist(), key=lambda row: (-round(scores[row], 6), fake.records[row].id))
    places, seen = [], {int(fake.groups[row]) for row in barred}
    for row in order:
        if int(fake.groups[row]) not in seen:
            seen.add(int(fake.groups[row]))
            places.append((fake.records[row].id, float(scores[row])))
    return places


def check(fake: FakeSnapshot, query: Query, places: list[tuple[str, float]], encoders=no_encoders) -> None:
    """The answer holds the expected scores; ids too, but for neighbours that a rounding sets apart."""
    hits = answer(fake, query, encoders).hits
    wanted = places[query.offset : query.offset + query.limit]
    assert len(hits) == len(wanted)
    assert np.allclose([hit.score for hit in hits], [score for _, score in wanted], atol=2e-4)
    assert sum(hit.product.id == id for hit, (id, _) in zip(hits, wanted, strict=True)) >= 0.9 * len(wanted)


def own_vectors(fake: FakeSnapshot, row: int) -> dict[str, np.ndarray]:
    return {signal: matrix[row] for signal, matrix in fake.final.items()}


@pytest.mark.parametrize("row", [0, 1, 7, 50, 200, 700, 1_150])
@pytest.mark.parametrize("weights", [None, {"image": 0.0}, {"price": 5.0, "text": 0.01}, {"image": 0, "text": 0}])
def test_look_alikes_are_those_of_brute_force(
    snapshot: FakeSnapshot, row: int, weights: dict[str, float] | None
) -> None:
    query = Query(like=(snapshot.records[row].id,), weights=weights, limit=15)
    if weights == {"image": 0, "text": 0} and not snapshot.final["price"][row].any():
        reply = answer(snapshot, query, no_encoders)
        assert reply.hits == ()
        assert "says nothing" in reply.notes[0]
        return
    check(snapshot, query, expected(snapshot, own_vectors(snapshot, row), {row}, query))


@pytest.mark.parametrize(
    "where", ["price < 50", "brand in ('A','B')", "rare", "price < 1", "brand = query.brand", "not rare", "price < -1"]
)
def test_filters_keep_recall(snapshot: FakeSnapshot, where: str) -> None:
    price, brand, rare = (snapshot.columns[name].values for name in ("price", "brand", "rare"))
    for row in (50, 700):
        kept = {
            "price < 50": price < 50,
            "brand in ('A','B')": (brand == 0) | (brand == 1),
            "rare": rare != 0,
            "price < 1": price < 1,
            "brand = query.brand": (brand == brand[row]) & (brand >= 0),
            "not rare": rare == 0,
            "price < -1": np.zeros(SIZE, bool),
        }[where]
        query = Query(like=(snapshot.records[row].id,), where=where)
        check(snapshot, query, expected(snapshot, own_vectors(snapshot, row), {row}, query, kept))
        assert answer(snapshot, query, no_encoders).total == int((kept & snapshot.alive).sum())


def test_category_option_and_filter_together(snapshot: FakeSnapshot) -> None:
    kept = (snapshot.columns["category"].values == 0) & (snapshot.columns["price"].values < 50)
    query = Query(like=(snapshot.records[50].id,), category="Men", where="price < 50")
    check(snapshot, query, expected(snapshot, own_vectors(snapshot, 50), {50}, query, kept))


def test_pages_continue_one_another(snapshot: FakeSnapshot) -> None:
    query = Query(like=(snapshot.records[50].id,), limit=30)
    whole = answer(snapshot, query, no_encoders).hits
    pages = [answer(snapshot, replace(query, limit=10, offset=at), no_encoders).hits for at in (0, 10, 20)]
    assert [hit.rank for page in pages for hit in page] == list(range(1, 31))
    assert [hit.product.id for page in pages for hit in page] == [hit.product.id for hit in whole]


def test_asking_for_more_than_there_is_gives_everything_once(snapshot: FakeSnapshot) -> None:
    query = Query(like=(snapshot.records[50].id,), limit=5_000)
    check(snapshot, query, expected(snapshot, own_vectors(snapshot, 50), {50}, query))


def test_identical_products_score_one_and_stand_by_id(snapshot: FakeSnapshot) -> None:
    hits = answer(snapshot, Query(like=(snapshot.records[203].id,), limit=5), no_encoders).hits
    assert [hit.score for hit in hits] == [1.0] * 5
    ids = [hit.product.id for hit in hits]
    groups = {snapshot.groups[row] for row in range(200, 220) if snapshot.alive[row]} - {snapshot.groups[203]}
    by_group = sorted(
        min(snapshot.records[r].id for r in range(200, 220) if snapshot.groups[r] == g and snapshot.alive[r])
        for g in groups
    )
    assert ids == by_group[:5]


def test_printed_parts_add_up_and_missing_signals_are_named(snapshot: FakeSnapshot) -> None:
    for row in (1, 7, 50):
        if not all(snapshot.final[s][row].any() for s in WEIGHTS):
            continue
        for hit in answer(snapshot, Query(like=(snapshot.records[row].id,), limit=40), no_encoders).hits:
            there = snapshot.row(hit.product.id)
            assert set(hit.parts) == set(WEIGHTS)
            assert round(sum(round(v * 10_000) for v in hit.parts.values())) == round(hit.score * 10_000)
            assert set(hit.missing) == {s for s in WEIGHTS if not snapshot.final[s][there].any()}
            assert all(hit.parts[signal] == 0 for signal in hit.missing)


def test_a_product_that_lacks_a_signal_is_compared_by_its_own_and_told(snapshot: FakeSnapshot) -> None:
    row = next(r for r in range(0, SIZE, 6) if snapshot.alive[r] and snapshot.final["price"][r].any())
    reply = answer(snapshot, Query(like=(snapshot.records[row].id,)), no_encoders)
    assert all(set(hit.parts) == {"image", "price"} for hit in reply.hits)
    assert reply.notes == (f"{snapshot.records[row].id}: nothing is known of text.",)


def test_variants_are_listed_when_asked_for(snapshot: FakeSnapshot) -> None:
    hits = answer(snapshot, Query(like=(snapshot.records[50].id,), limit=50, variants=True), no_encoders).hits
    for hit in hits:
        row = snapshot.row(hit.product.id)
        others = [
            r for r in range(SIZE) if snapshot.groups[r] == snapshot.groups[row] and r != row and snapshot.alive[r]
        ]
        assert hit.variants == tuple(snapshot.records[r].id for r in others)
    assert any(hit.variants for hit in hits)


def test_several_liked_are_averaged_and_none_is_an_answer(snapshot: FakeSnapshot) -> None:
    rows = [7, 50, 700]
    query = Query(like=tuple(snapshot.records[row].id for row in rows), limit=20)
    vectors = {}
    for signal, matrix in snapshot.final.items():
        mean = matrix[[row for row in rows if matrix[row].any()]].mean(axis=0)
        vectors[signal] = mean / np.linalg.norm(mean)
    check(snapshot, query, expected(snapshot, vectors, set(rows), query))


def test_unliked_push_away(snapshot: FakeSnapshot) -> None:
    query = Query(like=(snapshot.records[50].id,), unlike=(snapshot.records[7].id,), limit=20)
    vectors = {}
    for signal, matrix in snapshot.final.items():
        vector = matrix[50] - UNLIKE * matrix[7] if matrix[50].any() else -matrix[7]
        vectors[signal] = vector / (np.linalg.norm(vector) or 1)
    check(snapshot, query, expected(snapshot, vectors, {7, 50}, query))
    query = Query(unlike=(snapshot.records[7].id,))
    check(snapshot, query, expected(snapshot, {s: -m[7] for s, m in snapshot.final.items()}, {7}, query))


def test_min_score_cuts(snapshot: FakeSnapshot) -> None:
    query = Query(like=(snapshot.records[50].id,), limit=1_000, min_score=0.5)
    hits = answer(snapshot, query, no_encoders).hits
    every = expected(snapshot, own_vectors(snapshot, 50), {50}, query)
    assert len(hits) == sum(score >= 0.5 for _, score in every)
    assert answer(snapshot, replace(query, min_score=1.1), no_encoders).hits == ()


def test_diversity_trades_score_for_difference(snapshot: FakeSnapshot) -> None:
    plain = Query(like=(snapshot.records[50].id,))
    usual, diverse = (answer(snapshot, q, no_encoders).hits for q in (plain, replace(plain, diversity=0.7)))
    assert diverse[0].product.id == usual[0].product.id

    def likeness(hits: tuple) -> float:
        rows = [snapshot.row(hit.product.id) for hit in hits]
        return float(np.mean([np.mean(snapshot.final[s][rows] @ snapshot.final[s][rows].T) for s in WEIGHTS]))

    assert likeness(diverse) < likeness(usual)
    assert np.mean([h.score for h in diverse]) <= np.mean([h.score for h in usual])
    assert [h.product.id for h in answer(snapshot, replace(plain, diversity=1e-9), no_encoders).hits] == [
        h.product.id for h in usual
    ]


class Words:
    """An encoder of words that knows one sentence."""

    def __init__(self, vector: np.ndarray) -> None:
        self.vector = vector

    def encode_query(self, query: Query) -> np.ndarray | None:
        return self.vector if query.text else None


def test_words_are_meant_and_found_literally(snapshot: FakeSnapshot) -> None:
    scales = snapshot.scales["text"]
    raw = snapshot.final["text"][50] + scales.mean
    encoders = {"text": Words(raw / np.linalg.norm(raw)), "image": Words(np.zeros(96)), "price": Words(np.zeros(8))}
    reply = answer(snapshot, Query(text="wh-700xm4", limit=30), encoders.__getitem__)
    exact = next(hit for hit in reply.hits if hit.product.title == "thing number wh-700xm4")
    share = 1 / EXACT_SCALE.sigma / (1 / EXACT_SCALE.sigma + WEIGHTS["text"] / scales.sigma)
    assert exact.rank <= 2
    assert exact.parts["exact"] == pytest.approx(share, abs=2e-4)
    assert {signal for hit in reply.hits for signal in hit.parts} == {"text", "exact"}
    late = answer(snapshot, Query(text="wh-1150xm4", weights={"text": 0}, limit=1), encoders.__getitem__).hits[0]
    assert (late.product.title, late.score) == ("thing number wh-1150xm4", 1.0)


def test_a_typo_in_a_word(snapshot: FakeSnapshot) -> None:
    hit = answer(
        snapshot, Query(text="wh-700xn4", weights={"text": 0, "image": 0, "price": 0}, limit=1), no_encoders
    ).hits[0]
    assert hit.product.title == "thing number wh-700xm4"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (Query(), "nothing is asked"),
        (Query(text="  "), "nothing is asked"),
        (Query(like=("p0x",)), r"no product 'p0x'\. Did you mean p0"),
        (Query(unlike=("nowhere",)), "no product 'nowhere'"),
        (
            Query(like=("p0000",), weights={"imag": 1}),
            "unknown signal 'imag'; this store has: exact, image, price, text",
        ),
        (Query(like=("p0000",), weights={"image": float("nan")}), "not usable"),
        (Query(like=("p0000",), where="colour = 'red'"), "no field 'colour'"),
        (Query(like=("p0000",), where="price <"), "expected"),
        (Query(text="x", where="price < query.price"), "needs a product"),
        (Query(like=("p0000",), limit=-1), "limit and offset"),
        (Query(like=("p0000",), offset=-1), "limit and offset"),
        (Query(like=("p0000",), limit=10**9), "limit and offset"),
        (Query(like=("p0000",), diversity=2), "diversity is 2"),
        (Query(like=("p0000",), min_score=float("nan")), "min_score"),
    ],
)
def test_questions_that_cannot_be_answered(snapshot: FakeSnapshot, query: Query, said: str) -> None:
    snapshot.alive[0] = True
    with pytest.raises(QuestionError, match=said):
        answer(snapshot, query, no_encoders)


def test_a_removed_product_is_unknown_and_no_answer(snapshot: FakeSnapshot) -> None:
    gone = int(np.flatnonzero(~snapshot.alive)[0])
    with pytest.raises(QuestionError, match="no product"):
        answer(snapshot, Query(like=(snapshot.records[gone].id,)), no_encoders)


def test_no_answers_are_wanted(snapshot: FakeSnapshot) -> None:
    assert answer(snapshot, Query(like=("p0000",), limit=0), no_encoders).hits == ()


@pytest.mark.parametrize("config", [None, INDEXED])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_a_catalogue_of_hardly_any_products(tmp_path: Path, size: int, config) -> None:
    fake = FakeSnapshot(
        tmp_path, [Product(f"p{i}") for i in range(size)], {"text": embedding(1, size, 4, 3)}, config=config
    )
    hits = answer(fake, Query(like=("p0",)), no_encoders).hits
    assert sorted(hit.product.id for hit in hits) == [f"p{i}" for i in range(1, size)]
    assert all(np.isfinite(hit.score) for hit in hits)


@pytest.mark.parametrize("config", [None, INDEXED])
def test_identical_products_only(tmp_path: Path, config) -> None:
    rows = np.repeat(embedding(1, 1, 16, 3), 1_000, axis=0)
    fake = FakeSnapshot(tmp_path, [Product(f"p{i:04}") for i in range(1_000)], {"text": rows}, config=config)
    hits = answer(fake, Query(like=("p0003",), limit=4, offset=2), no_encoders).hits
    assert [hit.product.id for hit in hits] == ["p0002", "p0004", "p0005", "p0006"]
    assert {hit.score for hit in hits} == {1.0}


@pytest.mark.parametrize("config", [None, INDEXED])
def test_products_of_which_nothing_is_known(tmp_path: Path, config) -> None:
    fake = FakeSnapshot(
        tmp_path, [Product(f"p{i}") for i in range(300)], {"image": np.zeros((300, 8), np.float32)}, config=config
    )
    reply = answer(fake, Query(like=("p3",)), no_encoders)
    assert reply.hits == ()
    assert reply.notes


def test_one_group_of_many_variants_leaves_room_for_others(tmp_path: Path) -> None:
    rows = embedding(1, 1_000, 32, 6)
    rows[:900] = rows[0] + 0.01 * rows[:900]
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    products = [Product(f"p{i:04}", group="one" if i < 900 else "") for i in range(1_000)]
    fake = FakeSnapshot(
        tmp_path, products, {"text": rows}, config=INDEXED, scales={"text": Scale(np.zeros(32, np.float32), 0.2)}
    )
    hits = answer(fake, Query(like=("p0000",), limit=100), no_encoders).hits
    assert len(hits) == 100
    assert all(hit.product.id >= "p0900" for hit in hits)


def test_correlated_filter_that_keeps_the_far_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates_module, "EXACT_ROWS", 50)
    rows = embedding(1, 4_000, 32, 6)
    far = (rows @ rows[0] < 0).astype(np.float64)
    fake = FakeSnapshot(
        tmp_path,
        [Product(f"p{i:04}") for i in range(4_000)],
        {"text": rows},
        config=INDEXED,
        columns={"far": Column(far)},
    )
    hits = answer(fake, Query(like=("p0000",), where="far"), no_encoders).hits
    scores = np.where(far > 0, fake.final["text"] @ fake.final["text"][0], -9)
    assert np.allclose([hit.score for hit in hits], np.sort(scores)[::-1][:10], atol=1e-4)
