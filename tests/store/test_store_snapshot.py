import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from filled import COUNT, filled, read_state, write_state

from sosie.config import Config
from sosie.errors import StoreError
from sosie.store import LocalStore
from sosie.types import Product


class Frozen:
    """As much of an encoder as a store needs."""

    signal, dim = "text", 4

    def __init__(self, fingerprint: str, fails: bool = False) -> None:
        self.fingerprint, self.fails = fingerprint, fails

    def save(self, folder: Path) -> None:
        (folder / "state.json").write_text(self.fingerprint)
        if self.fails:
            raise OSError(28, "No space left on device")

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls((folder / "state.json").read_text())


def build_with(store: LocalStore, encoder: Frozen, signal: str = "text") -> None:
    with store.write() as writer:
        writer.put([Product(id="a")], np.ones(1, np.uint64))
        with writer.generation({signal: 4}, {signal: encoder.fingerprint}) as fresh:
            writer.freeze(encoder)  # type: ignore[arg-type]
            fresh.describe(signal, encoder="Frozen")


def test_a_snapshot_outlives_its_folder(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    snapshot = store.snapshot()
    for path in store.folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    rows = np.flatnonzero(snapshot.alive)
    assert {product.price for product in snapshot.products(rows)} == {2.0}
    assert set(snapshot.columns["price"].values[rows]) == {2.0}
    assert (snapshot.vectors("text", rows) == 2).all()
    assert snapshot.row("p3") in rows


def test_readers_meet_whole_states_while_a_writer_goes_on(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    stop, failed = threading.Event(), []

    def read() -> None:
        last = 0
        try:
            while not stop.is_set():
                state = read_state(store.folder)
                snapshot = store.snapshot()
                rows = np.flatnonzero(snapshot.alive)
                assert len({product.price for product in snapshot.products(rows)}) == 1
                assert state >= last
                last = state
        except BaseException as error:
            failed.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    writing = LocalStore.open(store.folder)
    for number in range(2, 14):
        write_state(writing, number, rebuild=number % 4 == 0)
    stop.set()
    for reader in readers:
        reader.join()
    assert not failed
    assert read_state(store.folder) == 13


def test_a_small_commit_keeps_the_generation_open(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    first = store.snapshot()
    write_state(store, 2, rebuild=False)
    second = store.snapshot()
    assert second is not first
    assert second.generation is first.generation
    write_state(store, 3, rebuild=True)
    assert store.snapshot().generation is not first.generation


def test_a_store_made_anew_in_the_same_folder(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    assert store.snapshot().size == 2 * COUNT
    shutil.rmtree(store.folder)
    other = LocalStore.create(store.folder, Config())
    write_state(other, 7, rebuild=True)
    write_state(other, 8, rebuild=False)
    snapshot = store.snapshot()
    assert {product.price for product in snapshot.products(np.flatnonzero(snapshot.alive))} == {8.0}


def test_rows_can_not_be_revived_by_accident(tmp_path: Path) -> None:
    snapshot = filled(tmp_path / "store", 2).snapshot()
    for array in (snapshot.alive, snapshot.matrix("text"), snapshot.stamps):
        if isinstance(array, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1


def test_encoders_are_kept_as_long_as_a_generation_uses_them(tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "store", Config())
    for name in ("one/../1", "two", "three"):
        build_with(store, Frozen(name))
        assert Frozen.load(store.snapshot().encoder_folder("text")).fingerprint == name
    assert len(list((store.folder / "encoders").iterdir())) == 2
    store.rollback()
    assert Frozen.load(store.snapshot().encoder_folder("text")).fingerprint == "two"


def test_an_encoder_half_saved_is_none(tmp_path: Path) -> None:
    store = LocalStore.create(tmp_path / "store", Config())
    with pytest.raises(StoreError, match="no space left"):
        build_with(store, Frozen("one", fails=True))
    build_with(store, Frozen("one"))
    assert Frozen.load(store.snapshot().encoder_folder("text")).fingerprint == "one"


def test_given_vectors_have_no_encoder(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    for signal in ("text", "sound"):
        with pytest.raises(StoreError, match=f"'{signal}' has no encoder"):
            store.snapshot().encoder_folder(signal)


@pytest.mark.parametrize("signal", ["../../evil", "a/b", ".", "声音", "x y%z", "CON"])
def test_any_name_of_a_signal_stays_in_the_folder(tmp_path: Path, signal: str) -> None:
    store = LocalStore.create(tmp_path / "deep" / "store", Config())
    build_with(store, Frozen("f"), signal)
    snapshot = LocalStore.open(store.folder).snapshot()
    assert snapshot.signals == (signal,)
    assert snapshot.matrix(signal).shape == (1, 4)
    assert [path.name for path in tmp_path.iterdir()] == ["deep"]
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["store"]


def test_a_store_on_read_only_media(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite can't make the shared memory of WAL there; opened as immutable, the delta is still read."""
    store, real = filled(tmp_path / "store", 2), sqlite3.connect

    def read_only(address: str, **options: object) -> sqlite3.Connection:
        return real(address if "immutable=1" in address else "file:/no/such/file?mode=ro", **options)  # type: ignore

    monkeypatch.setattr(sqlite3, "connect", read_only)
    assert read_state(store.folder) == 2
