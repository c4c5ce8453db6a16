"""Pictures that are nearly the same share a number, and so do equal vectors; neither is unlike where nobody says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from toy_shop import KINDS, RECIPE, kind, quiet, shop, truth_of

from sosie.train.course import course_of
from sosie.train.inputs import Pictures, Vectors
from sosie.train.lessons import lesson_of
from sosie.train.material import gather
from sosie.train.recipe import Recipe
from sosie.train.twins import looks_of


def test_nearly_identical_pictures():
    draw = np.random.default_rng(0)
    coarse = draw.integers(0, 256, (4, 8, 8, 3), np.uint8)
    pictures = coarse.repeat(10, 1).repeat(10, 2)
    noisy = np.clip(pictures[:2].astype(int) + draw.integers(-6, 7, pictures[:2].shape), 0, 255).astype(np.uint8)
    pixels = np.concatenate([pictures, noisy, noisy[:1, ::-1]])
    inputs = Pictures(np.ascontiguousarray(pixels), Recipe(network="residual", sizes=(80,)))
    looks = looks_of(inputs, np.arange(7))
    assert (looks[0], looks[1]) == (looks[4], looks[5])
    assert len(set(looks.tolist())) == 5  # the mirrored one is another


def test_equal_vectors():
    first, second = np.random.default_rng(0).standard_normal((2, 5, 3)).astype(np.float32)
    first[3], second[3] = first[1], second[1]
    first[4] = first[0]
    looks = looks_of(Vectors({"image": first, "text": second}), np.arange(5))
    assert looks[1] == looks[3]
    assert len(set(looks.tolist())) == 4


def test_they_are_not_unlike_where_only_some_are_said_to_be_alike(tmp_path: Path):
    store = shop(tmp_path / "shop", title=[f"{KINDS[k]} of iron" for k in kind])
    rows = [f"p{at:05},p{at + 1:05},1" for at in range(0, 100, 2)]
    (tmp_path / "pairs.csv").write_text("\n".join(["a,b,similar", *rows]))
    lesson = lesson_of(store.snapshot, truth_of(pairs=tmp_path / "pairs.csv"), RECIPE)
    (known,) = lesson.known
    lesson = replace(lesson, known=(replace(known, twins=np.full(known.size, -1)),))  # their titles would tell, too
    material = gather(store, store.snapshot, lesson, RECIPE, tmp_path, quiet)
    (objective,) = course_of(lesson, material, RECIPE, tmp_path, {}).objectives
    items = np.arange(material.learnt)
    found = objective.targets(items, items)
    own = kind[lesson.rows]
    unlike = (~found.positive & ~found.ignored).numpy()
    assert unlike.any()
    assert not unlike[own[:, None] == own].any()
