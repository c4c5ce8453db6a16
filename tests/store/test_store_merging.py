"""The delta taken into a new generation while others write and read: nothing is lost, nothing is mixed."""

import os
import resource
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
from filled import COUNT, DIM, filled, products, read_state, write_state
from hypothesis import given, settings
from hypothesis import strategies as st
from test_store_crash import die_at, forked

from sosie.config import Config
from sosie.errors import BusyError, StoreError
from sosie.store import LocalStore, records_of
from sosie.types import Product


def append_state(store: LocalStore, number: int) -> None:
    """Replace all products and vectors by those of a state, as a live store does."""
    with store.append() as appender:
        put = products(number)
        rows = appender.snapshot.rows([product.id for product in put])
        appender.commit(put, records_of(put), {"text": np.full((COUNT, DIM), number, np.float32)}, rows[rows >= 0])


def check(folder: Path, number: int) -> None:
    snapshot = LocalStore.open(folder).snapshot()
    rows = np.flatnonzero(snapshot.alive)
    assert sorted(snapshot.ids(rows)) == sorted(product.id for product in products(0))
    assert {product.price for product in snapshot.products(rows)} == {float(number)}
    assert (snapshot.vectors("text", rows) == number).all()
    assert set(snapshot.columns["price"].values[rows]) == {number}
    assert len(set(snapshot.groups[rows].tolist())) == COUNT // 2


def generations(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("gen-*"))


def test_a_merge_takes_the_delta_in(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 3)
    with store.merge() as (old, fresh):
        assert old.version == "1.2"
        assert fresh.rows == COUNT
    snapshot = store.snapshot()
    assert (snapshot.version, snapshot.base, snapshot.size) == ("2.0", COUNT, COUNT)
    assert read_state(store.folder) == 3
    assert LocalStore(store.folder).rollback() == 1
    assert read_state(store.folder) == 3, "the generation before, its delta included"


