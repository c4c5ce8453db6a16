"""Two towers, from a shop's pictures and words to words that find what has only pictures."""

import numpy as np
import pytest
import torch
from PIL import Image
from shop_of import shop_of
from toy_shop import quiet, truth_of

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.scoring import apply_scale, fit_scale
from sosie.train.judging import LookJudge
from sosie.train.lessons import lesson_of
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train
from sosie.types import Product

BACKS = {
    "crimson": (200, 20, 40),
    "emerald": (20, 160, 70),
    "cobalt": (30, 60, 190),
    "mustard": (210, 170, 40),
    "violet": (130, 50, 170),
    "charcoal": (50, 50, 55),
}
DOTS = {"cream": (245, 235, 205), "salmon": (250, 140, 120), "aqua": (90, 220, 220), "lime": (170, 240, 60)}
EACH, SIDE = 10, 32
LOOKS = [(back, dot) for back in BACKS for dot in DOTS]  # a kettle comes in each
SPLITS = ("train",) * 7 + ("val", "test", "test")
RECIPE = {"dim": 32, "epochs": 30, "batch": 84, "rate": 3e-3, "signals": ("colour", "words")}


def paint(file, back, dot, draw):
    pixels = np.tile(np.array(BACKS[back]), (SIDE, SIDE, 1))
    at, to = draw.integers(8, 12), draw.integers(20, 24)
    pixels[at:to, at:to] = DOTS[dot]
    Image.fromarray(np.clip(pixels + draw.normal(0, 6, pixels.shape), 0, 255).astype(np.uint8)).save(file)
    return str(file)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Kettles of two colours, which their titles name; of those in the split test, one has a picture alone."""
    folder = tmp_path_factory.mktemp("kettles")
    draw = np.random.default_rng(0)
    made = [(back, dot, split) for back, dot in LOOKS for split in SPLITS]
    bare = [at % EACH == EACH - 1 for at in range(len(made))]
    columns = {
        "title": ["" if bare[at] else f"{back} kettle {dot} n{at:03}" for at, (back, dot, _) in enumerate(made)],
        "image": [paint(folder / f"{at}.png", back, dot, draw) for at, (back, dot, _) in enumerate(made)],
        "split": [split for _, _, split in made],
        "look": [f"{back} {dot}" for back, dot, _ in made],
        "bare": ["yes" if one else "no" for one in bare],
    }
    return shop_of(folder, columns, {}, on=("words", "colour"), ignore=("split", "look", "bare"))


@pytest.fixture(scope="module")
def report(store):
    torch.set_num_threads(1)
    recipe = changed(RECIPES["two-towers"], RECIPE, "test")
    return train(store, truth_of(split="split"), recipe, TrainOptions("kettles"), quiet)


def test_words_find_what_has_only_pictures(store, report):
    assert report.active
    assert report.export > 0.999
    used = Store(store.folder)
    only = {"learned": 1.0, "words": 0.0, "colour": 0.0}
    found = [used.search(f"{back} kettle {dot}", limit=1, where="bare = 'yes'", weights=only)[0] for back, dot in LOOKS]
    assert not any(hit.product.title for hit in found)
    right = [hit.product.other["look"] == f"{back} {dot}" for hit, (back, dot) in zip(found, LOOKS, strict=True)]
    assert np.mean(right) > 0.5  # a twenty-fourth by chance


def test_it_is_judged_by_the_words_of_products_kept_back(store, report):
    """Computed again from what the written encoder makes of each side of a product alone."""
    lesson = lesson_of(store.snapshot, truth_of(split="split"), changed(RECIPES["two-towers"], RECIPE, "test"))
    assert isinstance(lesson.judge, LookJudge)
    products = store.snapshot.products(lesson.judge.rows)
    assert [product.other["split"] for product in products] == ["val"] * len(LOOKS)
    encoder = load_encoder(report.model)
    pictures = encoder.encode([Product(product.id, images=product.images) for product in products])
    words = encoder.encode([Product(product.id, title=product.title) for product in products])
    scale = fit_scale(pictures)
    nearest = (apply_scale(words, scale) @ apply_scale(pictures, scale).T).argmax(axis=1)
    found = np.mean(nearest == np.arange(len(products)))
    told = [line["found again"] for line in report.epochs]
    assert max(told) == pytest.approx(found, abs=0.06)
    assert found > 0.5 > told[0]


def test_both_sides_are_needed(store):
    recipe = changed(RECIPES["two-towers"], {**RECIPE, "signals": ("colour",)}, "test")
    with pytest.raises(TrainingError, match="pictures and words"):
        train(store, truth_of(split="split"), recipe, TrainOptions("one"), quiet)
