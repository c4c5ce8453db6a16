"""From a lesson and its material to a training that is set up."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sosie.scoring import apply_scale, fit_scale
from sosie.train.fit import Course, Embed
from sosie.train.inputs import Vectors
from sosie.train.lesson import Lesson
from sosie.train.material import Material
from sosie.train.recipe import Recipe
from sosie.train.teaching import Teaching
from sosie.types import Matrix, Rows

SAMPLE = 10_000  # vectors from which the maps of a network begin


def course_of(lesson: Lesson, material: Material, recipe: Recipe, run: Path, key: Mapping[str, str]) -> Course:
    """A lesson as a training: objectives, batches, what judges. Raises TrainingError where nothing is to be learnt."""
    good = material.good[: material.learnt]
    teaching = Teaching(lesson.known, np.arange(material.learnt), good, recipe)
    first = teaching.first
    among = np.flatnonzero(first >= 0)

    def mine(embed: Embed, epoch: int) -> Rows:
        assert recipe.mining is not None
        return teaching.mined(embed(first[among]), among, recipe.mining, epoch)

    judge = lesson.judge

    def judged(embed: Embed) -> float:
        assert judge is not None
        return judge.figure(vectors_to_judge(lesson, material, embed))

    return Course(
        recipe,
        material.inputs,
        teaching.objectives(),
        teaching.batches,
        judged if judge else None,
        judge.measure if judge else "",
        run,
        key,
        mine if recipe.mining else None,
    )


def vectors_to_judge(lesson: Lesson, material: Material, embed: Embed) -> Matrix:
    """The vectors a judge asks for, scaled as a store scales them; zeros where a product has none."""
    assert lesson.judge is not None
    order = np.argsort(material.rows, kind="stable")
    items = order[np.searchsorted(material.rows, lesson.judge.rows, sorter=order)]
    there = material.good[items]
    found = embed(items[there])
    vectors = np.zeros((len(items), found.shape[1]), np.float32)
    vectors[there] = found
    return apply_scale(vectors, fit_scale(found))


def sample_of(material: Material) -> Mapping[str, Matrix]:
    """Vectors from which the maps of a network of vectors begin: of products that are learnt from."""
    if not isinstance(material.inputs, Vectors):
        return {}
    step = max(1, material.learnt // SAMPLE)
    return {signal: matrix[: material.learnt : step] for signal, matrix in material.inputs.matrices.items()}
