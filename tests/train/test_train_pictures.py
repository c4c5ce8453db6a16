"""The pretrained picture network, trained on: from a shop's photos to an encoder that it uses, and from there on."""

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from shop_of import shop_of
from toy_shop import quiet, truth_of

from sosie.encoders import load_encoder
from sosie.encoders.image import weights_file
from sosie.encoders.networks.efficientnet_lite import efficientnet_lite0
from sosie.encoders.networks.embedder import Reduced
from sosie.engine.shop import Store
from sosie.train.picture_networks import make_picture_network
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train
from sosie.train.transfer import begin_from, recipe_of

PATTERNS, EACH, SIDE = 4, 8, 64
FROZEN, KEPT = 14, 12  # blocks of sixteen, directions of 1280
SMALL = {"sizes": (SIDE,), "size": SIDE, "epochs": 10, "batch": 12, "freeze": FROZEN, "keep": KEPT, "validate_every": 5}
TRUTH = truth_of(labels=("pattern",), split="split")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Stripes across and down, large checks and small, in many colours: every fourth product judges."""
    folder = tmp_path_factory.mktemp("patterns")
    draw = np.random.default_rng(0)
    down, across = np.indices((SIDE, SIDE)) // 8 % 2
    small = np.indices((SIDE, SIDE)).sum(axis=0) // 4 % 2
    for number, pattern in enumerate((down, across, down ^ across, small)):
        for at in range(EACH):
            back = draw.integers(0, 200, 3)
            pixels = np.where(pattern[:, :, None], back + 40, back).astype(np.uint8)
            Image.fromarray(pixels).save(folder / f"{number}-{at}.png")
    names = [(pattern, at) for pattern in range(PATTERNS) for at in range(EACH)]
    columns = {
        "title": [f"thing {pattern * EACH + at}" for pattern, at in names],
        "image": [f"{pattern}-{at}.png" for pattern, at in names],
        "pattern": [f"pattern{pattern}" for pattern, _ in names],
        "split": ["train" if at % 4 else "val" for _, at in names],
    }
    return shop_of(folder, columns, {}, on=("words",), ignore=("pattern", "split"))


@pytest.fixture(scope="module")
def report(store):
    torch.set_num_threads(1)
    recipe = changed(RECIPES["pictures"], SMALL, "test")
    return train(store, TRUTH, recipe, TrainOptions("patterns"), quiet)


def pixels_of(store):
    """All pictures as they are, which are as large as the network sees them."""
    files = [product.images[0] for product in store.snapshot.products(np.arange(len(store)))]
    return torch.from_numpy(np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files]))


@torch.inference_mode()
def embedded(network, pixels):
    return torch.nn.functional.normalize(network.eval()(pixels), dim=1).numpy()


def trained(report, store):
    """The network that the written weights are of."""
    state = load_file(report.model / "weights.safetensors")
    network = Reduced(make_picture_network(recipe_of(report.model)), torch.zeros(KEPT, 1280))
    network.load_state_dict(state)
    return network


def test_as_many_directions_as_are_kept_are_encoded_as_the_network_says(store, report):
    encoder = load_encoder(report.model)
    assert encoder.dim == KEPT
    vectors = encoder.encode(store.snapshot.products(np.arange(len(store))))
    assert vectors.shape == (PATTERNS * EACH, KEPT)
    own = embedded(trained(report, store), pixels_of(store))
    assert (vectors * own).sum(axis=1).min() > 0.999
    assert (vectors @ vectors.T)[~np.eye(len(own), dtype=bool)].min() < 0.9  # not all the same
    assert report.export > 0.999


def test_what_is_labelled_alike_is_learnt(report):
    losses = [line["loss"] for line in report.epochs]
    assert losses[-1] < 0.5 * losses[0]
    assert report.figures[0].trained.value > 0.8


def test_kept_directions_are_those_in_which_most_of_what_was_learnt_from_lies(store, report):
    network = trained(report, store)
    learnt = [at for at in range(PATTERNS * EACH) if at % EACH % 4]
    whole = embedded(network.network, pixels_of(store)[learnt])
    assert whole.shape[1] == 1280
    directions = network.directions.numpy()
    np.testing.assert_allclose(directions @ directions.T, np.eye(KEPT), atol=1e-4)
    most = (np.linalg.svd(whole, compute_uv=False)[:KEPT] ** 2).sum()
    assert ((whole @ directions.T) ** 2).sum() == pytest.approx(most, rel=1e-2)


def test_only_weights_behind_the_frozen_blocks_are_changed(report):
    """Averages that norms have learnt are held everywhere."""
    state = load_file(report.model / "weights.safetensors")
    pretrained = efficientnet_lite0(weights_file())
    begun = pretrained.state_dict()
    found = {name for name in begun if not torch.equal(state[f"network.trunk.network.{name}"], begun[name])}
    behind = (*(f"_blocks.{at}." for at in (FROZEN, FROZEN + 1)), "_conv_head.", "_bn1.")
    assert found == {name for name, _ in pretrained.named_parameters() if name.startswith(behind)}


def test_the_store_answers_with_it(store, report):
    assert report.active
    assert report.signal == "image"
    used = Store(store.folder)
    assert used.vectors("image").shape == (PATTERNS * EACH, KEPT)
    hits = used.similar("p00001", limit=EACH - 1, weights={"image": 1, "words": 0})
    assert all(set(hit.parts) == {"image"} for hit in hits)
    kinds = [hit.product.other["pattern"] for hit in hits]
    assert kinds.count("pattern0") >= EACH - 2


def test_it_goes_on_from_the_weights_it_ended_with(store, report):
    recipe = changed(recipe_of(report.model), {"start": str(report.model), "epochs": 1, "rate": 1e-9}, "test")
    begun = make_picture_network(recipe)
    begin_from(begun, recipe)
    for name, value in trained(report, store).network.state_dict().items():
        assert torch.equal(begun.state_dict()[name], value), name
    going_on = train(store, TRUTH, recipe, TrainOptions("on", activate=False), quiet)
    old, new = (embedded(trained(one, store), pixels_of(store)) for one in (report, going_on))
    np.testing.assert_allclose(new @ new.T, old @ old.T, atol=1e-3)
