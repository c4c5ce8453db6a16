"""Which recipe a training takes: the one that is named, the one a model was trained by, or one that suits the data."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sosie.encoders.pictures import shorter_sides
from sosie.evaluate.front import Truth
from sosie.store import Snapshot
from sosie.text import product_text
from sosie.train.recipe import Recipe, changed, fitting, suited
from sosie.train.transfer import recipe_of

SAMPLE = 500  # products that are looked at
TINY = 48  # pixels of the shorter side: a pretrained network was never shown so few
MANY = 5_000  # products of which a network learns to see from scratch


class Chosen(NamedTuple):
    """A recipe, what it is called, and why it was taken."""

    name: str
    why: str
    recipe: Recipe


def choose(
    snapshot: Snapshot, truth: Truth, named: str = "", settings: Mapping[str, object] | None = None, source: str = ""
) -> Chosen:
    """The recipe that is `named`, or else that of the model to start from, or else what suits the store.

    `settings` change some of it; `source` tells where they came from. Raises TrainingError as `read_recipe` does.
    """
    values = dict(settings or {})
    if (start := values.get("start")) and not named:
        folder = Path(str(start))
        name, why, recipe = folder.name, f"as {folder} was trained", fitting(recipe_of(folder), truth)
    else:
        name, why = (named, "as told") if named else suiting(snapshot, truth)
        recipe = suited(name, truth)
    return Chosen(name, why, changed(recipe, values, source))


def suiting(snapshot: Snapshot, truth: Truth) -> tuple[str, str]:
    """The name of the ready recipe that suits what most products have, and why."""
    alive = np.flatnonzero(snapshot.alive)
    some = snapshot.products(alive[:: max(1, len(alive) // SAMPLE)])
    shown = [product.images[0] for product in some if product.images]
    said = sum(bool(product_text(product)) for product in some)
    if not shown or 2 * len(shown) < min(len(some), 2 * said):
        return "text-cnn", "few products have pictures" if shown else "the products have no pictures"
    both = "image" in snapshot.signals and not {"words", "text"}.isdisjoint(snapshot.signals)
    if not truth.given and both and 2 * said >= len(some):
        return "two-towers", "nothing is told of what is alike, and products have pictures and words"
    sides = shorter_sides(shown)
    if sides and np.median(sides) <= TINY and len(alive) >= MANY:
        return "tiny-pictures", f"the pictures are tiny, and {len(alive):,}"
    return "pictures", "the products have pictures"
