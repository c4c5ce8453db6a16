"""The classic network of tiny pictures."""

from typing import Any

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.cnn import Cnn, CnnSettings


def network(**settings: Any) -> Cnn:
    torch.manual_seed(0)
    return Cnn(CnnSettings(**{"size": 12, "dim": 5, "widths": (3, 4), "hidden": 7, **settings}))


@pytest.mark.parametrize(("size", "widths"), [(28, (2, 3)), (32, (2, 3)), (28, (2, 3, 4)), (7, (2,))])
def test_it_takes_pictures_of_its_size_as_bytes_or_numbers(size: int, widths: tuple[int, ...]) -> None:
    made = network(size=size, widths=widths).eval()
    pixels = torch.randint(0, 256, (3, size, size, 3), dtype=torch.uint8)
    found = made(pixels)
    assert found.shape == (3, 5)
    torch.testing.assert_close(made(pixels.float()), found)


def test_it_is_convolution_relu_pooling_linear() -> None:
    made = network(size=4, widths=(2,)).eval()
    pixels = torch.randint(0, 256, (1, 4, 4, 3)).float()
    state = made.state_dict()
    weight, bias = state["convolutions.0.weight"], state["convolutions.0.bias"]
    around = F.pad((pixels[0] - 127.5) / 64, (0, 0, 2, 2, 2, 2))
    maps = torch.zeros(2, 4, 4)
    for channel in range(2):
        for y in range(4):
            for x in range(4):
                seen = around[y : y + 5, x : x + 5].permute(2, 0, 1)
                maps[channel, y, x] = (seen * weight[channel]).sum() + bias[channel]
    pooled = torch.stack([maps[:, y : y + 2, x : x + 2].amax((1, 2)) for y in (0, 2) for x in (0, 2)], dim=1)
    features = pooled.clamp_min(0).flatten()
    hidden = (state["linear.1.weight"] @ features + state["linear.1.bias"]).clamp_min(0)
    torch.testing.assert_close(made(pixels)[0], state["linear.4.weight"] @ hidden + state["linear.4.bias"])


def test_gradients_reach_every_parameter(untouched: Any) -> None:
    made = network()
    pixels, wanted = torch.randint(0, 256, (20, 12, 12, 3)), torch.randn(20, 5)
    assert untouched(made, lambda: F.mse_loss(made(pixels), wanted)) == []


def test_the_exported_network_is_the_same(run_exported: Any) -> None:
    asked = torch.randint(0, 256, (5, 12, 12, 3), dtype=torch.uint8)
    run_exported(network(), ("n",), {"pixels": asked[:2]}, {"pixels": asked}, {"pixels": asked[:1]})


def test_it_learns_which_way_stripes_run() -> None:
    """Upright or level stripes, from any place on, of any two colours."""
    torch.manual_seed(0)
    wanted, shift = torch.randint(2, (300,)), torch.randint(0, 4, (300, 1, 1))
    stripes = ((torch.arange(12)[None, :, None] + shift) // 2 % 2).expand(-1, -1, 12)
    bright = torch.where(wanted[:, None, None] == 1, stripes.transpose(1, 2), stripes)[..., None]
    pixels = bright * 255 * torch.rand(300, 1, 1, 3) + (1 - bright) * 255 * torch.rand(300, 1, 1, 3)
    made = network(dim=2, widths=(8,), hidden=16)
    adam = torch.optim.Adam(made.parameters(), 0.01)
    for _ in range(40):
        adam.zero_grad()
        F.cross_entropy(made.train()(pixels[:200]), wanted[:200]).backward()
        adam.step()
    assert (made.eval()(pixels[200:]).argmax(1) == wanted[200:]).float().mean() > 0.95
