"""How fast what learns: rates by layer, decay, warm-up and cosine."""

import numpy as np
import pytest
import torch
from torch import nn

from sosie.encoders.networks.efficientnet_lite import EfficientNetLite0, FromPixels
from sosie.encoders.networks.embedder import Embedder, EmbedderSettings, Rest, freeze, shares_by_layer
from sosie.encoders.networks.hugging_face import PooledTexts
from sosie.train.inputs import Vectors
from sosie.train.learner import Learner, make_optimiser
from sosie.train.losses import LossSettings, make_loss
from sosie.train.recipe import Recipe

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}


class Trunk(nn.Module):
    """A stem, three blocks, a norm."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(4, 4)
        self.blocks = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4)) for _ in range(3)))
        self.norm = nn.LayerNorm(4)


class Network(nn.Module):
    """A trunk and a head; the first block is frozen."""

    def __init__(self):
        super().__init__()
        self.trunk, self.head = Trunk(), nn.Linear(4, 2)
        freeze(self.trunk.blocks[0])


def settings_of(network, losses, recipe):
    """Rate and decay of each parameter that learns, and of the loss's own."""
    optimiser = make_optimiser(network, losses, recipe)
    assert type(optimiser) is OPTIMISERS[recipe.optimiser]
    names = {id(parameter): name for name, parameter in (*network.named_parameters(), *losses.named_parameters())}
    return {
        names[id(parameter)]: (group["lr"], group["weight_decay"])
        for group in optimiser.param_groups
        for parameter in group["params"]
    }


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_pretrained_weights_learn_slower_the_further_from_the_output(optimiser):
    losses = nn.ModuleList([make_loss(LossSettings(name="cosface"), 2, 5)])
    (of_loss,) = (name for name, _ in losses.named_parameters())
    recipe = Recipe(network="transformer", optimiser=optimiser, rate=0.8, start_rate=0.4, layer_decay=0.5, decay=0.3)
    assert settings_of(Network(), losses, recipe) == {
        "trunk.stem.weight": (0.4 / 16, 0.3),
        "trunk.stem.bias": (0.4 / 16, 0),
        "trunk.blocks.1.0.weight": (0.4 / 4, 0.3),
        "trunk.blocks.1.0.bias": (0.4 / 4, 0),
        "trunk.blocks.1.1.weight": (0.4 / 4, 0),
        "trunk.blocks.1.1.bias": (0.4 / 4, 0),
        "trunk.blocks.2.0.weight": (0.4 / 2, 0.3),
        "trunk.blocks.2.0.bias": (0.4 / 2, 0),
        "trunk.blocks.2.1.weight": (0.4 / 2, 0),
        "trunk.blocks.2.1.bias": (0.4 / 2, 0),
        "trunk.norm.weight": (0.4, 0),
        "trunk.norm.bias": (0.4, 0),
        "head.weight": (0.8, 0.3),
        "head.bias": (0.8, 0),
        of_loss: (0.8, 0.3),
    }


def test_without_a_rate_of_their_own_pretrained_weights_learn_as_the_others():
    found = settings_of(Network(), nn.ModuleList(), Recipe(rate=0.8))
    assert {rate for rate, _ in found.values()} == {0.8}
    assert not any(name.startswith("trunk.blocks.0") for name in found)


def test_blocks_of_the_picture_network_are_known_where_its_start_is_run_elsewhere_too():
    embedder = Embedder(FromPixels(EfficientNetLite0()), EmbedderSettings(1280, 8))
    rest = shares_by_layer(Rest(embedder, 3), 0.9)
    shares = shares_by_layer(embedder, 0.9)
    assert {name.removeprefix("embedder."): share for name, share in rest.items()} == shares
    trunk = "trunk.network"
    assert shares[f"{trunk}._conv_stem.weight"] == shares[f"{trunk}._bn0.bias"] == pytest.approx(0.9**17)
    assert shares[f"{trunk}._blocks.0._bn1.weight"] == pytest.approx(0.9**16)
    assert shares[f"{trunk}._blocks.9._project_conv.weight"] == pytest.approx(0.9**7)
    assert shares[f"{trunk}._blocks.15._bn2.bias"] == pytest.approx(0.9)
    assert shares[f"{trunk}._conv_head.weight"] == shares[f"{trunk}._bn1.weight"] == shares["head.weight"] == 1


