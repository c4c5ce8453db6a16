"""Steps computed in bf16, wherever they run: what is learnt serves as well."""

import numpy as np
import pytest
import torch
import toy_shop
from toy_shop import fitted, quiet, truth_of

from sosie.encoders import load_encoder
from sosie.train.run import TrainOptions, train

TRUTH = truth_of(labels=("kind",), split="split")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    return toy_shop.shop(tmp_path_factory.mktemp("words"))


class Told(torch.nn.Linear):
    """Tells in which numbers it is computed while it learns."""

    def forward(self, vectors):
        found = super().forward(vectors["words"])
        if self.training:
            self.kinds = {*getattr(self, "kinds", ()), found.dtype}
        return found


@pytest.mark.parametrize(("precision", "kind"), [("bf16", torch.bfloat16), ("fp32", torch.float32)])
def test_steps_are_computed_as_was_asked_for_and_weights_stay_exact(store, precision, kind):
    network = Told(store.encoder("words").dim, 8)
    recipe = toy_shop.RECIPE.model_copy(update={"precision": precision, "dim": 8, "epochs": 1})
    fitted(store, TRUTH, recipe, network)
    assert network.kinds == {kind}
    assert network.weight.dtype == torch.float32


def test_a_head_that_learns_in_bf16_finds_what_counts(store):
    recipe = toy_shop.RECIPE.model_copy(update={"precision": "bf16"})
    report = train(store, TRUTH, recipe, TrainOptions("head", activate=False), quiet)
    losses = [line["loss"] for line in report.epochs]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0] - 0.1
    assert report.export > 0.999
    (figure,) = report.figures
    assert figure.trained.value > figure.before.value + 0.2
    vectors = load_encoder(report.model).encode(store.snapshot.products(np.arange(4)))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
