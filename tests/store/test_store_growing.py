"""Deltas of one generation share what they hold; each goes on seeing what was there when it was read."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.config import Config
from sosie.store import LocalStore, Snapshot, records_of
from sosie.store.growing import Growing
from sosie.types import Product

IDS = "abcdef"


def commit(store: LocalStore, number: int, put: list[str], remove: list[str]) -> None:
    """One commit of products that bear its number."""
    products = [Product(id, price=float(number), brand=f"b{number}", group=f"g{number % 3}") for id in put]
    with store.append() as appender:
        rows = appender.snapshot.rows([*put, *remove])
        vectors = np.full((len(put), 2), number, np.float32)
        appender.commit(products, records_of(products), {"own": vectors}, rows[rows >= 0])


def seen(snapshot: Snapshot) -> dict[str, tuple[object, ...]]:
    """All that a snapshot says of every product, from every side."""
    brand, price = snapshot.columns["brand"], snapshot.columns["price"].values
    found = {}
    for row in np.flatnonzero(snapshot.alive).tolist():
        (product,) = snapshot.products([row])
        assert snapshot.row(product.id) == row
        assert brand.vocabulary is not None
        number = float(snapshot.vectors("own", [row])[0, 0])
        mates = sorted(snapshot.ids(np.flatnonzero((snapshot.groups == snapshot.groups[row]) & snapshot.alive)))
        said = (product.price, price[row], number, product.brand, brand.vocabulary[brand.values[row]], tuple(mates))
        assert said[0] == said[1] == said[2]
        assert said[3] == said[4]
        found[product.id] = (*said, int(snapshot.stamps(np.array([row]))[0]))
    one_by_one = [snapshot.row(id) for id in IDS]
    assert snapshot.rows(list(IDS)).tolist() == [-1 if row is None else row for row in one_by_one]
    assert len(snapshot.groups) == len(snapshot.alive) == len(price) == snapshot.size
    return found


STEP = st.tuples(st.lists(st.sampled_from(IDS), unique=True, max_size=4), st.sets(st.sampled_from(IDS), max_size=2))


@settings(max_examples=10, deadline=None)
@given(steps=st.lists(STEP, max_size=8))
def test_every_snapshot_stays_as_it_was(tmp_path_factory, steps):  # type: ignore[no-untyped-def]
    store = LocalStore.create(tmp_path_factory.mktemp("growing") / "store", Config())
    with store.write() as writer:
        writer.put([Product(id, price=0.0, brand="b0", group="g0") for id in "abc"], np.zeros(3, np.uint64))
        with writer.generation({"own": 2}, {"own": "x"}) as fresh:
            fresh.vectors("own")[:] = 0
    states = []
    for number, (put, remove) in enumerate(steps, 1):
        commit(store, number, put, sorted(remove - set(put)))
        snapshot = store.snapshot()
        states.append((snapshot, seen(snapshot)))
        assert states[-1][1] == seen(LocalStore.open(store.folder).snapshot()), "read at once, or commit by commit"
    for snapshot, said in states:
        assert seen(snapshot) == said


def test_views_outlive_the_growth() -> None:
    growing = Growing(np.zeros((0, 2), np.float32))
    views = []
    for number in range(2_000):
        growing.put(number, np.full((1, 2), number, np.float32))
        views.append(growing.first(number + 1))
    assert all((view[:, 0] == np.arange(len(view))).all() for view in views)
    assert not views[0].flags.writeable


def test_a_commit_reads_only_itself(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """What is taken in of a commit is what the commit holds, however long the delta is."""
    from sosie.store import growing

    store = LocalStore.create(tmp_path / "store", Config())
    with store.write() as writer:
        writer.put([Product("a", price=0.0, brand="b0")], np.zeros(1, np.uint64))
        with writer.generation({"own": 2}, {"own": "x"}):
            pass
    store.snapshot()
    taken = []
    real = growing.Grown.add

    def add(self, start, **added):  # type: ignore[no-untyped-def]
        taken.append((start, len(added["ids"])))
        real(self, start, **added)

    monkeypatch.setattr(growing.Grown, "add", add)
    for number in range(1, 6):
        commit(store, number, ["a", "b"], [])
        store.snapshot()
    assert taken == [(0, 2), (2, 2), (4, 2), (6, 2), (8, 2)]
