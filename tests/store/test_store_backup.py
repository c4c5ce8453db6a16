"""A store in use backed up into one file, and put in place again; files that are damaged or hostile."""

import io
import json
import os
import signal
import tarfile
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from filled import filled, read_state, write_state
from test_store_crash import die_at, forked
from test_store_merging import append_state, check

from sosie.errors import StoreError
from sosie.store import LocalStore, records_of
from sosie.store.backup import back_up
from sosie.store.restore import restore
from sosie.types import Product


def silent(stage: str, done: int, total: int | None) -> None:
    pass


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if "partial" in path.name or path.name.endswith(".new"))


def test_there_and_back(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 3)
    (store.folder / "rules.json").write_text("the rules")
    (store.folder / "pictures" / "a").mkdir(parents=True)
    (store.folder / "pictures" / "a" / "b.png").write_bytes(b"picture")
    (store.folder / "models" / "m").mkdir(parents=True)
    (store.folder / "models" / "m" / "encoder.json").write_text("{}")
    (store.folder / "cache").mkdir(exist_ok=True)
    (store.folder / "cache" / "vectors.sqlite").write_bytes(b"left out")
    told = back_up(store.folder, tmp_path / "b.tar", silent)
    assert told.version == "1.2"
    assert left(tmp_path) == []
    assert (tmp_path / "b.tar").stat().st_mode & 0o077 == 0
    back = restore(tmp_path / "b.tar", tmp_path / "other", False, silent)
    assert (back.version, back.bytes) == ("1.2", told.bytes)
    assert read_state(tmp_path / "other") == 3
    assert (tmp_path / "other" / "rules.json").read_text() == "the rules"
    assert (tmp_path / "other" / "pictures" / "a" / "b.png").read_bytes() == b"picture"
    assert (tmp_path / "other" / "models" / "m" / "encoder.json").exists()
    assert not (tmp_path / "other" / "cache").exists()
    assert left(tmp_path / "other") == []
    write_state(LocalStore.open(tmp_path / "other"), 4, rebuild=False)
    assert read_state(tmp_path / "other") == 4


