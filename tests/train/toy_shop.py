"""A shop whose products differ in two ways, of which supervision has to tell the one that counts.

A title is a word for what the product is, and three for its pattern: titles look alike by their patterns, and only who
was told that kinds count finds products of one kind.
"""

import numpy as np
from shop_of import shop_of

from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train.recipe import Recipe
from sosie.train.run import TrainOptions, train

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
    titles = [" ".join((KINDS[k], *PATTERNS[p], f"n{at:03}")) for at, (k, p) in enumerate(zip(kind, pattern, strict=True))]
    given = {
        "title": titles,
        "split": split.tolist(),
        "kind": [KINDS[k] for k in kind],
    }
    return shop_of(folder, given | columns, {}, on=("words",), ignore=("split", "kind", *columns))


def learnt(store, truth, recipe=RECIPE, **options):
    """The report of a training."""
    return train(store, truth, recipe, TrainOptions("model", **{"activate": False} | options))


def truth_of(split="", kinds=(), at="last", **given):
    """A truth."""
    return Truth(**given, options=TaskOptions(split=split, kinds=tuple(kinds), at=at))
