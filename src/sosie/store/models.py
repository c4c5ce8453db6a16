"""Learned encoders that lie in a store, whether it uses them or not."""

import filecmp
import shutil
from itertools import count
from pathlib import Path

from sosie.store.files import explained, sync_folder, sync_tree

MODELS = "models"


def keep_model(store: Path, model: Path) -> Path:
    """The folder of a model in a store: copied under its name, or the next free one, unless it is there already.

    Nothing that is there is replaced, since a roll-back may come back to it. Raises StoreError: disk full.
    """
    model = model.resolve()
    models = store.resolve() / MODELS
    if model.parent == models:
        return model
    names = (model.name if number == 1 else f"{model.name}-{number}" for number in count(1))
    for folder in (models / name for name in names):
        if not folder.exists():
            break
        if same_model(model, folder):
            return folder
    beside = folder.with_name(f"{folder.name}.partial")
    with explained(store, f"keep a copy of {model}"):
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(model, beside)
        sync_tree(beside)
        beside.rename(folder)
        sync_folder(models)
    return folder


def same_model(one: Path, other: Path) -> bool:
    """Whether two folders hold the same files."""
    files = [{str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} for folder in (one, other)]
    return files[0] == files[1] and not any(filecmp.cmpfiles(one, other, files[0], shallow=False)[1:])
