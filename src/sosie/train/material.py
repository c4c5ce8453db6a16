"""What a network reads of a training's products, brought together before it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.store import Snapshot
from sosie.train.inputs import SPARE, Inputs, Pictures, Vectors, decode, vectors_of
from sosie.train.lesson import Lesson
from sosie.train.lessons import pictures_of
from sosie.train.recipe import Recipe
from sosie.types import Encoder, Mask, Matrix, Progress, Rows


@dataclass(frozen=True, eq=False)
class Material:
    """All products of a training as items: those learnt from come first."""

    rows: Rows  # (items,) of the snapshot
    learnt: int  # how many are learnt from
    good: Mask  # (items,) that have what the network reads
    inputs: Inputs
    parts: Mapping[str, Encoder]  # frozen encoders whose vectors it reads
    signals: tuple[str, ...]  # that the trained encoder stands beside
    notes: tuple[str, ...]


def gather(store: Store, snapshot: Snapshot, lesson: Lesson, recipe: Recipe, run: Path, progress: Progress) -> Material:
    """What a recipe's network reads of the products of a lesson; what takes long to make is kept in `run`.

    Raises TrainingError: too few products have it, disk full. Raises EncoderError.
    """
    judged = lesson.judge.rows if lesson.judge else np.empty(0, np.int64)
    rows = np.concatenate([lesson.rows, np.setdiff1d(judged, lesson.rows)])
    parts: dict[str, Encoder] = {}
    notes: list[str] = []
    inputs: Inputs
    match recipe.sees:
        case "vectors":
            parts = {signal: load_encoder(snapshot.encoder_folder(signal)) for signal in recipe.signals}
            inputs, good = _vectors(store, snapshot, rows, parts, progress)
            signals = recipe.signals
        case "pictures":
            inputs, good = _pictures(snapshot, rows, recipe, run / "pictures", notes, progress)
            signals = ("image",)
    learnt = int(good[: len(lesson.rows)].sum())
    if learnt < 2:
        raise TrainingError(f"only {learnt} of the {len(lesson.rows):,} products to learn from have {recipe.sees}.")
    if learnt < len(lesson.rows):
        notes.append(f"{len(lesson.rows) - learnt:,} products to learn from have no {recipe.sees} and are left out.")
    return Material(rows, len(lesson.rows), good, inputs, parts, signals, tuple(notes))


def _vectors(
    store: Store, snapshot: Snapshot, rows: Rows, parts: Mapping[str, Encoder], progress: Progress
) -> tuple[Vectors, Mask]:
    matrices: dict[str, Matrix] = {
        signal: vectors_of(encoder, snapshot, rows, store.cache, progress) for signal, encoder in parts.items()
    }
    good: Mask = np.any([matrix.any(axis=1) for matrix in matrices.values()], axis=0)
    return Vectors(matrices), good


def _pictures(
    snapshot: Snapshot, rows: Rows, recipe: Recipe, folder: Path, notes: list[str], progress: Progress
) -> tuple[Pictures, Mask]:
    refs = pictures_of(snapshot, rows)
    side = max(recipe.final_size, round(SPARE * max(recipe.sizes)))
    problems: dict[str, str] = {}
    pixels, good = decode(refs, side, folder, problems, progress)
    notes += [f"pictures that can't be read are left out: {why}" for why in list(problems.values())[:3]]
    sizes = [recipe.size_at(epoch) for epoch in range(recipe.epochs)]
    return Pictures(pixels, recipe.augmentation, sizes, recipe.final_size), good
