"""Whether what is to be learnt is a matter of colour: then pictures keep their colours while they are learnt from."""

from dataclasses import replace

import numpy as np

from sosie.store import Snapshot
from sosie.train.lesson import Lesson
from sosie.train.recipe import Recipe
from sosie.types import Matrix, Rows

SOME = 2_000  # products that ask each other


def keeping_colours(recipe: Recipe, snapshot: Snapshot, lesson: Lesson) -> tuple[Recipe, Lesson]:
    """The recipe with colours left as they are, and a note of it, where a label goes by colour more than by looks.

    That is asked of the products to learn from, by the store's signals "colour" and "image"; where it lacks one of
    them, or the recipe says what is to be, nothing is changed.
    """
    own = recipe.augmentation.colours is None and recipe.sees == "pictures"
    if not own or not {"colour", "image"} <= set(snapshot.signals):
        return recipe, lesson
    for known in lesson.known:
        if not len(known.labels):
            continue
        labels = known.labels[0]
        told = np.flatnonzero(labels >= 0)
        some = told[:: max(1, len(told) // SOME)]
        rows = lesson.rows[some]
        apart = known.groups[some], known.twins[some]
        by = {name: _agreeing(snapshot.vectors(name, rows), labels[some], apart) for name in ("colour", "image")}
        if by["colour"] > by["image"]:
            told_so = (
                f"{by['colour']:.0%} of the products share the label with the nearest by colour, {by['image']:.0%} "
                "with the nearest by looks: colours are left as they are (augmentation.colours=true changes them)."
            )
            augmentation = recipe.augmentation.model_copy(update={"colours": False})
            changed = recipe.model_copy(update={"augmentation": augmentation})
            return changed, replace(lesson, notes=(*lesson.notes, told_so))
    return recipe, lesson


def _agreeing(vectors: Matrix, labels: Rows, apart: tuple[Rows, ...]) -> float:
    """Share of products whose nearest other one has their label; variants and twins of title answer nobody."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    for numbers in apart:
        cosines[(numbers[:, None] == numbers[None, :]) & (numbers >= 0)[:, None]] = -np.inf
    asking = vectors.any(axis=1) & np.isfinite(cosines).any(axis=1)
    nearest = cosines.argmax(axis=1)
    return float((labels[nearest] == labels)[asking].mean()) if asking.any() else 0.0
