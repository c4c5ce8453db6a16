"""Kills, full disks, damage, other versions: the old state stays, and the next run goes on."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filled import COUNT, DIM, filled, products, read_state, write_state

from sosie.config import Config
from sosie.errors import StoreError
from sosie.store import LocalStore

WRITER = """
import sys
from pathlib import Path
from filled import write_state
from sosie.store import LocalStore
store = LocalStore.open(Path(sys.argv[1]))
number = int(sys.argv[2])
while True:
    number += 1
    write_state(store, number, rebuild=number % 3 == 0)
    print(number, flush=True)
"""


def forked(work: Callable[[], object]) -> tuple[int, str]:
    """Run in a forked child; returns its exit status, and the error that came out of it."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        status = 1
        try:
            work()
            status = 0
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        told = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), told


def die_at(step: int) -> None:
    """End this process, without any clean-up, at the n-th call that could change something on the disk."""
    left = [step]

    def dying(name: str) -> Callable[..., object]:
        real = getattr(os, name)

        def call(*args: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **options)

        return call

    for name in ("fsync", "replace", "rename", "mkdir", "unlink", "posix_fallocate", "rmdir"):
        setattr(os, name, dying(name))


@pytest.mark.parametrize("rebuild", [False, True], ids=["delta", "generation"])
def test_a_kill_at_any_step_leaves_one_state_or_the_next(tmp_path: Path, rebuild: bool) -> None:
    folder = tmp_path / "store"
    filled(folder, 2)
    state, step, died = 2, 0, 0
    while True:

        def work(step: int = step, state: int = state) -> None:
            store = LocalStore.open(folder)
            die_at(step)
            write_state(store, state + 1, rebuild)

        status, _ = forked(work)
        found = read_state(folder)
        assert found in (state, state + 1)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        state, step, died = found, step + (2 if rebuild else 1), died + 1
    assert found == state + 1
    assert died > (10 if rebuild else 3)
    write_state(LocalStore.open(folder), 99, rebuild=True)
    write_state(LocalStore.open(folder), 100, rebuild=True)
    left = {path.name for path in folder.iterdir()} - {"write.lock"}
    assert len([name for name in left if name.startswith("gen-")]) == 2
    assert not [name for name in left if "partial" in name or "new" in name or name == "writer.json"]


def test_kills_at_random_moments(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    filled(folder)
    state = 1
    chance = random.Random(0)
    for _ in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(state)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parent,
            text=True,
        )
        assert child.stdout is not None
        acknowledged = [int(child.stdout.readline())]
        time.sleep(chance.uniform(0, 0.15))
        child.kill()
        acknowledged += [int(line) for line in child.stdout.read().split()]
        child.wait()
        state = read_state(folder)
        assert state in (acknowledged[-1], acknowledged[-1] + 1)


@pytest.mark.parametrize("rebuild", [False, True], ids=["delta", "generation"])
def test_a_full_disk_is_told_and_changes_nothing(tmp_path: Path, rebuild: bool) -> None:
    """The size that a file may have stands for the room on the disk; both end in an OSError of the system."""
    folder = tmp_path / "store"
    filled(folder)
    refused = 0
    for room in (100, 1_000, 2_000, 4_000, 8_000, 16_000):

        def work(room: int = room) -> None:
            store = LocalStore.open(folder)
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
            write_state(store, 2, rebuild)

        status, told = forked(work)
        if status == 0:
            break
        assert told.startswith("StoreError: ")
        assert "The store is as it was before" in told
        assert read_state(folder) == 1
        refused += 1
    assert refused >= 2
    write_state(LocalStore.open(folder), 7, rebuild)
    assert read_state(folder) == 7


def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = filled(tmp_path / "store")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="no space left on the disk"):
        write_state(store, 2, rebuild=True)
    with pytest.raises(StoreError, match="no space left on the disk"):
        write_state(store, 2, rebuild=False)
    monkeypatch.undo()
    assert read_state(store.folder) == 1


def test_an_error_of_the_engine_passes_unchanged(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    with pytest.raises(FileNotFoundError), store.write():
        Path(tmp_path / "nowhere").read_bytes()


def test_a_commit_that_no_manifest_names_never_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delta's transaction went through, the disk was full for the manifest."""
    store = filled(tmp_path / "store", 2)
    monkeypatch.setattr("sosie.store.manifest.write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(StoreError):
        write_state(store, 3, rebuild=False)
    monkeypatch.undo()
    assert read_state(store.folder) == 2
    write_state(store, 4, rebuild=False)
    assert read_state(store.folder) == 4
    assert store.snapshot().size == 4 * COUNT - COUNT


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store here"):
        LocalStore.open(tmp_path / "nothing")
    with pytest.raises(StoreError, match="there is no store here"):
        LocalStore(tmp_path / "nothing").rollback()
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="not the folder of a store"):
        LocalStore.open(tmp_path / "file")


def test_a_second_create_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "store")
    with pytest.raises(StoreError, match="a store already"):
        LocalStore.create(tmp_path / "store", Config())