def test_what_was_there_is_not_replaced_unless_told_and_can_be_had_back(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    back_up(store.folder, tmp_path / "b.tar", silent)
    write_state(store, 3, rebuild=True)
    append_state(store, 4)
    (store.folder / "rules.json").write_text("made later")
    with pytest.raises(StoreError, match=r"a store already.*--force"):
        restore(tmp_path / "b.tar", store.folder, False, silent)
    check(store.folder, 4)
    assert restore(tmp_path / "b.tar", store.folder, True, silent).version == "3.1"
    assert read_state(store.folder) == 2
    assert store.snapshot().version == "3.1", "whoever has it open sees it"
    assert not (store.folder / "rules.json").exists()
    append_state(store, 5)
    check(store.folder, 5)
    assert store.rollback() == 2
    check(store.folder, 4)


def test_a_damaged_store_is_restored(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    back_up(store.folder, tmp_path / "b.tar", silent)
    write_state(store, 3, rebuild=True)
    (store.folder / "manifest.json").write_text("{")
    restore(tmp_path / "b.tar", store.folder, True, silent)
    assert read_state(store.folder) == 2


def test_pictures_of_the_store_are_found_where_they_are_now(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    old = str(store.folder.resolve())
    with store.append() as appender:
        put = [
            Product("in", images=(f"{old}/pictures/a.png", "/elsewhere/b.png"), videos=(f"{old}/uploaded/c.mp4",)),
            Product("out", images=(f"{old}-other/pictures/a.png",)),
        ]
        appender.commit(put, records_of(put), {}, np.zeros(0, np.int64))
    with store.merge():
        put = [replace(put[0], id="late")]
        with store.append() as appender:
            appender.commit(put, records_of(put), {}, np.zeros(0, np.int64))
    back_up(store.folder, tmp_path / "b.tar", silent)
    restore(tmp_path / "b.tar", tmp_path / "other", False, silent)
    new = str((tmp_path / "other").resolve())
    snapshot = LocalStore.open(tmp_path / "other").snapshot()
    found = {id: snapshot.products([snapshot.row(id) or 0])[0] for id in ("in", "out", "late")}
    for id in ("in", "late"):
        assert found[id].images == (f"{new}/pictures/a.png", "/elsewhere/b.png")
        assert found[id].videos == (f"{new}/uploaded/c.mp4",)
    assert found["out"].images == (f"{old}-other/pictures/a.png",)


def test_a_back_up_while_others_write_and_merge_is_one_state(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    done = threading.Event()

    def writing() -> None:
        number = 3
        while not done.is_set():
            with store.merge():
                append_state(store, number)
            append_state(store, number + 1)
            number += 2

    thread = threading.Thread(target=writing)
    thread.start()
    try:
        for at in range(5):
            back_up(store.folder, tmp_path / f"{at}.tar", silent)
    finally:
        done.set()
        thread.join()
    numbers = []
    for at in range(5):
        restore(tmp_path / f"{at}.tar", tmp_path / str(at), False, silent)
        snapshot = LocalStore.open(tmp_path / str(at)).snapshot()
        (number,) = {product.price for product in snapshot.products(np.flatnonzero(snapshot.alive))}
        check(tmp_path / str(at), int(number or 0))
        numbers.append(number or 0.0)
    assert numbers == sorted(numbers)


def test_a_kill_at_any_step_of_restoring_leaves_one_state_or_the_other(tmp_path: Path) -> None:
    store = filled(tmp_path / "store", 2)
    back_up(store.folder, tmp_path / "b.tar", silent)
    append_state(store, 5)
    at = died = 0
    while True:

        def work(at: int = at) -> None:
            die_at(at)
            restore(tmp_path / "b.tar", store.folder, True, silent)

        status, _ = forked(work)
        snapshot = LocalStore.open(store.folder).snapshot()
        (number,) = {product.price for product in snapshot.products(np.flatnonzero(snapshot.alive))}
        assert number in (2.0, 5.0)
        check(store.folder, int(number))
        if status == 0:
            break
        assert status == -signal.SIGKILL
        if number == 2.0:
            append_state(LocalStore.open(store.folder), 5)
        at, died = at + 3, died + 1
    assert died > 5
    assert number == 2.0


def remade(file: Path, out: Path, change: Callable[[str, bytes], list[tuple[str, bytes]]]) -> Path:
    """The same back-up with some parts changed, left out or added."""
    with tarfile.open(file) as before, tarfile.open(out, "w") as after:
        for member in before:
            stream = before.extractfile(member)
            assert stream is not None
            for name, content in change(member.name, stream.read()):
                info = tarfile.TarInfo(name)
                info.size = len(content)
                after.addfile(info, io.BytesIO(content))
    return out


@pytest.fixture
def backed(tmp_path: Path) -> Path:
    back_up(filled(tmp_path / "store", 2).folder, tmp_path / "b.tar", silent)
    return tmp_path / "b.tar"


def refused(file: Path, told: str) -> None:
    with pytest.raises(StoreError, match=told):
        restore(file, file.parent / "other", False, silent)
    assert not LocalStore.exists(file.parent / "other")
    assert left(file.parent / "other") == []


def test_damage_is_found_before_anything_is_switched(backed: Path, tmp_path: Path) -> None:
    def flip(name: str, content: bytes) -> list[tuple[str, bytes]]:
        return [(name, b"X" + content[1:] if name == "generation/records.bin" else content)]

    refused(remade(backed, tmp_path / "flipped.tar", flip), r"damaged.*generation/records\.bin")
    without = remade(backed, tmp_path / "w.tar", lambda n, c: [] if n == "generation/ids.bin" else [(n, c)])
    refused(without, r"damaged.*generation/ids\.bin")
    more = remade(backed, tmp_path / "m.tar", lambda n, c: [(n, c), *([("rules.json", b"{}")] * (n == "delta.sqlite"))])
    refused(more, r"damaged.*rules\.json")
    indexless = remade(backed, tmp_path / "i.tar", lambda n, c: [] if n == "backup.json" else [(n, c)])
    refused(indexless, "cut off")
    newer = remade(backed, tmp_path / "n.tar", lambda n, c: [(n, b'{"format": 9}' if n == "backup.json" else c)])
    refused(newer, "newer sosie")
    content = backed.read_bytes()
    for size in (0, 100, 700, len(content) // 2, len(content) - 20_000):
        (tmp_path / "cut.tar").write_bytes(content[:size])
        refused(tmp_path / "cut.tar", "cut off|damaged|no back-up")
    (tmp_path / "text.tar").write_text("hello" * 1000)
    refused(tmp_path / "text.tar", "no back-up of a store")
    refused(tmp_path / "nowhere.tar", "no such file")


@pytest.mark.parametrize(
    "name", ["/tmp/x", "../x", "generation/../../x", "..", ".", "other.txt", "generation", "encoders/../manifest.json"]
)
def test_names_that_lead_elsewhere_are_refused(backed: Path, tmp_path: Path, name: str) -> None:
    added = remade(backed, tmp_path / "h.tar", lambda n, c: [*([(name, b"x")] * (n == "generation/ids.bin")), (n, c)])
    refused(added, "no back-up of a store|could not restore")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_refused(backed: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "l.tar", "w") as tar:
        info = tarfile.TarInfo("generation/ids.bin")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    refused(tmp_path / "l.tar", "no back-up of a store")


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "store", 2)
    (tmp_path / "b.tar").write_bytes(b"the one before")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no space left"):
        back_up(store.folder, tmp_path / "b.tar", silent)
    monkeypatch.undo()
    assert (tmp_path / "b.tar").read_bytes() == b"the one before"
    assert left(tmp_path) == []
    back_up(store.folder, tmp_path / "b.tar", silent)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no space left"):
        restore(tmp_path / "b.tar", tmp_path / "other", False, silent)
    monkeypatch.undo()
    assert left(tmp_path / "other") == []
    restore(tmp_path / "b.tar", tmp_path / "other", False, silent)
    assert read_state(tmp_path / "other") == 2


def test_a_part_of_the_index_is_what_it_says(backed: Path) -> None:
    with tarfile.open(backed) as tar:
        assert tar.getnames()[-1] == "backup.json"
        stream = tar.extractfile("backup.json")
        assert stream is not None
        index = json.load(stream)
        assert set(index["files"]) == set(tar.getnames()) - {"backup.json"}
        assert index["files"]["generation/ids.bin"]["bytes"] == tar.getmember("generation/ids.bin").size
