"""What every network is tested with: its exported twin, and gradients of all of its parameters."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from sosie.encoders.export import exported

RunExported = Callable[..., Tensor]


@pytest.fixture
def run_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunExported:
    """Function that exports a network by examples with two rows and runs it on inputs of other sizes."""
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path))

    def run(network: nn.Module, axes: tuple[str, ...], examples: Mapping[str, Tensor], *asked: Mapping[str, Tensor]):
        network.eval()
        given = {name: example.numpy() for name, example in examples.items()}
        file = exported("network", type(network).__name__, lambda: network, given, dict.fromkeys(given, axes))
        session = onnxruntime.InferenceSession(str(file))
        for inputs in asked:
            with torch.no_grad():
                wanted = network(**inputs).numpy()
            (found,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
            np.testing.assert_allclose(found, wanted, atol=1e-4)

    return run


@pytest.fixture
def untouched() -> Callable[[nn.Module, Callable[[], Tensor]], list[str]]:
    """Function that names the parameters which a loss doesn't reach in the last of three steps of plain descent."""

    def find(network: nn.Module, loss: Callable[[], Tensor]) -> list[str]:
        network.train()
        for _ in range(3):
            network.zero_grad()
            loss().backward()
            with torch.no_grad():
                for parameter in network.parameters():
                    if parameter.grad is not None:
                        parameter -= 0.01 * parameter.grad
        return [
            name
            for name, parameter in network.named_parameters()
            if parameter.grad is None or not (parameter.grad != 0).any()
        ]

    return find
