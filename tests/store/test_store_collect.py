"""What is removed, what is told of it, and what is left alone."""

from pathlib import Path

import numpy as np
import pytest
from filled import filled, read_state, write_state

from sosie.errors import BusyError
from sosie.store import LocalStore
from sosie.store.collect import Freed, collect


def test_nothing_is_freed_of_a_tidy_store(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 3)
    write_state(store, 4, rebuild=True)
    assert collect(store.folder) == Freed(0, 0, 0)
    assert read_state(store.folder) == 4
    assert store.rollback() == 1
    assert read_state(store.folder) == 3


def test_what_killed_processes_left_is_freed(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    for name, size in (("gen-7/ids.bin", 100), ("delta-9.sqlite", 10), ("delta-9.sqlite-wal", 1)):
        (store.folder / name).parent.mkdir(exist_ok=True)
        (store.folder / name).write_bytes(b"x" * size)
    for name in ("staged.partial", "restored.partial", "merging.partial", "encoders/a.partial", "models/b.partial"):
        (store.folder / name).mkdir(parents=True)
        (store.folder / name / "file").write_bytes(b"y" * 1_000)
    (store.folder / "manifest.json.new").write_bytes(b"z" * 500)
    freed = collect(store.folder)
    assert freed == Freed(1_111, 4_500, 0), "an encoder half saved belongs to the states"
    assert collect(store.folder) == Freed(0, 0, 0)
    assert read_state(store.folder) == 2
    assert not list(store.folder.rglob("*.partial"))


def test_the_cache_is_bounded(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    contents = [str(number) for number in range(2_000)]
    store.cache.put("encoder", contents, np.ones((2_000, 256), np.float32))
    freed = collect(store.folder, 500_000)
    assert freed.cache > 1_000_000
    assert sum(file.stat().st_size for file in (store.folder / "cache").iterdir()) < 1_000_000
    found, _ = store.cache.get("encoder", contents, 256)
    assert found[-1]
    assert not found[0]


def test_others_are_left_alone(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    with store.merge():
        freed = collect(store.folder)
        assert freed.notes
        assert (store.folder / "merging.partial").exists()
    assert store.snapshot().version == "2.0"
    assert read_state(store.folder) == 2


def test_a_writer_is_waited_for_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "store")
    monkeypatch.setattr("sosie.store.collect.WAIT", 0.05)
    with store.write(), pytest.raises(BusyError, match="is being written by process"):
        collect(LocalStore.open(store.folder).folder)
