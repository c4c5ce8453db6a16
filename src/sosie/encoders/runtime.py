"""Runs exported networks: OpenVINO where it can be imported, ONNX Runtime elsewhere; no torch."""

import os
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from queue import SimpleQueue
from threading import Lock
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sosie.errors import EncoderError

Precision = Literal["auto", "fp32", "bf16"]
Inputs = Mapping[str, NDArray[Any]]

_FIRST = Lock()


def cache_folder() -> Path:
    """Where exported networks and compiled kernels are kept: `SOSIE_CACHE`, else `~/.cache/sosie`."""
    named = os.environ.get("SOSIE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "sosie"


class Runtime:
    """An opened ONNX network with one output.

    `auto` takes bf16 where the processor computes in it, fp32 elsewhere; `bf16` on a processor without it
    runs as fp32. The first `exact_convolutions` of a convolutional network stay in fp32 whatever the precision.
    `engine` and `precision` say what was taken. Safe to call from several threads. Raises EncoderError when
    the file can't be opened or no engine is installed.
    """

    def __init__(self, file: Path, precision: Precision = "auto", *, exact_convolutions: int = 0) -> None:
        if not file.is_file():
            raise EncoderError(f"{file}: there is no such network; build the store again.")
        opened = _open_openvino(file, precision, exact_convolutions) or _open_onnxruntime(file)
        if opened is None:
            raise EncoderError("No engine for networks is installed: pip install openvino (or onnxruntime).")
        self._engine = opened
        self.engine: str = opened.name
        self.precision: str = opened.precision
        self.inputs: tuple[str, ...] = opened.inputs

    def run(self, batch: NDArray[Any] | Inputs, *, chunk: int = 4) -> NDArray[np.float32]:
        """Answers of the network, (n, ...) float32, rows in the order of the batch.

        `batch` is the only input, or one array for each name in `inputs`; first axes are equally long. Rows
        go through the network `chunk` at a time, spread over all cores: few rows keep the activations in the cache.
        """
        named: Inputs = batch if isinstance(batch, Mapping) else {self.inputs[0]: batch}
        if set(named) != set(self.inputs):
            raise EncoderError(f"The network takes {', '.join(self.inputs)}; given were {', '.join(named)}.")
        if len({len(array) for array in named.values()}) > 1:
            raise EncoderError(f"Inputs differ in length: { {name: len(array) for name, array in named.items()} }.")
        return self._engine.run({name: np.ascontiguousarray(array) for name, array in named.items()}, chunk)


class _OpenVINO:
    """Networks run one after the other, each the only input of the next."""

    name = "openvino"

    def __init__(self, stages: list[Any], precision: str) -> None:
        self.precision = precision
        self.inputs = tuple(port.get_node().get_friendly_name() for port in stages[0].inputs)  # as in the file
        self._tail = _tail(stages[-1].outputs[0].get_partial_shape())
        self._idle: SimpleQueue[list[Any]] = SimpleQueue()
        streams = stages[-1].get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")
        for _ in range(streams):
            self._idle.put([stage.create_infer_request() for stage in stages])
        self._workers = ThreadPoolExecutor(streams, thread_name_prefix="sosie-network")

    def run(self, batch: Inputs, chunk: int) -> NDArray[np.float32]:
        parts = list(_chunks(batch, chunk))
        if not parts:
            return np.zeros((0, *self._tail), np.float32)
        return np.concatenate(
            [self._infer(parts[0])] if len(parts) == 1 else list(self._workers.map(self._infer, parts))
        )

    def _infer(self, part: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
        requests = self._idle.get()
        try:
            requests[0].infer(part, share_inputs=True)
            for before, request in pairwise(requests):
                request.set_input_tensor(before.get_output_tensor(0))
                request.infer()
            return np.array(requests[-1].get_output_tensor(0).data, dtype=np.float32)
        finally:
            self._idle.put(requests)


class _OnnxRuntime:
    name = "onnxruntime"
    precision = "fp32"

    def __init__(self, session: Any) -> None:  # noqa: ANN401 (ONNX Runtime has no types)
        self._session = session
        self.inputs = tuple(port.name for port in session.get_inputs())
        self._tail = tuple(size if isinstance(size, int) else 0 for size in session.get_outputs()[0].shape[1:])

    def run(self, batch: Inputs, chunk: int) -> NDArray[np.float32]:
        answers = [self._session.run(None, dict(part))[0] for part in _chunks(batch, chunk)]
        if not answers:
            return np.zeros((0, *self._tail), np.float32)
        return np.concatenate(answers).astype(np.float32, copy=False)


def _open_openvino(file: Path, precision: Precision, exact_convolutions: int) -> _OpenVINO | None:
    try:
        ov = _import_openvino()
    except ImportError:
        return None
    core = ov.Core()
    wide = precision == "fp32" or "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")

    def compiled(model: Any, hint: str) -> Any:  # noqa: ANN401
        return core.compile_model(model, "CPU", {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": hint})

    try:
        model = core.read_model(file)
        if wide:
            return _OpenVINO([compiled(model, "f32")], "fp32")
        if exact_convolutions == 0:
            return _OpenVINO([compiled(model, "bf16")], "bf16")
        first, rest = _cut(model, exact_convolutions)
        return _OpenVINO([compiled(first, "f32"), compiled(rest, "bf16")], "bf16")
    except Exception as error:  # OpenVINO raises RuntimeError and kinds of its own
        raise EncoderError(f"{file}: can't be opened as a network by OpenVINO ({_first_line(error)}).") from error


def _import_openvino() -> Any:  # noqa: ANN401 (a module)
    # Importing openvino reports the import to its makers; with this package out of reach it uses its own silent stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    with _FIRST:
        import openvino as ov

        # Two threads that make the very first tensors of a process wait for each other for ever.
        ov.Tensor(np.zeros(1, np.uint8), shared_memory=True)
        return ov


def _cut(model: Any, convolutions: int) -> tuple[Any, Any]:  # noqa: ANN401
    """A network as two, parted before a convolution whose input is all that goes on from there."""
    ov = _import_openvino()
    op = ov.opset13
    layers = [node for node in model.get_ordered_ops() if "Convolution" in node.get_type_name()]
    border = layers[convolutions].input(0).get_source_output()
    shape, users = border.get_partial_shape(), list(border.get_target_inputs())
    first = ov.Model([op.result(border)], model.get_parameters(), "first").clone()
    entry = op.parameter(shape, np.float32)
    for user in users:
        user.replace_source_output(entry.output(0))
    return first, ov.Model(model.get_results(), [entry], "rest")


def _open_onnxruntime(file: Path) -> _OnnxRuntime | None:
    try:
        import onnxruntime
    except ImportError:
        return None
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return _OnnxRuntime(onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"]))
    except Exception as error:  # its exceptions share no public base
        raise EncoderError(f"{file}: can't be opened as a network by ONNX Runtime ({_first_line(error)}).") from error


def _chunks(batch: Inputs, chunk: int) -> Iterator[dict[str, NDArray[Any]]]:
    rows = len(next(iter(batch.values())))
    for start in range(0, rows, chunk):
        yield {name: array[start : start + chunk] for name, array in batch.items()}


def _tail(shape: Any) -> tuple[int, ...]:  # noqa: ANN401 (OpenVINO's type)
    return tuple(size.get_length() if size.is_static else 0 for size in list(shape)[1:])


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1][:200] if lines else type(error).__name__
