"""Light models: a student that imitates an encoder, short and coarse vectors."""

import json

import numpy as np
import pytest
import torch
from photo_shop import photo_shop
from PIL import Image
from shop_of import shop_of
from toy_shop import quiet, truth_of

from sosie.encoders import load_encoder
from sosie.encoders.image import weights_file
from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0, normalised
from sosie.encoders.networks.embedder import parameters
from sosie.errors import TrainingError
from sosie.train.imitation import Imitated, as_long
from sosie.train.light import coarse, shortened
from sosie.train.losses import Targets
from sosie.train.picture_networks import make_picture_network
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train

SHAPES, COLOURS = 6, 8


def unit(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def test_imitating_costs_what_plain_loops_say():
    draw = np.random.default_rng(0)
    anchors, wanted = draw.normal(size=(5, 4)), unit(draw.normal(size=(5, 4)))
    wanted[3] = 0  # the teacher made nothing of it
    nothing = torch.zeros(5, 5, dtype=torch.bool)
    targets = Targets(nothing, ~nothing, torch.full((5,), -1), wanted=torch.from_numpy(wanted))
    there, own = [0, 1, 2, 4], unit(anchors)
    expected = sum(1 - own[i] @ wanted[i] for i in there) / 4
    expected += sum((own[i] @ own[j] - wanted[i] @ wanted[j]) ** 2 for i in there for j in there) / 16
    found = Imitated()(torch.from_numpy(anchors), torch.from_numpy(anchors), targets)
    assert float(found) == pytest.approx(expected, abs=1e-6)
    same = torch.from_numpy(3 * wanted)
    assert float(Imitated()(same, same, targets)) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dim", [3, 8])
def test_a_students_length_keeps_cosines(dim):
    """Vectors that lie in three directions of five."""
    draw = np.random.default_rng(0)
    vectors = unit(draw.normal(size=(20, 3)) @ np.linalg.qr(draw.normal(size=(5, 5)))[0][:3]).astype(np.float32)
    found = as_long(vectors, dim).numpy()
    assert found.shape == (20, dim)
    np.testing.assert_allclose(found @ found.T, vectors @ vectors.T, atol=1e-5)


def test_the_student_has_a_million_numbers_at_most_and_begins_as_the_pretrained_network():
    torch.manual_seed(0)
    recipe = RECIPES["small-pictures"]
    network = make_picture_network(recipe)
    assert 0.8e6 < parameters(network) <= 1e6
    whole, small = efficientnet_lite0(weights_file()), network.trunk.network
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    blocks = len(small._blocks)
    with torch.inference_mode():
        theirs, own = (one.eval().start(normalised(pixels), blocks) for one in (whole, small))
    torch.testing.assert_close(own, theirs)
    assert network(pixels).shape == (2, recipe.dim)
    learnt = {name for name, one in network.named_parameters() if one.requires_grad}
    assert not any(f"_blocks.{at}." in name for name in learnt for at in range(recipe.freeze))
    assert any(f"_blocks.{recipe.freeze}." in name for name in learnt)


def test_vectors_of_fewer_and_coarser_numbers():
    draw = np.random.default_rng(0)
    vectors = unit(draw.normal(size=(200, 16))).astype(np.float32)
    own = np.repeat(unit(draw.normal(size=(20, 4))), 10, axis=0).astype(np.float32)
    vectors[:, :4] = own  # what counts is told by the first four
    vectors = unit(vectors)
    cosines = coarse(vectors).astype(np.float64)
    np.testing.assert_allclose(unit(cosines) @ unit(cosines).T, vectors @ vectors.T, atol=0.02)
    assert not coarse(np.zeros((1, 3), np.float32)).any()

    def figure(given):
        np.testing.assert_allclose(np.linalg.norm(given, axis=1), 1, atol=1e-5)
        cosines = given @ given.T
        np.fill_diagonal(cosines, -1)
        return float((cosines.argmax(axis=1) // 10 == np.arange(200) // 10).mean())

    found = shortened(figure, vectors, (4, 99))
    assert [(one.dim, one.bits, one.bytes) for one in found] == [(4, 32, 16), (4, 8, 4), (16, 32, 64), (16, 8, 16)]
    assert found[0].value == 1 > found[2].value
    assert found[3].value == pytest.approx(found[2].value, abs=0.03)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Pictures of shapes in colours, encoded by the store's own picture encoder."""
    folder = tmp_path_factory.mktemp("shapes")
    draw = np.random.default_rng(0)
    names, labels = [], []
    for shape in range(SHAPES):
        pattern = draw.random((8, 8, 1)) < 0.5
        for at in range(COLOURS):
            back, front = draw.integers(0, 255, (2, 3))
            pixels = np.where(pattern, front, back).astype(np.uint8).repeat(8, 0).repeat(8, 1)
            names.append(f"{shape}-{at}.png")
            labels.append(f"shape{shape}")
            Image.fromarray(pixels).save(folder / names[-1])
    columns = {"title": [f"thing {at}" for at in range(len(names))], "image": names, "shape": labels}
    split = ["val" if at % 4 == 0 else "train" for at in range(len(names))]
    return shop_of(folder, columns | {"split": split}, {}, on=("image",), ignore=("shape", "split"))


def test_a_student_learns_from_the_stores_encoder_without_labels(store):
    torch.set_num_threads(1)
    small = {"sizes": (64,), "size": 64, "epochs": 12, "batch": 12, "freeze": 9, "validate_every": 12, "rate": 3e-3}
    recipe = changed(RECIPES["small-pictures"], {**small, "dim": 32, "average": 0.0}, "test")
    truth = truth_of(labels=("shape",), split="split")  # only judges
    report = train(store, truth, recipe, TrainOptions("small", activate=False), quiet)
    losses = [line["loss"] for line in report.epochs]
    assert losses[-1] < 0.6 * losses[0]
    products = store.snapshot.products(np.arange(len(store)))
    own, theirs = load_encoder(report.model).encode(products), store.snapshot.vectors("image", np.arange(len(store)))
    centred = unit(own - own.mean(axis=0))
    others = ~np.eye(len(store), dtype=bool)
    assert np.corrcoef((centred @ centred.T)[others], (theirs @ theirs.T)[others])[0, 1] > 0.5
    light = report.light
    assert light.value == report.figures[0].trained.value
    assert light.of_teacher == pytest.approx(report.figures[0].before.value, abs=0.1)
    assert light.share == light.value / light.of_teacher
    assert light.bytes < 0.4 * light.bytes_of_teacher
    assert light.per_second > 0 < light.per_second_of_teacher
    assert [(one.dim, one.bits) for one in report.short] == [(32, 32), (32, 8)]
    assert report.short[0].value == light.value
    assert "beside its teacher" in (report.model / "README.md").read_text()
    assert json.loads((report.model / "report.json").read_text())["light"]["bytes"] == light.bytes


def test_what_is_no_teacher_is_refused(store, tmp_path):
    recipe = changed(RECIPES["small-pictures"], {"sizes": (32,), "size": 32}, "test")
    bare = photo_shop(tmp_path)
    with pytest.raises(TrainingError, match="teacher=FOLDER"):
        train(bare, truth_of(), recipe, TrainOptions("none"), quiet)
    words = bare.snapshot.encoder_folder("words")
    with pytest.raises(TrainingError, match="one of image is needed"):
        train(store, truth_of(), changed(recipe, {"teacher": str(words)}, "test"), TrainOptions("words"), quiet)
