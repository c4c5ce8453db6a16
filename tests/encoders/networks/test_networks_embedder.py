"""What is made of a trained network's embeddings: directions kept, or half-whitened."""

import numpy as np
import torch
from torch import Tensor, nn

from sosie.encoders.networks.embedder import FLOOR, Whitened, half_whitened
from sosie.scoring import apply_scale, fit_scale


class Twice(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return 2 * pixels


def unit(rows: int) -> Tensor:
    torch.manual_seed(0)
    spread = torch.tensor([4.0, 2.0, 1.0, 0.1, 0.1, 0.1])
    return nn.functional.normalize(torch.randn(rows, 6) * spread + torch.tensor([0, 0, 3.0, 0, 0, 0]), dim=1)


def test_variances_become_their_roots() -> None:
    embeddings = unit(2_000)
    turned = (embeddings - embeddings.mean(0)) @ half_whitened(embeddings, 3)[1].T
    variances = turned.square().mean(0)
    before = np.sort(np.linalg.eigvalsh(np.cov(embeddings.numpy().T, bias=True)))[::-1][:3]
    np.testing.assert_allclose(variances, before / np.sqrt(before + FLOOR * before[0]), rtol=1e-4)
    covariance = turned.T @ turned / len(turned)
    torch.testing.assert_close(covariance, torch.diag(variances), atol=1e-5, rtol=1e-4)


def test_cosines_are_those_of_a_scale_that_projects() -> None:
    embeddings = unit(500)
    made = Whitened(Twice(), *half_whitened(embeddings, 4))
    found = nn.functional.normalize(made(embeddings), dim=1)  # lengths don't count
    wanted = apply_scale(embeddings.numpy(), fit_scale(embeddings.numpy(), 4))
    np.testing.assert_allclose(found @ found.T, wanted @ wanted.T, atol=1e-4)
