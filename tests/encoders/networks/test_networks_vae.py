"""Autoencoders whose codes' means are embeddings."""

from typing import Any

import pytest
import torch
from torch import distributions
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.vae import (
    NOISE,
    PictureVae,
    PictureVaeSettings,
    TextVae,
    TextVaeSettings,
    Vae,
    divergence,
    negative_elbo,
    warmed_up,
)

TOKENS = torch.tensor([[1, 2, 2, 0], [3, 4, 5, 6], [0, 0, 0, 0], [7, 1, 0, 0]])
PIXELS = torch.randint(0, 256, (4, 10, 10, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


def pictures(**settings: Any) -> PictureVae:
    torch.manual_seed(0)
    return PictureVae(PictureVaeSettings(**{"size": 10, "dim": 3, "widths": (4, 6), **settings}))


def texts(**settings: Any) -> TextVae:
    torch.manual_seed(0)
    return TextVae(TextVaeSettings(**{"words": 8, "width": 5, "dim": 3, "hidden": 6, **settings}))


BOTH = pytest.mark.parametrize(("network", "x"), [(pictures(), PIXELS), (texts(), TOKENS)], ids=["pictures", "texts"])


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    mean, logvar = torch.randn(5, 4), torch.randn(5, 4)
    normal = distributions.Normal
    wanted = distributions.kl_divergence(normal(mean, torch.exp(logvar / 2)), normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, logvar), wanted)
    assert not divergence(torch.zeros(2, 3), torch.zeros(2, 3)).any()


def test_errors_of_pixels_are_a_normal_likelihood_up_to_a_constant() -> None:
    made, (one, two) = pictures(), torch.rand(2, 4, 10, 10, 3)
    x = PIXELS / 255
    likelihoods = [distributions.Normal(y, NOISE).log_prob(x).sum((1, 2, 3)) for y in (one, two)]
    found = made.errors(PIXELS, one) - made.errors(PIXELS, two)
    torch.testing.assert_close(found, likelihoods[1] - likelihoods[0], rtol=1e-4, atol=1e-2)


def test_errors_of_words_are_minus_the_sum_of_their_logs_without_padding() -> None:
    made = texts()
    logs = F.log_softmax(torch.randn(4, 8), dim=1)
    wanted = [-sum(float(logs[row, word]) for word in text if word) for row, text in enumerate(TOKENS.tolist())]
    torch.testing.assert_close(made.errors(TOKENS, logs), torch.tensor(wanted))


@BOTH
def test_the_loss_is_errors_and_divergence_of_codes_drawn(network: Vae, x: torch.Tensor) -> None:
    network.eval()
    torch.manual_seed(3)
    found = negative_elbo(network, x, beta=0.5)
    torch.manual_seed(3)
    reconstruction, mean, logvar = network.parts(x)
    each = [network.errors(x[row : row + 1], reconstruction[row : row + 1])[0] for row in range(4)]
    wanted = sum(one + 0.5 * divergence(mean, logvar)[row] for row, one in enumerate(each)) / 4
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(network(x), mean)


@BOTH
def test_what_is_wanted_may_differ_from_what_is_seen(network: Vae, x: torch.Tensor) -> None:
    network.eval()
    torch.manual_seed(3)
    found = negative_elbo(network, x, 0.0, x.flip(0))
    torch.manual_seed(3)
    torch.testing.assert_close(found, network.errors(x.flip(0), network.parts(x)[0]).mean())


def test_codes_spread_as_their_variance_says() -> None:
    made = pictures().eval()
    with torch.no_grad():
        made.decoded = lambda codes: codes  # type: ignore[method-assign]
        drawn, mean, logvar = made.parts(PIXELS[:1].expand(4000, -1, -1, -1))
    torch.testing.assert_close(drawn.mean(0), mean[0], atol=0.1, rtol=0.1)
    torch.testing.assert_close(drawn.std(0), torch.exp(logvar[0] / 2), atol=0.05, rtol=0.05)


def test_extreme_inputs_keep_the_loss_finite() -> None:
    made = pictures()
    with torch.no_grad():
        made.to_code.weight *= 1e3
    assert negative_elbo(made, PIXELS).isfinite()
    assert made.coded(PIXELS)[1].abs().max() <= 6.0


@pytest.mark.parametrize("size", [10, 16, 28])
def test_pictures_come_out_as_large_as_they_went_in(size: int) -> None:
    made = pictures(size=size)
    reconstruction, mean, _ = made.parts(torch.zeros(2, size, size, 3, dtype=torch.uint8))
    assert reconstruction.shape == (2, size, size, 3)
    assert 0 <= reconstruction.min() <= reconstruction.max() <= 1
    assert mean.shape == (2, 3)


def test_padding_changes_nothing_and_no_words_are_zeros() -> None:
    made = texts().eval()
    found = made(TOKENS)
    assert not found[2].any()
    torch.testing.assert_close(made(torch.tensor([[7, 1]]))[0], found[3])
    torch.testing.assert_close(made(torch.tensor([[1, 2, 2]]))[0], found[0])


def test_warming_up_is_even_and_ends_at_beta() -> None:
    assert [warmed_up(0.8, step, 4) for step in (0, 1, 2, 4, 9)] == pytest.approx([0, 0.2, 0.4, 0.8, 0.8])
    assert warmed_up(0.8, 0, 0) == 0.8


@BOTH
def test_gradients_reach_every_parameter(network: Vae, x: torch.Tensor, untouched: Any) -> None:
    assert untouched(network, lambda: negative_elbo(network, x) / 1000) == []


def test_the_exported_networks_give_the_means(run_exported: Any) -> None:
    run_exported(pictures(), ("n",), {"x": PIXELS[:2]}, {"x": PIXELS}, {"x": PIXELS[:1]})
    run_exported(texts(), ("n", "length"), {"x": TOKENS[:2]}, {"x": TOKENS}, {"x": TOKENS[:1, :1]})


def test_means_find_the_same_topic_without_labels() -> None:
    """Three topics of 8 words each and 16 words of any: texts of 6 words that may share none."""
    torch.manual_seed(0)
    topic = torch.randint(3, (600,))
    own = 17 + 8 * topic[:, None] + torch.randint(8, (600, 4))
    tokens = torch.cat([own, torch.randint(1, 17, (600, 2))], dim=1)
    made = texts(words=41, width=16, dim=8, hidden=32)

    def right() -> float:
        with torch.no_grad():
            means = F.normalize(made.eval()(tokens), dim=1)
        return float((topic[100:][(means[:100] @ means[100:].T).argmax(1)] == topic[:100]).float().mean())

    before = right()
    adam = torch.optim.Adam(made.parameters(), 0.01)
    for step, batch in enumerate(torch.randperm(500).add(100).repeat(24).split(100)):
        adam.zero_grad()
        negative_elbo(made.train(), tokens[batch], warmed_up(0.3, step, 40)).backward()
        adam.step()
    assert before < 0.85
    assert right() > 0.95
