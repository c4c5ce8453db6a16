"""Removing what no state of a store refers to any more."""

import shutil
from contextlib import suppress
from pathlib import Path

from sosie.errors import StoreError
from sosie.store.delta import remove_delta
from sosie.store.files import file_name
from sosie.store.manifest import Manifest, generation_folder, read_manifest, whole_generations
from sosie.store.snapshot import ENCODERS


def drop_leftovers(store: Path) -> None:
    """Remove what a killed writer left, finished or not, what a roll-back left behind, and encoders half saved."""
    try:
        current = read_manifest(store).generation
    except StoreError:
        return  # nothing is removed from a damaged store
    kept = {current, *(number for number in whole_generations(store) if number < current)}
    for folder in store.glob("gen-*"):
        number = folder.name.removeprefix("gen-")
        if number.isdigit() and int(number) not in kept:
            _drop(store, int(number))
    for folder in (store / ENCODERS).glob("*.partial"):
        shutil.rmtree(folder, ignore_errors=True)


def drop_old_generations(store: Path, current: Manifest) -> None:
    """Keep the current generation, the one before it, the last one before the last full build, and their encoders."""
    try:
        earlier = [
            (number, read_manifest(generation_folder(store, number)))
            for number in whole_generations(store)
            if number < current.generation
        ]
    except StoreError:
        return  # what can't be read may still be needed
    before_build = [(number, manifest) for number, manifest in earlier if manifest.built < current.built]
    kept = dict([*before_build[-1:], *earlier[-1:], (current.generation, current)])
    for number in whole_generations(store):
        if number not in kept:
            _drop(store, number)
    manifests = kept.values()
    used = {file_name(state.fingerprint) for manifest in manifests for state in manifest.signals.values()}
    for folder in (store / ENCODERS).glob("*"):
        if folder.name not in used:
            shutil.rmtree(folder, ignore_errors=True)


def discard(folder: Path) -> None:
    """Remove a folder, where it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _drop(store: Path, number: int) -> None:
    shutil.rmtree(generation_folder(store, number), ignore_errors=True)
    with suppress(OSError):  # what can't be removed now is removed another time
        remove_delta(store, number)