def test_what_is_written_meanwhile_is_carried_over(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    other = LocalStore.open(store.folder)
    with store.merge():
        append_state(other, 3)
        append_state(store, 4)
        check(store.folder, 4)
    assert store.snapshot().version == "2.1"
    check(store.folder, 4)
    append_state(other, 5)
    check(store.folder, 5)
    with other.merge():
        pass
    check(store.folder, 5)
    assert other.snapshot().size == COUNT


IDS = st.sampled_from("abcdef")
STEP = st.tuples(st.dictionaries(IDS, st.integers(1, 9), max_size=3), st.sets(IDS, max_size=2))


def step(store: LocalStore, model: dict[str, int], put: dict[str, int], remove: set[str]) -> None:
    made = [Product(id, price=float(price), group=f"g{price % 2}") for id, price in put.items()]
    gone = remove - set(put)
    with store.append() as appender:
        rows = appender.snapshot.rows([*put, *gone])
        vectors = np.array([[price, 1] for price in put.values()], np.float32).reshape(-1, 2)
        appender.commit(made, records_of(made), {"text": vectors}, rows[rows >= 0])
    model.update(put)
    for id in gone:
        model.pop(id, None)


@settings(max_examples=10, deadline=None)
@given(before=st.lists(STEP, max_size=3), meanwhile=st.lists(STEP, max_size=3), after=st.lists(STEP, max_size=2))
def test_any_writes_around_a_merge_agree_with_a_dict(tmp_path_factory, before, meanwhile, after):  # type: ignore[no-untyped-def]
    store = LocalStore.create(tmp_path_factory.mktemp("merging") / "store", Config())
    with store.write() as writer:
        writer.put([Product(id, price=1.0, group="g1") for id in "abc"], np.zeros(3, np.uint64))
        with writer.generation({"text": 2}, {"text": "x"}) as fresh:
            fresh.vectors("text")[:] = 1
    model = dict.fromkeys("abc", 1)
    for one in before:
        step(store, model, *one)
    with store.merge():
        for one in meanwhile:
            step(store, model, *one)
    for one in after:
        step(store, model, *one)
    for snapshot in (store.snapshot(), LocalStore.open(store.folder).snapshot()):
        rows = np.flatnonzero(snapshot.alive)
        found = dict(zip(snapshot.ids(rows), snapshot.products(rows), strict=True))
        assert {id: product.price for id, product in found.items()} == model
        assert snapshot.vectors("text", rows)[:, 0].tolist() == [found[id].price for id in snapshot.ids(rows)]
        assert len(set(snapshot.groups[rows].tolist())) == len({price % 2 for price in model.values()})


def test_a_kill_at_any_step_loses_nothing(tmp_path: Path) -> None:
    """Two commits are acknowledged before the merge, one while it goes on."""
    folder = tmp_path / "store"
    store = filled(folder)
    state, at, died = 1, 0, 0
    while True:
        append_state(store, state := state + 1)

        def work(at: int = at, state: int = state) -> None:
            merging = LocalStore.open(folder)
            with merging.merge():
                append_state(LocalStore.open(folder), state + 1)
                die_at(at)

        status, _ = forked(work)
        state += 1
        check(folder, state)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        at, died = at + 2, died + 1
    assert died > 10
    with store.merge():
        pass
    with store.write():
        pass
    check(folder, state)
    left = {path.name for path in folder.iterdir()}
    assert not [name for name in left if "partial" in name or name.endswith(".new")]


def test_a_build_meanwhile_makes_the_merge_void(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    with store.merge():
        write_state(store, 3, rebuild=True)
    assert store.snapshot().version == "2.0"
    assert read_state(store.folder) == 3
    assert not (store.folder / "merging.partial").exists()


def test_only_one_merges(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    with store.merge():
        with pytest.raises(BusyError, match="is being merged already"), LocalStore.open(store.folder).merge():
            pass
        assert (store.folder / "merging.partial").exists(), "the other one left it alone"
    assert store.snapshot().version == "2.0"


def test_a_writer_that_does_not_end_leaves_everything_as_it_was(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    with store.write(), pytest.raises(BusyError, match="is being written"), LocalStore.open(store.folder).merge():
        pass
    assert store.snapshot().version == "1.1"
    assert generations(store.folder) == ["gen-1"]
    check(store.folder, 2)


def test_an_error_while_indexing_leaves_everything_as_it_was(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    with pytest.raises(ZeroDivisionError), store.merge():
        raise ZeroDivisionError
    assert generations(store.folder) == ["gen-1"]
    check(store.folder, 2)


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "store", 2)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(StoreError, match="no space left on the disk"), store.merge():
        monkeypatch.setattr(os, "fsync", full)
    monkeypatch.undo()
    check(store.folder, 2)
    append_state(store, 3)
    check(store.folder, 3)


def test_a_full_disk_while_appending_and_room_again(tmp_path: Path) -> None:
    """The size that a file may have stands for the room on the disk; the same open store reads on, and goes on."""
    folder = tmp_path / "store"
    filled(folder)

    def work() -> None:
        store = LocalStore.open(folder)
        append_state(store, 2)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        for room in (100, 2_000, 20_000, 45_000):
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, most))
            with pytest.raises(StoreError, match="The store is as it was before"):
                append_state(store, 3)
            snapshot = store.snapshot()
            found = snapshot.products(np.flatnonzero(snapshot.alive))
            assert {product.price for product in found} == {2.0}
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        append_state(store, 4)

    status, told = forked(work)
    assert (status, told) == (0, "")
    check(folder, 4)


def test_the_state_before_the_last_build_outlives_merges(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    write_state(store, 2, rebuild=True)
    for number in (3, 4, 5):
        append_state(store, number)
        with store.merge():
            pass
    assert generations(store.folder) == ["gen-1", "gen-4", "gen-5"]
    assert [store.rollback(), store.snapshot().version, store.rollback()] == [4, "4.1", 1]
    check(store.folder, 1)


def test_nobody_sees_a_mixture(tmp_path: Path) -> None:
    """One reads without a pause, one writes, one merges."""
    store = filled(tmp_path / "store", 2)
    done = threading.Event()
    wrong: list[object] = []

    def reading() -> None:
        other = LocalStore.open(store.folder)
        last = 0.0
        while not done.is_set():
            snapshot = other.snapshot()
            rows = np.flatnonzero(snapshot.alive)
            prices = {product.price or 0.0 for product in snapshot.products(rows)}
            vectors = set(snapshot.vectors("text", rows)[:, 0].tolist())
            if len(rows) != COUNT or len(prices) != 1 or prices != vectors or max(prices) < last:
                wrong.append((snapshot.version, len(rows), prices, vectors))
            last = max(prices)

    thread = threading.Thread(target=reading)
    thread.start()
    try:
        for number in range(3, 21, 3):
            append_state(store, number)
            with store.merge():
                append_state(store, number + 1)
                append_state(store, number + 2)
    finally:
        done.set()
        thread.join()
    assert not wrong
    check(store.folder, 20)
