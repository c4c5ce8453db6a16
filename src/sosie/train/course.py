"""From a lesson and its material to a training that is set up."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from sosie.scoring import apply_scale, fit_scale
from sosie.train.fit import Course, Embed
from sosie.train.inputs import Looks, OneSide, Vectors
from sosie.train.judging import Judge, LookJudge
from sosie.train.lesson import Lesson
from sosie.train.material import Material
from sosie.train.recipe import Recipe
from sosie.train.teaching import Teaching
from sosie.train.tokens import Texts, token_vectors
from sosie.train.twins import looks_of
from sosie.types import Matrix, Rows

SAMPLE = 10_000  # vectors from which the maps of a network begin


def course_of(lesson: Lesson, material: Material, recipe: Recipe, run: Path, key: Mapping[str, str]) -> Course:
    """A lesson as a training: objectives, batches, what judges. Raises TrainingError where nothing is to be learnt."""
    good = material.good[: material.learnt]
    taught = None if material.taught is None else material.taught[: material.learnt]
    teaching = Teaching(lesson.known, material.product, good, recipe, taught)
    first = teaching.first
    among = np.flatnonzero(first >= 0)
    if recipe.mining or not len(lesson.known[0].labels):  # what nobody called alike is taken for unlike
        looks = np.full(lesson.known[0].size, -1)
        looks[among] = looks_of(material.inputs, first[among])
        teaching = replace(teaching, known=tuple(replace(one, looks=looks) for one in lesson.known))

    def mine(embed: Embed, epoch: int) -> Rows:
        assert recipe.mining is not None
        return teaching.mined(embed(first[among]), among, recipe.mining, epoch)

    judge = lesson.judge
    if isinstance(judge, LookJudge) and recipe.rebuild:
        judge = None  # what only is to be made again is found again from the first epoch on

    def judged(embed: Embed) -> float:
        assert judge is not None
        return judge.figure(vectors_to_judge(lesson, material, recipe, embed))

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
        _judges_what_is_learnt(judge, recipe),
    )


def vectors_to_judge(lesson: Lesson, material: Material, recipe: Recipe, embed: Embed) -> Matrix:
    """The vectors a judge asks for, scaled as a store scales them; zeros where a product has none."""
    judge = lesson.judge
    assert judge is not None
    items = _items(material, judge.rows)
    there = material.good[items]
    towers = isinstance(judge, LookJudge) and recipe.towers > 0
    found = embed(items[there], OneSide(material.inputs, words=False) if towers else None)
    vectors = np.zeros((len(items), found.shape[1]), np.float32)
    vectors[there] = found
    if isinstance(judge, LookJudge):
        if towers:
            others = np.zeros_like(vectors)
            others[there] = embed(items[there], OneSide(material.inputs, words=True))
        else:
            others = _looks(judge, material, recipe, embed, found.shape[1])
        vectors = np.concatenate([vectors, others])
    return apply_scale(vectors, fit_scale(found))


def _looks(judge: LookJudge, material: Material, recipe: Recipe, embed: Embed, dim: int) -> Matrix:
    """Embeddings of other looks: of another photo, or, where there is none, of an augmentation."""
    photos = material.looks if len(material.looks) else np.full(len(judge.looks), -1)
    items = np.where(photos >= 0, photos, _items(material, judge.looks))
    vectors = np.zeros((len(items), dim), np.float32)
    for chosen, inputs in ((photos >= 0, None), (photos < 0, Looks(material.inputs, max(recipe.augmented - 1, 0)))):
        chosen = chosen & material.good[items]
        if chosen.any():
            vectors[chosen] = embed(items[chosen], inputs)
    return vectors


def _items(material: Material, rows: Rows) -> Rows:
    """The first item of each row of the snapshot."""
    order = np.argsort(material.rows, kind="stable")
    items: Rows = order[np.searchsorted(material.rows, rows, sorter=order)]
    return items


def sample_of(material: Material) -> Mapping[str, Matrix]:
    """Vectors from which a network begins: those of products that are learnt from, or those of "tokens"."""
    if isinstance(material.inputs, Texts):
        return {"tokens": token_vectors(material.inputs, np.arange(material.learnt))}
    if not isinstance(material.inputs, Vectors):
        return {}
    step = max(1, material.learnt // SAMPLE)
    return {signal: matrix[: material.learnt : step] for signal, matrix in material.inputs.matrices.items()}


def _judges_what_is_learnt(judge: Judge | None, recipe: Recipe) -> bool:
    """Whether a beginning that judges best is worth keeping.

    It isn't where another look is to be found, which a network that has learnt nothing can do, nor where something
    else is learnt than what judges: to imitate, to rebuild.
    """
    return not isinstance(judge, LookJudge) and not recipe.imitate and not recipe.rebuild
