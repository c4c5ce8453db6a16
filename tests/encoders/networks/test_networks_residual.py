"""A residual network for small pictures."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.pixels import convolution, normalised
from sosie.encoders.networks.residual import Added, Residual, ResidualSettings


def network(**settings: Any) -> Residual:
    torch.manual_seed(0)
    return Residual(ResidualSettings(**{"dim": 5, "widths": (4, 6), **settings}))


def test_bytes_and_numbers_of_0_to_255_are_the_same_and_lie_channels_last() -> None:
    pixels = torch.randint(0, 256, (2, 8, 6, 3), dtype=torch.uint8)
    found = normalised(pixels)
    torch.testing.assert_close(found, normalised(pixels.float()))
    assert found.shape == (2, 3, 8, 6)
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert found[1, 2, 3, 4].item() == pytest.approx((float(pixels[1, 3, 4, 2]) - 127.5) / 64)


def test_an_addition_is_its_input_plus_two_convolutions() -> None:
    made = Added(3).eval()
    x = torch.randn(2, 3, 5, 5)
    y = x
    for layer in made.inner:
        conv, norm, _ = layer
        y = torch.relu(norm(F.conv2d(y, conv.weight, padding=1)))
    torch.testing.assert_close(made(x), x + y)


@pytest.mark.parametrize("size", [28, 31, 32, 64])
def test_every_stage_halves_the_picture(size: int) -> None:
    made, half = network(widths=(4, 6, 8)).eval(), size
    x = normalised(torch.zeros(1, size, size, 3))
    for layer in made.stages:
        x = layer(x)
        if isinstance(layer, nn.MaxPool2d):
            half //= 2
        assert x.shape[2:] == (half, half)
    assert made(torch.zeros(3, size, size, 3, dtype=torch.uint8)).shape == (3, 5)


def test_strided_convolutions_of_two_kernels_keep_the_middle() -> None:
    for kernel in (3, 5):
        layer = convolution(1, 1, kernel, 2).eval()
        nn.init.zeros_(layer[0].weight)
        layer[0].weight.data[0, 0, kernel // 2, kernel // 2] = 1.0
        x = torch.rand(1, 1, 6, 7)
        torch.testing.assert_close(layer(x), x[:, :, ::2, ::2] / (1 + 1e-5) ** 0.5)


def test_gradients_reach_every_parameter(untouched: Any) -> None:
    made = network()
    pixels, wanted = torch.randint(0, 256, (12, 16, 16, 3)), torch.randn(12, 5)
    # what a norm subtracts right behind it, a bias can't change
    assert untouched(made, lambda: F.mse_loss(made(pixels), wanted)) in ([], ["last.bias"])


def test_the_exported_network_is_the_same(run_exported: Any) -> None:
    made = network()
    made(torch.randint(0, 256, (9, 28, 28, 3)))  # statistics of its norms that aren't those of the start
    asked = torch.randint(0, 256, (5, 28, 28, 3), dtype=torch.uint8)
    run_exported(made, ("n",), {"pixels": asked[:2]}, {"pixels": asked}, {"pixels": asked[:1]})


def test_it_learns_shapes_wherever_they_lie() -> None:
    """A cross or a square of 5 x 5, of any brightness, anywhere on 16 x 16 pixels with noise."""
    torch.manual_seed(0)
    square = F.pad(torch.zeros(3, 3), (1, 1, 1, 1), value=1.0)
    cross = torch.zeros(5, 5)
    cross[2] = cross[:, 2] = 1.0
    pixels = 40 * torch.rand(600, 16, 16, 1)
    wanted, places = torch.randint(2, (600,)), torch.randint(0, 12, (600, 2))
    for one, kind, (y, x) in zip(pixels, wanted, places, strict=True):
        one[y : y + 5, x : x + 5, 0] += (60 + 150 * torch.rand(())) * (cross if kind else square)
    pixels = pixels.expand(-1, -1, -1, 3)
    made = network(dim=2, widths=(8, 16))
    adam = torch.optim.Adam(made.parameters(), 0.01)
    for batch in torch.arange(500).repeat(6).split(50):
        adam.zero_grad()
        F.cross_entropy(made.train()(pixels[batch]), wanted[batch]).backward()
        adam.step()
    assert (made.eval()(pixels[500:]).argmax(1) == wanted[500:]).float().mean() > 0.9