SIZES = {"hidden_size": 4, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 4}
OF_T5 = {"d_model": 4, "d_kv": 2, "d_ff": 4, "num_layers": 3, "num_heads": 2}
OF_GPT2 = {"n_embd": 4, "n_layer": 3, "n_head": 2, "bos_token_id": 1, "eos_token_id": 2}


@pytest.mark.parametrize(
    ("kind", "sizes", "before", "layer", "behind"),
    [
        ("Bert", SIZES, "embeddings.word_embeddings.weight", "encoder.layer.{}.output.dense.weight", ()),
        ("Llama", SIZES, "embed_tokens.weight", "layers.{}.mlp.up_proj.weight", ("norm.weight",)),
        ("GPT2", OF_GPT2, "wpe.weight", "h.{}.mlp.c_fc.weight", ("ln_f.bias",)),
        (
            "T5Encoder",
            OF_T5,
            "shared.weight",
            "encoder.block.{}.layer.1.layer_norm.weight",
            ("encoder.final_layer_norm.weight",),
        ),
    ],
)
def test_layers_of_transformers_are_told_from_what_lies_around_them(kind, sizes, before, layer, behind):
    import transformers

    config = getattr(transformers, f"{kind.removesuffix('Encoder')}Config")(vocab_size=9, **sizes)
    network = PooledTexts(getattr(transformers, f"{kind}Model")(config), "mean", [nn.Linear(4, 4), nn.Tanh()])
    shares = shares_by_layer(network, 0.5)
    assert shares[f"transformer.{before}"] == 0.0625
    assert [shares[f"transformer.{layer.format(at)}"] for at in range(3)] == [0.125, 0.25, 0.5]
    for name in (*(f"transformer.{one}" for one in behind), "layers.0.weight", "layers.0.bias"):
        assert shares[name] == 1


def learner_of(steps, **more):
    inputs = Vectors({"given": np.zeros((1, 4), np.float32)})
    return Learner(Network(), inputs, [], Recipe(network="transformer", rate=0.8, start_rate=0.4, **more), steps)


def test_the_rate_grows_in_a_straight_line_and_falls_as_a_cosine():
    learner = learner_of(10, warmup=0.2)
    half = 0.5**0.5
    by_hand = {0: 1 / 3, 1: 2 / 3, 2: 1, 4: (1 + half) / 2, 6: 1 / 2, 8: (1 - half) / 2, 10: 0, 11: 0}
    assert {step: learner.share_of_rate(step) for step in by_hand} == pytest.approx(by_hand, abs=1e-12)
    at_once = learner_of(4, warmup=0.0)
    assert [at_once.share_of_rate(step) for step in range(5)] == pytest.approx(
        [1, (1 + half) / 2, 1 / 2, (1 - half) / 2, 0]
    )
    assert learner_of(4, warmup=1.0).share_of_rate(3) == pytest.approx(4 / 5)


def test_every_rate_of_the_optimiser_follows_it():
    chosen = learner_of(4, warmup=0.0).configure_optimizers()
    optimiser, schedule = chosen["optimizer"], chosen["lr_scheduler"]
    assert schedule["interval"] == "step"
    rates = []
    for _ in range(4):
        rates.append(sorted({group["lr"] for group in optimiser.param_groups}))
        optimiser.step()
        schedule["scheduler"].step()
    assert rates[0] == [0.4, 0.8]
    assert rates[2] == pytest.approx([0.2, 0.4])
