"""A text read in order, whatever padding follows."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.recurrent import Recurrent, RecurrentSettings

KINDS = [(True, "attention"), (True, "mean"), (True, "max"), (False, "attention"), (False, "mean")]


def network(both: bool = True, pooling: Any = "attention", **settings: Any) -> Recurrent:
    torch.manual_seed(0)
    tiny = {"words": 12, "width": 5, "dim": 4, "hidden": 6, **settings}
    return Recurrent(RecurrentSettings(both=both, pooling=pooling, **tiny))


def padded(texts: list[list[int]], length: int) -> torch.Tensor:
    return torch.tensor([text + [0] * (length - len(text)) for text in texts])


def test_without_padding_it_is_torch_s_own_reader_in_both_directions() -> None:
    made = network(pooling="mean").eval()
    plain = nn.GRU(5, 6, batch_first=True, bidirectional=True)
    forth, back = (reader.state_dict() for reader in made.readers)
    plain.load_state_dict({**forth, **{f"{name}_reverse": value for name, value in back.items()}})
    tokens = torch.randint(1, 12, (3, 7))
    wanted = made.last(plain(made.vectors(tokens))[0].mean(1))
    torch.testing.assert_close(made(tokens), wanted)


def test_attention_weighs_states_by_their_softmax() -> None:
    made = network(both=False).eval()
    tokens = torch.tensor([[4, 5, 6, 0, 0]])
    states = made.readers[0](made.vectors(tokens))[0][0, :3]
    weights = torch.softmax(made.attention(states)[:, 0], dim=0)
    torch.testing.assert_close(made(tokens)[0], made.last(weights @ states))


@pytest.mark.parametrize(("both", "pooling"), KINDS)
def test_padding_changes_nothing_and_no_words_are_zeros(both: bool, pooling: str) -> None:
    made = network(both, pooling).eval()
    texts = [[1], [2, 3], [4, 5, 6, 7, 8, 9, 10], []]
    together = made(padded(texts, 15))
    for text, row in zip(texts[:3], together, strict=False):
        torch.testing.assert_close(made(torch.tensor([text]))[0], row, atol=1e-5, rtol=1e-5)
    assert not together[3].any()
    loss = made.train()(padded(texts, 9)).sum()
    loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in made.parameters())


@pytest.mark.parametrize(("both", "pooling"), KINDS)
def test_gradients_reach_every_parameter_but_not_the_padding(both: bool, pooling: str, untouched: Any) -> None:
    made = network(both, pooling)
    tokens, wanted = torch.randint(1, 12, (30, 6)), torch.randn(30, 4)
    tokens[:15, 4:] = 0
    assert untouched(made, lambda: F.mse_loss(made(tokens), wanted)) == []
    assert not made.vectors.weight[0].any()


def test_the_exported_network_is_the_same(run_exported: Any) -> None:
    asked = padded([[3], [], [5, 6, 7, 8, 9, 10, 11, 1]], 9)
    run_exported(network(), ("n", "length"), {"tokens": padded([[1, 2, 3], [4]], 4)}, {"tokens": asked},
                 {"tokens": asked[:1, :1]})  # fmt: skip


def test_it_learns_which_of_two_words_came_first() -> None:
    """1 and 2 lie anywhere, with others between them: neither a bag of words nor a short window can tell."""
    torch.manual_seed(1)
    tokens = torch.randint(3, 12, (300, 8))
    places = torch.rand(300, 8).argsort(1)[:, :2].sort(1).values
    wanted, rows = torch.randint(2, (300,)), torch.arange(300)
    tokens[rows, places[:, 0]], tokens[rows, places[:, 1]] = 1 + wanted, 2 - wanted
    made = network(width=16, dim=2, hidden=16, dropout=0.0)
    adam = torch.optim.Adam(made.parameters(), 0.02)
    for _ in range(60):
        adam.zero_grad()
        F.cross_entropy(made.train()(tokens[:200]), wanted[:200]).backward()
        adam.step()
    assert (made.eval()(tokens[200:]).argmax(1) == wanted[200:]).float().mean() > 0.95
