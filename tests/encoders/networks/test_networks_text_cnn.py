"""Phrases anywhere in a text, whatever padding follows."""

from typing import Any

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.text_cnn import TextCnn, TextCnnSettings

TINY = TextCnnSettings(words=12, width=5, dim=4, windows=(2, 3), filters=3)


def network(settings: TextCnnSettings = TINY) -> TextCnn:
    torch.manual_seed(0)
    return TextCnn(settings)


def padded(texts: list[list[int]], length: int) -> torch.Tensor:
    return torch.tensor([text + [0] * (length - len(text)) for text in texts])


def test_it_is_what_plain_loops_find() -> None:
    made = network().eval()
    text = [3, 7, 7, 2, 9]
    found = made(torch.tensor([text])).detach().numpy()[0]
    table = made.vectors.weight.detach().numpy()
    features = []
    for window, conv in zip((2, 3), made.filters, strict=True):
        weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
        around = [0] * (window - 1) + text + [0] * (window - 1)
        for one in range(3):
            at_each = [
                sum(weight[one, :, k] @ table[around[at + k]] for k in range(window)) + bias[one]
                for at in range(len(text) + window - 1)
            ]
            features.append(max(0.0, *at_each))
    wanted = made.last.weight.detach().numpy() @ np.array(features) + made.last.bias.detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_padding_changes_nothing() -> None:
    made = network().eval()
    with torch.no_grad():
        for conv in made.filters:
            conv.bias.fill_(3.0)  # a window of padding alone would be the largest
            conv.weight.mul_(-1)
    texts = [[1], [2, 3], [4, 5, 6, 7, 8, 9, 10]]
    together = made(padded(texts, 15))
    for text, row in zip(texts, together, strict=True):
        torch.testing.assert_close(made(torch.tensor([text]))[0], row, atol=1e-5, rtol=1e-5)


def test_a_text_without_words_is_zeros() -> None:
    made = network()
    for mode in (True, False):
        found = made.train(mode)(padded([[], [1, 2]], 4))
        assert not found[0].any()
        assert found[1].any()


def test_given_vectors_are_where_it_begins() -> None:
    made = network()
    random = made.vectors.weight.detach().clone()
    given = torch.zeros(12, 5)
    given[3], given[4], given[0] = 1.0, -3.0, 9.0
    made.start(given)
    begun = made.vectors.weight.detach()
    torch.testing.assert_close(begun[3:5].pow(2).sum(1).mean(), torch.tensor(1.0))
    torch.testing.assert_close(begun[4], -3 * begun[3])
    assert not begun[0].any()
    torch.testing.assert_close(begun[5:], random[5:])


def test_gradients_reach_every_parameter_but_not_the_padding(untouched: Any) -> None:
    made = network()
    tokens, wanted = torch.randint(0, 12, (30, 6)), torch.randn(30, 4)
    assert untouched(made, lambda: F.mse_loss(made(tokens), wanted)) == []
    assert not made.vectors.weight[0].any()


def test_the_exported_network_is_the_same(run_exported: Any) -> None:
    asked = padded([[3], [], [5, 6, 7, 8, 9, 10, 11, 1]], 9)
    run_exported(network(), ("n", "length"), {"tokens": padded([[1, 2, 3], [4]], 4)}, {"tokens": asked},
                 {"tokens": asked[:1, :1]})  # fmt: skip


def test_it_learns_the_order_of_two_words() -> None:
    """Whether 2 follows 1 or 1 follows 2, anywhere: no bag of words can tell."""
    torch.manual_seed(1)
    tokens = torch.randint(3, 12, (400, 8))
    wanted, at = torch.randint(2, (400,)), torch.randint(0, 7, (400,))
    rows = torch.arange(400)
    tokens[rows, at], tokens[rows, at + 1] = 1 + wanted, 2 - wanted
    made = network(TextCnnSettings(words=12, width=16, dim=2, filters=16))
    adam = torch.optim.Adam(made.parameters(), 0.01)
    for _ in range(60):
        adam.zero_grad()
        F.cross_entropy(made.train()(tokens[:300]), wanted[:300]).backward()
        adam.step()
    assert (made.eval()(tokens[300:]).argmax(1) == wanted[300:]).float().mean() > 0.95
