"""Colours are left as they are where they are what is to be learnt."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sosie.train.hues import keeping_colours
from sosie.train.lesson import Lesson
from sosie.train.recipe import RECIPES, Recipe, changed
from sosie.train.supervision import supervision

SIZE = 60
kind, colour = np.arange(SIZE) % 4, np.arange(SIZE) // 4 % 5


def snapshot(*signals: str) -> Any:
    """Each signal tells one thing apart, and a little of each product."""
    noise = np.random.default_rng(0).normal(0, 0.05, (SIZE, 5)).astype(np.float32)
    said = {"image": np.eye(5, dtype=np.float32)[kind] + noise, "colour": np.eye(5, dtype=np.float32)[colour] + noise}
    return SimpleNamespace(signals=signals, vectors=lambda name, rows: said[name][rows])


def lesson(*labels: np.ndarray, **more: np.ndarray) -> Lesson:
    return Lesson(
        np.arange(SIZE), tuple(supervision(SIZE, labels=one, **more) for one in labels), None, "", ("before",)
    )


def kept(recipe: Recipe, of: Lesson, *signals: str) -> tuple[bool | None, list[str]]:
    found, told = keeping_colours(recipe, snapshot(*(signals or ("image", "colour"))), of)
    assert found.model_copy(update={"augmentation": recipe.augmentation}) == recipe
    return found.augmentation.colours, [note for note in told.notes if note != "before"]


def test_a_label_that_goes_by_colour_keeps_colours_and_is_told() -> None:
    assert kept(RECIPES["pictures"], lesson(kind)) == (None, [])
    for told in (lesson(colour), lesson(kind, colour)):
        colours, (note,) = kept(RECIPES["pictures"], told)
        assert colours is False
        assert "100% of the products share the label with the nearest by colour" in note


def test_labels_that_few_have_are_asked_of_these() -> None:
    few = np.where(np.arange(SIZE) % 3 == 0, colour, -1)
    assert kept(RECIPES["pictures"], lesson(few))[0] is False


def test_variants_and_twins_tell_nothing_of_each_other() -> None:
    # Each product's nearest by colour is its variant; apart from variants, colours say nothing of this label.
    pairs = np.arange(SIZE) % (SIZE // 2)
    label = pairs % 3
    vectors = {
        "image": np.eye(3, dtype=np.float32)[label],
        "colour": np.eye(SIZE // 2, dtype=np.float32)[pairs]
        + 0.01 * np.eye(3, dtype=np.float32)[(label + 1) % 3].repeat(10, 1),
    }
    there = SimpleNamespace(signals=("image", "colour"), vectors=lambda name, rows: vectors[name][rows])
    for how in ("groups", "twins"):
        told = lesson(label, **{how: pairs})
        assert keeping_colours(RECIPES["pictures"], there, told)[0].augmentation.colours is None


@pytest.mark.parametrize("colours", [True, False])
def test_what_the_recipe_says_is_done(colours: bool) -> None:
    said = changed(RECIPES["pictures"], {"augmentation": {"colours": colours}}, "test")
    assert kept(said, lesson(colour)) == (colours, [])


def test_nothing_is_asked_where_nothing_can_answer() -> None:
    assert kept(RECIPES["pictures"], lesson(colour), "image") == (None, [])
    assert kept(RECIPES["text-cnn"], lesson(colour)) == (None, [])
    assert kept(RECIPES["pictures"], lesson()) == (None, [])
