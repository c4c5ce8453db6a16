"""Networks of tiny pictures from scratch, from a shop's photos to an encoder that the shop uses."""

import numpy as np
import pytest
import torch
from photo_shop import SIDE
from PIL import Image
from safetensors.torch import load_file
from shop_of import shop_of
from toy_shop import quiet, truth_of

from sosie.encoders import load_encoder
from sosie.errors import TrainingError
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train
from sosie.types import Product

PRODUCTS, SHAPES = 120, 4  # a shape is a quarter that is lighter than what it lies on
SMALL = {"dim": 8, "epochs": 4, "batch": 32, "sizes": [SIDE], "seed": 1}
WIDTHS = {"cnn": {"widths": [8, 16], "hidden": 32}, "tiny-pictures": {"widths": [8, 16]}, "vae": {"widths": [8, 16]}}


def picture(shape, back):
    pixels = np.tile(np.asarray(back, np.uint8), (SIDE, SIDE, 1))
    half = SIDE // 2
    at, to = divmod(shape, 2)
    pixels[at * half : (at + 1) * half, to * half : (to + 1) * half] += 50
    return Image.fromarray(pixels)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny")
    (folder / "pictures").mkdir()
    draw = np.random.default_rng(0)
    for at in range(PRODUCTS):
        picture(at % SHAPES, draw.integers(0, 200, 3)).save(folder / "pictures" / f"{at}.png")
    columns = {
        "title": [f"thing {at}" for at in range(PRODUCTS)],
        "images": [f"pictures/{at}.png" for at in range(PRODUCTS)],
        "shape": [at % SHAPES for at in range(PRODUCTS)],
    }
    return shop_of(folder, columns, {}, on=("words",), ignore=("shape",))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def recipe_of(name, **more):
    return changed(RECIPES[name], {**SMALL, "options": WIDTHS[name], **more}, "the test")


@pytest.mark.parametrize(("name", "rate", "precision"), [("cnn", 3e-3, "bf16"), ("tiny-pictures", 0.1, "auto")])
def test_shapes_are_told_apart_on_any_colour(store, name, rate, precision):
    augmentation = {"flip": 0.0, "padding": 0.0}  # the other side is another shape here
    recipe = recipe_of(name, augmentation=augmentation, epochs=20, rate=rate, precision=precision)
    report = train(store, truth_of(labels=("shape",)), recipe, TrainOptions(name, activate=False), quiet)
    assert report.export > 0.999
    assert report.figures[0].trained.value > 0.8
    encoder = load_encoder(report.model)
    assert encoder.signal == "image"


def test_without_labels_the_weights_of_the_last_epoch_are_kept(store):
    """Products are found again by themselves from the first epoch on: that says nothing of what was learnt."""
    recipe = recipe_of("vae", epochs=5)
    report = train(store, truth_of(), recipe, TrainOptions("last", activate=False), quiet)
    weights = load_file(report.model / "weights.safetensors")
    counted = {int(value) for name, value in weights.items() if name.endswith("num_batches_tracked")}
    assert counted == {5 * -(-report.products // 32)}
    assert [set(line) for line in report.epochs] == [{"epoch", "loss", "seconds"}] * 5


def test_an_autoencoder_makes_pictures_again(store, tmp_path):
    recipe = recipe_of("vae", epochs=12, beta=0.1)
    report = train(store, truth_of(labels=("shape",)), recipe, TrainOptions("vae", activate=False), quiet)
    assert report.export > 0.999
    losses = [line["loss"] for line in report.epochs]
    assert losses[-1] < 0.5 * losses[0]
    for at, back in enumerate(((20, 20, 20), (22, 20, 20), (180, 60, 20))):
        picture(0, back).save(tmp_path / f"{at}.png")
    encoder = load_encoder(report.model)
    near, far = (
        encoder.encode([Product(str(at), images=(str(tmp_path / f"{at}.png"),)) for at in range(3)])[[0, 2]]
        @ (encoder.encode([Product("1", images=(str(tmp_path / "1.png"),))])[0])
    )
    assert near > far


@pytest.mark.parametrize("name", ["cnn", "vae"])
def test_networks_of_one_size_say_so(store, name):
    with pytest.raises(TrainingError, match="of one size"):
        train(store, truth_of(labels=("shape",)), recipe_of(name, size=2 * SIDE), TrainOptions("wrong"), quiet)
