"""A head begins at frozen quality and learns from there."""

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.heads import Head, HeadSettings, main_directions


def unit(n: int, dim: int, seed: int = 0) -> torch.Tensor:
    return F.normalize(torch.randn(n, dim, generator=torch.Generator().manual_seed(seed)), dim=1)


@pytest.mark.parametrize("hidden", [0, 8])
@pytest.mark.parametrize(("inside", "dim"), [(6, 6), (6, 9), (9, 6)])
def test_it_begins_as_an_isometry_where_there_is_room(inside: int, dim: int, hidden: int) -> None:
    head = Head(HeadSettings(inside, dim, hidden)).eval()
    vectors = unit(5, inside)
    found = head(vectors)
    assert found.shape == (5, dim)
    if dim >= inside:
        torch.testing.assert_close(found @ found.T, vectors @ vectors.T)
    else:
        torch.testing.assert_close(head.linear.weight @ head.linear.weight.T, torch.eye(dim))


def test_started_it_is_the_main_directions_up_to_scale() -> None:
    vectors = unit(200, 12) * torch.linspace(1, 3, 12)
    head = Head(HeadSettings(12, 4)).eval()
    head.start(vectors)
    wanted = PCA(4, svd_solver="full").fit_transform(vectors.numpy().astype(np.float64))
    wanted /= np.sqrt((wanted**2).sum(1).mean())
    found = head(vectors).detach().numpy()
    np.testing.assert_allclose(np.abs(found), np.abs(wanted), atol=1e-5)
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-5)


def test_whitened_directions_vary_alike() -> None:
    vectors = unit(300, 10) * torch.linspace(1, 4, 10)
    weight, mean = main_directions(vectors, 5, whiten=1.0)
    spread = ((vectors - mean) @ weight.T).var(0, unbiased=False)
    torch.testing.assert_close(spread, torch.full((5,), 1 / 5))


def test_rows_of_zeros_and_missing_directions_don_t_matter_for_the_start() -> None:
    vectors = torch.cat([unit(3, 4), torch.zeros(7, 4)])
    weight, mean = main_directions(vectors, 9)
    alone, alone_mean = main_directions(vectors[:3], 9)
    torch.testing.assert_close(weight.T @ weight, alone.T @ alone)
    torch.testing.assert_close(mean, alone_mean)
    assert (weight != 0).any(1).sum() == 2  # three points span a plane
    nothing, _ = main_directions(torch.zeros(2, 4), 3)
    assert not nothing.any()


def test_a_missing_signal_stays_missing() -> None:
    vectors = unit(6, 5)
    vectors[2] = 0
    head = Head(HeadSettings(5, 3))
    torch.nn.init.normal_(head.linear.bias)
    for found in (head(vectors), head.eval()(vectors)):
        assert not found[2].any()
        assert found[[0, 1, 3, 4, 5]].any(1).all()


def test_gradients_reach_every_parameter(untouched: Any) -> None:
    head = Head(HeadSettings(5, 7, 6))
    wanted = unit(9, 7, seed=1)
    assert untouched(head, lambda: F.mse_loss(head(unit(9, 5)), wanted)) == []


def test_the_exported_head_is_the_same(run_exported: Any) -> None:
    head = Head(HeadSettings(6, 4, 8))
    torch.nn.init.normal_(head.branch[-1].weight)
    asked = unit(7, 6)
    asked[3] = 0
    run_exported(head, ("n",), {"vectors": unit(2, 6)}, {"vectors": asked}, {"vectors": unit(1, 6)})


def test_it_learns_what_no_linear_map_can() -> None:
    """Which of two pairs of blobs: the exclusive or of two signs."""
    torch.manual_seed(0)
    points = torch.randn(512, 2).sign() + 0.2 * torch.randn(512, 2)
    wanted = (points[:, 0] * points[:, 1] > 0).float()
    vectors = F.normalize(points, dim=1)
    right = {}
    for hidden in (0, 32):
        head = Head(HeadSettings(2, 1, hidden, dropout=0.0))
        adam = torch.optim.Adam(head.parameters(), 0.02)
        for _ in range(150):
            adam.zero_grad()
            F.binary_cross_entropy_with_logits(4 * head(vectors)[:, 0], wanted).backward()
            adam.step()
        right[hidden] = float(((head.eval()(vectors)[:, 0] > 0).float() == wanted).float().mean())
    assert right[0] < 0.8
    assert right[32] > 0.98
