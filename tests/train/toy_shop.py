"""A shop whose products differ in two ways, of which supervision has to tell the one that counts.

A title is a word for what the product is, and three for its pattern: titles look alike by their patterns, and only who
was told that kinds count finds products of one kind.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from shop_of import shop_of

from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train.course import course_of, sample_of
from sosie.train.fit import fit
from sosie.train.lessons import lesson_of
from sosie.train.material import gather
from sosie.train.networks import make_network
from sosie.train.recipe import Recipe

KINDS = ("kettle", "jacket", "pillow", "hammer", "bottle", "mirror")
PATTERNS = (
    ("striped", "zigzag", "narrow"),
    ("flowery", "garden", "petals"),
    ("dotted", "bubbles", "spots"),
    ("checked", "tartan", "square"),
    ("plain", "simple", "uniform"),
    ("golden", "shiny", "glitter"),
)
EACH = 4  # products of a kind and pattern
SIZE = len(KINDS) * len(PATTERNS) * EACH
RECIPE = Recipe(signals=("words",), dim=16, epochs=12, batch=48, rate=3e-3)

kind = np.arange(SIZE) % len(KINDS)
pattern = np.arange(SIZE) // len(KINDS) % len(PATTERNS)
split = np.array(["val", "test", "train", "train", "train", "train"])[(kind + pattern) % 6]
ids = [f"p{at:05}" for at in range(SIZE)]


def shop(folder, **columns):
    """The shop; no kind is learnt from in the pattern in which it is asked about."""
    titles = [
        " ".join((KINDS[k], *PATTERNS[p], f"n{at:03}")) for at, (k, p) in enumerate(zip(kind, pattern, strict=True))
    ]
    given = {
        "title": titles,
        "split": split.tolist(),
        "kind": [KINDS[k] for k in kind],
    }
    return shop_of(
        folder,
        given | columns,
        {},
        on=("words",),
        ignore=("split", "kind", *(c for c in columns if c not in ("title", "category"))),
    )


def fitted(store, truth, recipe=RECIPE, network=None):
    """A lesson, and what fitting a network to it came to; nothing is exported."""
    torch.set_num_threads(1)  # of tiny steps, whose threads would mostly wait for one another
    lesson = lesson_of(store.snapshot, truth, recipe)
    with TemporaryDirectory() as folder:
        material = gather(store, store.snapshot, lesson, recipe, Path(folder), quiet)
        course = course_of(lesson, material, recipe, Path(folder), {})
        network = network or make_network(recipe, material.parts, sample_of(material))
        return lesson, fit(network, course, quiet)


def frozen(store, lesson):
    """The figure of the store's own vectors by a lesson's judge."""
    return lesson.judge.figure(store.snapshot.vectors("words", lesson.judge.rows))


def quiet(stage, done, total):
    """No progress."""


def truth_of(split="", kinds=(), at="last", **given):
    """A truth."""
    return Truth(**given, options=TaskOptions(split=split, kinds=tuple(kinds), at=at))
