"""Other photos of a product, and augmentations of one, teach what a product looks like whatever it lies on."""

import numpy as np
import pytest
import torch
from photo_shop import PHOTOS, SIDE, photo_shop
from toy_shop import fitted, quiet, truth_of

from sosie.errors import TrainingError
from sosie.train.augment import Augmentation
from sosie.train.lessons import lesson_of
from sosie.train.material import gather
from sosie.train.recipe import Recipe
from sosie.train.teaching import Teaching

RECIPE = Recipe(network="cnn", dim=16, sizes=(SIDE,), photos=PHOTOS, epochs=10, batch=64, rate=3e-3)
VIEWS = RECIPE.model_copy(update={"photos": 1, "views": 1.0, "augmentation": Augmentation(brightness=0.5, hue=0.3)})


class Small(torch.nn.Module):
    """Enough of a network."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        layers = [torch.nn.Conv2d(3, 16, 3, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(16, 32, 3, 2, 1), torch.nn.ReLU()]
        self.layers = torch.nn.Sequential(*layers, torch.nn.Flatten(), torch.nn.Linear(32 * (SIDE // 4) ** 2, 16))

    def forward(self, pixels):
        return self.layers(pixels.permute(0, 3, 1, 2).float() / 127.5 - 1)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return photo_shop(tmp_path_factory.mktemp("photos"))


def test_other_photos_of_a_product_are_alike_to_it(store):
    lesson, found = fitted(store, truth_of(), RECIPE, Small())
    assert lesson.judge.measure == "found again"
    first, last = found.epochs[0]["found again"], found.epochs[-1]["found again"]
    assert first < 0.7
    assert last > 0.9


def test_two_augmentations_of_a_photo_are_alike(store):
    _, found = fitted(store, truth_of(), VIEWS, Small())
    assert found.epochs[0]["found again"] < 0.2
    assert found.best > 0.6


def test_photos_are_items_that_know_their_product(store, tmp_path):
    lesson = lesson_of(store.snapshot, truth_of(split="split"), RECIPE)
    assert all(at % 5 for at in [*lesson.rows, *lesson.judge.rows])  # none of the split test
    material = gather(store, store.snapshot, lesson, RECIPE, tmp_path, quiet)
    size = len(lesson.rows)
    assert material.product[:size].tolist() == list(range(size))
    assert np.bincount(material.product).tolist() == [PHOTOS if at % 10 else 1 for at in lesson.rows.tolist()]
    np.testing.assert_array_equal(material.rows[: material.learnt], lesson.rows[material.product])
    for row, look in zip(lesson.judge.looks, material.looks, strict=True):
        own = int(np.flatnonzero(material.rows == row)[0])
        pixels = [material.inputs.fetch(np.array([at]))["pixels"] for at in (own, look)]
        assert (material.rows[look] == row) == (look >= 0) == bool(row % 10)
        assert look < 0 or not torch.equal(*pixels)


def test_batches_and_targets_of_photos(store, tmp_path):
    lesson = lesson_of(store.snapshot, truth_of(), RECIPE)
    material = gather(store, store.snapshot, lesson, RECIPE, tmp_path, quiet)
    teaching = Teaching(lesson.known, material.product, material.good[: material.learnt], RECIPE)
    (objective,) = teaching.objectives()
    for batch in teaching.batches(0):
        product = material.product[batch]
        found = objective.targets(batch, batch)
        alike = (found.positive & ~found.ignored).numpy()
        np.testing.assert_array_equal(alike, (product[:, None] == product) & ~np.eye(len(batch), dtype=bool))
        assert alike.any()
    labelled = lesson_of(store.snapshot, truth_of(labels=("half",)), RECIPE)
    material = gather(store, store.snapshot, labelled, RECIPE, tmp_path, quiet)
    (objective,) = Teaching(labelled.known, material.product, material.good[: material.learnt], RECIPE).objectives()
    items = np.arange(material.learnt)
    half = store.snapshot.columns["half"].values[material.rows[items]]
    found = objective.targets(items, items)
    same = (half[:, None] == half) & ~np.eye(len(items), dtype=bool)
    np.testing.assert_array_equal((found.positive & ~found.ignored).numpy(), same)


def test_single_photos_tell_nothing_by_themselves(store):
    with pytest.raises(TrainingError, match="nothing is known of these products"):
        fitted(store, truth_of(), RECIPE.model_copy(update={"photos": 1}), Small())
