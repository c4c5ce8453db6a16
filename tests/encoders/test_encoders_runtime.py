"""Networks exported once and run by either engine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sosie.encoders.runtime as runtime_module
from sosie.encoders.export import exported, file_key
from sosie.encoders.runtime import Runtime, cache_folder
from sosie.errors import EncoderError

TABLE = np.random.default_rng(5).normal(size=(50, 8)).astype(np.float32)
INPUTS = {"tokens": np.ones((2, 3), np.int64), "mask": np.ones((2, 3), np.int64)}
AXES = dict.fromkeys(INPUTS, ("n", "length"))


def make() -> Any:
    import torch

    class Sum(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = torch.nn.Embedding.from_pretrained(torch.from_numpy(TABLE))

        def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return (self.table(tokens) * mask[..., None]).sum(1)

    return Sum()


def expected(tokens: np.ndarray[Any, Any], mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (TABLE[tokens] * mask[..., None]).sum(1)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOSIE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield exported("toy", "1", make, INPUTS, AXES)


@pytest.fixture(params=["openvino", "onnxruntime"])
def opened(network: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    pytest.importorskip(request.param)
    if request.param == "onnxruntime":
        monkeypatch.setattr(runtime_module, "_open_openvino", lambda *_: None)
    opened = Runtime(network, "fp32")
    assert opened.engine == request.param
    return opened


def batch(rows: int, length: int) -> dict[str, np.ndarray[Any, Any]]:
    rng = np.random.default_rng(rows * 100 + length)
    return {"tokens": rng.integers(0, 50, (rows, length)), "mask": rng.integers(0, 2, (rows, length))}


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 9), (7, 4), (33, 2)])
def test_any_number_of_rows_and_any_length(opened: Runtime, rows: int, length: int) -> None:
    given = batch(rows, length)
    for chunk in (1, 4, 64):
        found = opened.run(dict(reversed(given.items())), chunk=chunk)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected(**given), atol=1e-5)


def test_no_rows_give_no_answers(opened: Runtime) -> None:
    assert opened.run(batch(0, 3)).shape == (0, 8)


def test_rows_need_not_lie_together_in_memory(opened: Runtime) -> None:
    given = {name: array[::2, ::-1] for name, array in batch(10, 4).items()}
    np.testing.assert_allclose(opened.run(given), expected(**given), atol=1e-5)


def test_many_threads_get_their_own_answers(opened: Runtime) -> None:
    batches = [batch(rows, 5) for rows in range(1, 60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(opened.run, batches))
    for given, found in zip(batches, answers, strict=True):
        np.testing.assert_allclose(found, expected(**given), atol=1e-5)


def test_wrong_inputs_are_named(opened: Runtime) -> None:
    given = batch(2, 2)
    with pytest.raises(EncoderError, match="tokens"):
        opened.run({"tokens": given["tokens"]})
    with pytest.raises(EncoderError, match="differ in length"):
        opened.run({"tokens": given["tokens"], "mask": given["mask"][:1]})


def test_files_that_are_no_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="there is no such network"):
        Runtime(tmp_path / "gone.onnx")
    file = tmp_path / "bad.onnx"
    file.write_bytes(b"garbage" * 100)
    with pytest.raises(EncoderError, match=r"bad\.onnx"):
        Runtime(file)


def test_without_any_engine_it_says_what_to_install(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime_module, "_open_openvino", lambda *_: None)
    monkeypatch.setattr(runtime_module, "_open_onnxruntime", lambda *_: None)
    with pytest.raises(EncoderError, match="pip install"):
        Runtime(network)


def test_a_network_is_made_once(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never() -> Any:
        raise AssertionError("made again")

    assert exported("toy", "1", never, INPUTS, AXES) == network
    assert sorted(p.name for p in network.parent.iterdir()) == [network.name]
    with pytest.raises(EncoderError, match=r"toy can't be exported.*made again"):
        exported("toy", "2", never, INPUTS, AXES)
    assert sorted(p.name for p in network.parent.iterdir()) == [network.name]
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"
    with pytest.raises(EncoderError, match="made again"):
        exported("toy", "1", never, INPUTS, AXES)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "taken").touch()
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "taken"))
    with pytest.raises(EncoderError, match="SOSIE_CACHE"):
        exported("toy", "1", make, INPUTS, AXES)


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="gone"):
        file_key(tmp_path / "gone.pth")
    (tmp_path / "a").write_bytes(b"1")
    (tmp_path / "b").write_bytes(b"2")
    assert file_key(tmp_path / "a") != file_key(tmp_path / "b")


FRESH = """
import sys, socket, numpy as np
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
calls = []
socket.socket.connect = lambda *a: calls.append(a)
from sosie.encoders.runtime import Runtime
def one(i):
    return Runtime(Path(sys.argv[1])).run({name: np.ones((9, 2), np.int64) for name in ("tokens", "mask")}, chunk=1)
with ThreadPoolExecutor(4) as pool:
    assert len(list(pool.map(one, range(4)))) == 4
assert not sys.modules.get("openvino_telemetry"), "telemetry"
assert "torch" not in sys.modules
assert not calls
"""


def test_a_fresh_process_starts_in_many_threads_calls_nobody_and_needs_no_torch(network: Path) -> None:
    pytest.importorskip("openvino")
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(network)], env=os.environ, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
