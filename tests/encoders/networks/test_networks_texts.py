"""Small networks of texts: padding changes nothing, and they learn what a bag of words can't tell."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from sosie.encoders.networks.recurrent import Gru, GruSettings
from sosie.encoders.networks.text_cnn import TextCnn, TextCnnSettings

VOCABULARY, DIM = 20, 6
MAKE: dict[str, Callable[..., nn.Module]] = {
    "cnn": lambda **given: TextCnn(TextCnnSettings(VOCABULARY, 12, DIM, 8, (1, 2, 4)), **given),
    "gru-mean": lambda **given: Gru(GruSettings(VOCABULARY, 12, DIM, 10, "mean"), **given),
    "gru-max": lambda **given: Gru(GruSettings(VOCABULARY, 12, DIM, 10, "max"), **given),
    "gru-attention": lambda **given: Gru(GruSettings(VOCABULARY, 12, DIM, 10, "attention"), **given),
}


@pytest.fixture(params=MAKE)
def make(request) -> Callable[..., nn.Module]:
    torch.manual_seed(0)
    return MAKE[request.param]


def drawn(*shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).integers(1, VOCABULARY, shape))


def test_padding_changes_nothing(make):
    network = make().eval()
    texts = drawn(5, 9)
    lengths = [9, 4, 1, 6, 0]
    for row, length in enumerate(lengths):
        texts[row, length:] = 0
    with torch.no_grad():
        together = network(texts)
        longer = network(functional.pad(texts, (0, 7)))
        for row, length in enumerate(lengths):
            alone = network(texts[row : row + 1, : max(length, 1)])[0]
            torch.testing.assert_close(together[row], alone, atol=1e-5, rtol=0)
            torch.testing.assert_close(longer[row], alone, atol=1e-5, rtol=0)
    assert torch.isfinite(together).all()
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_the_exported_twin_gives_the_same(make, run_exported):
    texts = drawn(3, 11)
    texts[1, 5:] = 0
    axes = ("n", "length")
    run_exported(make(), axes, {"tokens": drawn(2, 8)}, {"tokens": texts}, {"tokens": drawn(1, 2)})


def test_every_parameter_is_reached(make, untouched):
    network = make()
    texts, wanted = drawn(64, 7), torch.randn(64, DIM)
    assert untouched(network, lambda: functional.mse_loss(network(texts), wanted)) == []
    assert not network.tokens.weight[0].any()


def test_given_vectors_are_where_tokens_begin(make):
    vectors = torch.randn(VOCABULARY, 12)
    table = make(vectors=vectors).tokens.weight
    assert torch.equal(table[1:], vectors[1:])
    assert not table[0].any()


def test_order_is_learnt(make):
    """Texts of the same words: whether 1 stands before 2 is what counts."""
    generator = np.random.default_rng(0)
    texts = generator.integers(3, VOCABULARY, (600, 6))
    classes = generator.integers(0, 2, 600)
    first = generator.integers(0, 5, 600)
    for row in range(600):
        texts[row, first[row] : first[row] + 2] = (1, 2) if classes[row] else (2, 1)
    tokens, wanted = torch.from_numpy(texts), torch.from_numpy(classes)
    network = make()
    optimiser = torch.optim.Adam(network.parameters(), 1e-2)
    for step in range(120):
        rows = torch.arange(step * 50, step * 50 + 50) % 500
        optimiser.zero_grad()
        functional.cross_entropy(network(tokens[rows]), wanted[rows]).backward()
        optimiser.step()
    with torch.no_grad():
        told = network.eval()(tokens[500:]).argmax(1)
    assert (told == wanted[500:]).float().mean() > 0.95
