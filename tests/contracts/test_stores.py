"""What every store has to do, whichever engine keeps it. Add a store to STORES, and the whole suite runs over it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sosie.config import Config
from sosie.errors import StoreError
from sosie.store import CHANGED, NEW, UNCHANGED, LocalStore, Snapshot
from sosie.types import Changes, Product, Review, Scale

STORES = {"local": LocalStore}
DIMS = {"text": 3, "image": 2}
PRINTS = {"text": "text-1", "image": "image-1"}
RICH = Product(
    id="rich",
    title="Wool coat 羊毛",
    text="warm\nand long",
    category=("Women > Coats", "Sale"),
    brand="Moss",
    price=129.5,
    currency="EUR",
    sale_price=99.0,
    attributes={"size": "38", "colour": "red"},
    other={"label": "x"},
    identifiers={"gtin": "0012345678905"},
    images=("/a/b.jpg", "/c.zip#3"),
    videos=("/v.mp4",),
    reviews=(Review("lovely", 4.5), Review("hm", None)),
    rating=4.25,
    rating_count=12,
    available=False,
    stock=0.0,
    url="https://example.com/p",
    language="en",
    group="coats",
)


def product(id: str, price: float = 1.0, **fields: object) -> Product:
    return Product(id=id, title=f"title of {id}", price=price, **fields)  # type: ignore[arg-type]


def stamps(products: Sequence[Product]) -> np.ndarray:
    return np.array([int(p.price or 0) + 10 for p in products], np.uint64)


def vectors(products: Sequence[Product]) -> dict[str, np.ndarray]:
    """Vectors that tell which product, in which version, they belong to."""
    said = np.array([[len(p.id), sum(p.id.encode()), p.price or 0] for p in products], np.float32).reshape(-1, 3)
    return {"text": said, "image": said[:, 1:] * 2}


def write(store: LocalStore, put: Sequence[Product] = (), remove: Sequence[str] = (), rebuild: bool = False) -> Changes:
    with store.write() as writer:
        writer.put(put[:1], stamps(put[:1]))  # in two batches
        writer.put(put[1:], stamps(put[1:]))
        writer.remove(remove)
        changes = writer.changes()
        if not rebuild:
            staged = [p for batch in writer.staged() for p in batch]
            writer.commit_delta(vectors(staged))
            return changes
        with writer.generation(DIMS, PRINTS) as fresh:
            products = [p for batch in fresh.products() for p in batch]
            assert len(products) == fresh.rows
            for signal, made in vectors(products).items():
                fresh.vectors(signal)[fresh.todo(signal)] = made[fresh.todo(signal)]
                fresh.describe(signal, scale=Scale(np.full(DIMS[signal], 0.5, np.float32), 0.25), weight=2.0)
    return changes


def contents(snapshot: Snapshot) -> dict[str, Product]:
    rows = np.flatnonzero(snapshot.alive)
    found = dict(zip(snapshot.ids(rows), snapshot.products(rows), strict=True))
    assert len(found) == len(rows), "an id is alive twice"
    return found


def check(snapshot: Snapshot, expected: Mapping[str, Product]) -> None:
    """The snapshot holds exactly these products, and every view of it says the same."""
    assert contents(snapshot) == expected
    assert len(snapshot.alive) == len(snapshot.groups) == snapshot.size
    for id, there in expected.items():
        row = snapshot.row(id)
        assert row is not None
        assert snapshot.alive[row]
        assert snapshot.ids([row]) == [id]
        for signal, made in vectors([there]).items():
            np.testing.assert_array_equal(snapshot.vectors(signal, [row]), made)
        assert snapshot.columns["price"].values[row] == there.price
    assert snapshot.rows(list(expected)).tolist() == [snapshot.row(id) for id in expected]
    for signal, dim in DIMS.items():
        if snapshot.signals:
            assert snapshot.matrix(signal).shape == (snapshot.base, dim)
            assert snapshot.delta_matrix(signal).shape == (snapshot.size - snapshot.base, dim)


@pytest.fixture(params=list(STORES), ids=list(STORES))
def kind(request: pytest.FixtureRequest) -> type[LocalStore]:
    return STORES[request.param]


@pytest.fixture
def store(kind: type[LocalStore], tmp_path: Path) -> LocalStore:
    return kind.create(tmp_path / "store", Config())


ABC = [product("a"), product("b", 2), product("c", 3)]


def test_a_new_store_is_empty(store: LocalStore) -> None:
    snapshot = store.snapshot()
    assert (snapshot.size, snapshot.signals, snapshot.row("a"), snapshot.close_ids("a")) == (0, (), None, [])
    assert snapshot.products([]) == []
    assert snapshot.rows(["a"]).tolist() == [-1]
    assert snapshot.columns["price"].values.shape == (0,)


def test_a_generation_holds_what_was_put(store: LocalStore) -> None:
    changes = write(store, [*ABC, RICH], rebuild=True)
    assert changes == Changes(added=4, changed=0, removed=0, unchanged=0)
    snapshot = store.snapshot()
    check(snapshot, {p.id: p for p in [*ABC, RICH]})
    assert snapshot.ids(range(4)) == ["a", "b", "c", "rich"]
    assert snapshot.signals == ("text", "image")
    assert snapshot.weights == {"text": 2.0, "image": 2.0}
    assert snapshot.scales["text"].sigma == 0.25
    np.testing.assert_array_equal(snapshot.scales["text"].mean, np.full(3, 0.5, np.float32))


def test_a_delta_adds_changes_and_removes(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    changes = write(store, [product("b", 20), RICH], remove=["c", "never there"])
    assert changes == Changes(added=1, changed=1, removed=1, unchanged=1)
    snapshot = store.snapshot()
    check(snapshot, {p.id: p for p in [product("a"), product("b", 20), RICH]})
    assert snapshot.row("c") is None
    assert snapshot.base == 3
    assert snapshot.columns["gtin"].values[snapshot.row("rich")] == 12345678905


def test_a_generation_takes_the_delta_in(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    write(store, [product("b", 20), product("d", 4)], remove=["c"])
    write(store, [product("e", 5), product("d", 40)], remove=["a"], rebuild=True)
    snapshot = store.snapshot()
    check(snapshot, {p.id: p for p in [product("b", 20), product("d", 40), product("e", 5)]})
    assert snapshot.base == snapshot.size == 3


def test_only_new_and_changed_products_are_left_to_do(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer:
        writer.put([product("b", 9), product("d", 4)], np.array([1, 1], np.uint64))
        with writer.generation({"text": 3, "image": 2}, {"text": "text-1", "image": "image-2"}) as fresh:
            assert [p.id for batch in fresh.products() for p in batch] == ["a", "c", "b", "d"]
            assert [p.id for batch in fresh.products(fresh.todo("text")) for p in batch] == ["b", "d"]
            assert fresh.todo("text").tolist() == [2, 3]
            assert fresh.todo("image").tolist() == [0, 1, 2, 3]
            np.testing.assert_array_equal(fresh.vectors("text")[:2], vectors([ABC[0], ABC[2]])["text"])
            assert fresh.scale("text") is not None
            assert fresh.scale("image") is None
    assert store.snapshot().scales["text"].sigma == 0.25
    assert store.snapshot().scales["image"].sigma == 1.0


def test_vectors_are_made_anew_when_told(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer, writer.generation(DIMS, PRINTS, anew=["text"]) as fresh:
        assert fresh.todo("text").tolist() == [0, 1, 2]
        assert fresh.todo("image").tolist() == []


def test_all_products_are_seen_before_a_commit(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer:
        writer.put([product("b", 9)], np.array([1], np.uint64))
        writer.remove(["c"])
        assert [p for batch in writer.products() for p in batch] == [product("a"), product("b", 9)]


def test_a_product_removed_and_added_again(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    write(store, remove=["a"])
    assert store.snapshot().row("a") is None
    write(store, [product("a", 7)])
    check(store.snapshot(), {p.id: p for p in [product("a", 7), *ABC[1:]]})
    write(store, remove=["a"])
    write(store, [product("a", 8)], rebuild=True)
    check(store.snapshot(), {p.id: p for p in [product("a", 8), *ABC[1:]]})


def test_the_last_word_of_a_writer_counts(store: LocalStore) -> None:
    with store.write() as writer:
        writer.put([product("a", 1), product("b", 1), product("a", 2)], np.array([1, 1, 2], np.uint64))
        writer.remove(["b", "c"])
        writer.put([product("c", 3)], np.array([3], np.uint64))
        assert writer.changes() == Changes(2, 0, 0, 0)
        assert [p for batch in writer.staged() for p in batch] == [product("a", 2), product("c", 3)]


def test_stamps_tell_new_changed_and_unchanged(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    write(store, [product("b", 20), product("d", 4)], remove=["c"])
    with store.write() as writer:
        known = writer.known()
        assert len(known) == 3
        states = known.compare(["a", "b", "c", "d"], np.array([11, 12, 13, 14], np.uint64))
        assert states.tolist() == [UNCHANGED, CHANGED, NEW, UNCHANGED]
        assert known.compare([], np.array([], np.uint64)).tolist() == []
        assert writer.known().unseen(["a", "x"]) == ["b", "d"]
        known = writer.known()
        known.compare(["d"], np.array([0], np.uint64))
        assert known.unseen() == ["a", "b"]


def test_variants_share_a_group_also_across_the_delta(store: LocalStore) -> None:
    write(store, [product("a", group="g"), product("b", group="g"), product("c")], rebuild=True)
    write(store, [product("d", group="g"), product("e", group="c"), product("f"), product("h", group="new")])
    write(store, [product("i", group="new")])
    snapshot = store.snapshot()
    group = {id: snapshot.groups[snapshot.row(id)] for id in "abcdefhi"}
    assert group["a"] == group["b"] == group["d"]
    assert group["c"] == group["e"], "a product without a group is its own group, by its id"
    assert group["h"] == group["i"]
    assert len(set(group.values())) == 4


def test_a_snapshot_does_not_change(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    first = store.snapshot()
    write(store, [product("d", 4)], remove=["a"])
    second = store.snapshot()
    for price in (50, 60, 70):
        write(store, [product("b", price)], rebuild=True)
    check(first, {p.id: p for p in ABC})
    check(second, {p.id: p for p in [*ABC[1:], product("d", 4)]})
    assert len({snapshot.version for snapshot in (first, second, store.snapshot())}) == 3


def test_the_same_snapshot_while_nothing_changed(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    assert store.snapshot() is store.snapshot()


def test_another_process_sees_commits(store: LocalStore) -> None:
    other = type(store).open(store.folder)
    write(store, ABC, rebuild=True)
    check(other.snapshot(), {p.id: p for p in ABC})
    write(store, [product("d", 4)])
    check(other.snapshot(), {p.id: p for p in [*ABC, product("d", 4)]})


def fail_while_building(store: LocalStore) -> None:
    with store.write() as writer:
        writer.put([product("d")], np.array([1], np.uint64))
        with writer.generation(DIMS, PRINTS):
            raise ZeroDivisionError


def test_nothing_changes_without_a_commit(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    before = store.snapshot().version
    with store.write() as writer:
        writer.put([product("d")], np.array([1], np.uint64))
    with pytest.raises(ZeroDivisionError):
        fail_while_building(store)
    assert store.snapshot().version == before
    check(store.snapshot(), {p.id: p for p in ABC})


def test_two_writers_are_refused_at_once(store: LocalStore) -> None:
    with (
        store.write(),
        pytest.raises(StoreError, match="is being written by process"),
        type(store)(store.folder).write(),
    ):
        pass
    write(store, ABC, rebuild=True)


def test_vectors_of_another_encoder_are_refused(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer, pytest.raises(StoreError, match="come from another encoder"):
        writer.commit_delta({"text": np.zeros((0, 5), np.float32)})
    with store.write() as writer, pytest.raises(StoreError, match="no signal sound"):
        writer.commit_delta({"sound": np.zeros((0, 5), np.float32)})
    check(store.snapshot(), {p.id: p for p in ABC})


def test_a_delta_needs_a_generation(store: LocalStore) -> None:
    with store.write() as writer:
        writer.put(ABC, stamps(ABC))
        with pytest.raises(StoreError, match="no generation yet"):
            writer.commit_delta({})


def test_missing_signals_of_a_delta_are_zeros(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer:
        writer.put([product("d")], np.array([1], np.uint64))
        writer.commit_delta({"text": np.ones((1, 3), np.float32)})
    snapshot = store.snapshot()
    np.testing.assert_array_equal(snapshot.delta_matrix("image"), np.zeros((1, 2), np.float32))


def test_a_store_can_become_empty(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    write(store, remove=["a", "b", "c"], rebuild=True)
    check(store.snapshot(), {})
    write(store, [product("z", 3)])
    check(store.snapshot(), {"z": product("z", 3)})


def test_notes_are_kept_and_change_nothing_else(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    with store.write() as writer:
        writer.note(weights={"text": 7.0}, source={"catalogue": "shop.csv"}, counters={"rows": 3})
        writer.commit_delta({})
    again = type(store).open(store.folder)
    assert again.snapshot().weights == {"text": 7.0, "image": 2.0}
    assert again.source == {"catalogue": "shop.csv"}
    assert again.counters == {"rows": 3}
    check(again.snapshot(), {p.id: p for p in ABC})


def test_close_ids(store: LocalStore) -> None:
    write(store, [product("shoe-red-42"), product("shoe-blue-42"), product("lamp")], rebuild=True)
    write(store, [product("shoe-red-43")], remove=["lamp"])
    assert store.snapshot().close_ids("SHOE-red-44", 2) == ["shoe-red-42", "shoe-red-43"]
    assert store.snapshot().close_ids("lamp") == []


def test_roll_back_restores_the_earlier_generation_with_its_delta(store: LocalStore) -> None:
    write(store, ABC, rebuild=True)
    write(store, [product("b", 20)], remove=["c"])
    with pytest.raises(StoreError, match="no earlier generation"):
        store.rollback()
    write(store, [product("x", 5)], rebuild=True)
    left = store.snapshot().version
    store.rollback()
    check(store.snapshot(), {p.id: p for p in [product("a"), product("b", 20)]})
    write(store, [product("y", 6)])
    write(store, [product("w", 6)], rebuild=True)
    assert store.snapshot().version != left, "a version names one state for ever"
    check(store.snapshot(), {p.id: p for p in [product("a"), product("b", 20), product("y", 6), product("w", 6)]})


STEP = st.tuples(
    st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 99), max_size=5),
    st.sets(st.sampled_from("abcdefgh"), max_size=3),
    st.booleans(),
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=1, max_size=4))
def test_any_sequence_of_writes_agrees_with_a_dict(
    kind: type[LocalStore], tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[dict[str, int], set[str], bool]]
) -> None:
    store = kind.create(tmp_path_factory.mktemp("any") / "store", Config())
    model: dict[str, Product] = {}
    built = False
    for put, remove, rebuild in steps:
        products = [product(id, price) for id, price in put.items()]
        known = set(model)
        changes = write(store, products, sorted(remove - set(put)), rebuild or not built)
        built = True
        for id in remove - set(put):
            model.pop(id, None)
        model |= {p.id: p for p in products}
        assert changes.added == len(set(put) - known)
        assert changes.changed == len(set(put) & known)
        assert changes.removed == len((remove - set(put)) & known)
        check(store.snapshot(), model)
        check(kind.open(store.folder).snapshot(), model)