def test_a_newer_format_is_named_with_both_versions(tmp_path: Path) -> None:
    folder = filled(tmp_path / "store").folder
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 12, "colour": "new"}))
    with pytest.raises(StoreError, match=r"format version 12, this sosie knows format version 1\b"):
        LocalStore.open(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"format": 1}', '{"format": 1, "config": {"sgnals": 1}}'])
def test_a_damaged_manifest_says_how_to_go_back(tmp_path: Path, content: str) -> None:
    folder = filled(tmp_path / "store", 2).folder
    (folder / "manifest.json").write_text(content)
    with pytest.raises(StoreError, match=r"sosie rollback.*gen-1"):
        LocalStore.open(folder)
    LocalStore(folder).rollback()
    snapshot = LocalStore.open(folder).snapshot()
    assert {product.price for product in snapshot.products(np.flatnonzero(snapshot.alive))} == {2.0}


def test_a_missing_manifest_is_no_empty_folder(tmp_path: Path) -> None:
    folder = filled(tmp_path / "store").folder
    (folder / "manifest.json").unlink()
    assert LocalStore.exists(folder)
    with pytest.raises(StoreError, match=r"manifest\.json is missing"):
        LocalStore.open(folder)
    LocalStore(folder).rollback()
    assert read_state(folder) == 1


def test_damage_with_nothing_to_go_back_to(tmp_path: Path) -> None:
    folder = LocalStore.create(tmp_path / "store", Config()).folder
    (folder / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="remove it and build again"):
        LocalStore.open(folder)


DAMAGED = [
    *("ids.bin", "ids.hash.npy", "records.bin", "records.npy", "stamps.npy", "groups.npy", "columns.json"),
    *("words.bin", "numbers.npy", "entries.row.npy", "entries.code.npy", "vectors-text.npy", "mean-text.npy"),
]


@pytest.mark.parametrize("name", DAMAGED)
@pytest.mark.parametrize("left", [None, 0, 1], ids=["gone", "empty", "cut"])
def test_a_damaged_generation_is_told(tmp_path: Path, name: str, left: int | None) -> None:
    store = filled(tmp_path / "store")
    write_state(store, 2, rebuild=True)
    file = store.snapshot().folder / name
    content = file.read_bytes()
    file.unlink()
    if left is not None:
        file.write_bytes(content[: left * len(content) // 2])
    with pytest.raises(StoreError, match=r"damaged or incomplete.*rollback.*gen-1"):
        LocalStore.open(store.folder)
    LocalStore(store.folder).rollback()
    assert read_state(store.folder) == 1


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 300])
def test_a_damaged_delta_is_told(tmp_path: Path, content: bytes | None) -> None:
    store = filled(tmp_path / "store", 2)
    (file,) = store.folder.glob("delta-*.sqlite")
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StoreError, match="damaged or incomplete"):
        LocalStore.open(store.folder)


def test_another_writer_is_named(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    code = (
        "import sys; from pathlib import Path; from sosie.store import LocalStore\n"
        "with LocalStore.open(Path(sys.argv[1])).write(): print('in', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(store.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "in\n"
    with pytest.raises(StoreError, match=rf"process {child.pid}, since 20"):
        write_state(store, 2, rebuild=False)
    child.kill()
    child.communicate()
    write_state(store, 2, rebuild=False)
    assert read_state(store.folder) == 2


def test_other_files_in_the_folder_stay(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    (folder / "pictures").mkdir(parents=True)
    (folder / "pictures" / "a.jpg").write_bytes(b"x")
    (folder / "gen-notes").mkdir()
    store = filled(folder)
    for number in (2, 3, 4):
        write_state(store, number, rebuild=True)
    assert (folder / "pictures" / "a.jpg").exists()
    assert (folder / "gen-notes").exists()
    assert products(4)[0] == store.snapshot().products([0])[0]
    assert store.snapshot().matrix("text").shape == (COUNT, DIM)


def test_a_generation_that_was_never_switched_to_is_no_state_to_go_back_to(tmp_path: Path) -> None:
    store = filled(tmp_path / "store")
    write_state(store, 2, rebuild=True)
    before = (store.folder / "manifest.json").read_bytes()
    write_state(store, 3, rebuild=True)
    (store.folder / "manifest.json").write_bytes(before)  # as if killed just before the switch
    assert read_state(store.folder) == 2
    write_state(store, 4, rebuild=False)
    write_state(store, 5, rebuild=True)
    store.rollback()
    assert read_state(store.folder) == 4
