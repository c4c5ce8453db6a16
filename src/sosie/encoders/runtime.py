"""Runs exported networks: OpenVINO where it can be imported, ONNX Runtime elsewhere; no torch."""

import os
import sys
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sosie.errors import EncoderError

Precision = Literal["auto", "fp32", "bf16"]
Inputs = Mapping[str, NDArray[Any]]


def cache_folder() -> Path:
    """Where exported networks and compiled kernels are kept: `SOSIE_CACHE`, else `~/.cache/sosie`."""
    named = os.environ.get("SOSIE_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "sosie"


class Runtime:
    """An opened ONNX network with one output.

    `auto` takes bf16 where the processor computes in it (cosine to fp32 >= .9999), fp32 elsewhere; `bf16` on a
    processor without it runs as fp32. `engine` and `precision` say what was taken. Safe to call from several
    threads. Raises EncoderError when the file can't be opened or no engine is installed.
    """

    def __init__(self, file: Path, precision: Precision = "auto") -> None:
        if not file.is_file():
            raise EncoderError(f"{file}: there is no such network; build the store again.")
        opened = _open_openvino(file, precision) or _open_onnxruntime(file)
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
    name = "openvino"

    def __init__(self, compiled: Any, precision: str) -> None:  # noqa: ANN401 (OpenVINO has no types)
        self.precision = precision
        self.inputs = tuple(port.get_any_name() for port in compiled.inputs)
        self._tail = _tail(compiled.outputs[0].get_partial_shape())
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS")):
            self._free.put(compiled.create_infer_request())

    def run(self, batch: Inputs, chunk: int) -> NDArray[np.float32]:
        answers: list[NDArray[np.float32]] = []
        running: deque[Any] = deque()
        try:
            for part in _chunks(batch, chunk):
                request = self._idle(running, answers)
                running.append(request)
                request.start_async(part)
            while running:
                self._free.put(self._finish(running, answers))
        finally:
            while running:  # only after an error: requests go back idle
                request = running.popleft()
                with suppress(Exception):
                    request.wait()
                self._free.put(request)
        return np.concatenate(answers) if answers else np.zeros((0, *self._tail), np.float32)

    def _idle(self, running: deque[Any], answers: list[NDArray[np.float32]]) -> Any:  # noqa: ANN401
        # A thread waits for others' requests only while it holds none itself, so none can wait in a ring.
        try:
            return self._free.get_nowait()
        except Empty:
            return self._finish(running, answers) if running else self._free.get()

    def _finish(self, running: deque[Any], answers: list[NDArray[np.float32]]) -> Any:  # noqa: ANN401
        running[0].wait()
        answers.append(np.array(running[0].get_output_tensor(0).data, dtype=np.float32))
        return running.popleft()


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


def _open_openvino(file: Path, precision: Precision) -> _OpenVINO | None:
    # Importing openvino reports the import to its makers; with this package out of reach it uses its own silent stub.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    try:
        import openvino as ov
    except ImportError:
        return None
    core = ov.Core()
    has_bf16 = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    taken = "bf16" if precision != "fp32" and has_bf16 else "fp32"
    settings = {
        "PERFORMANCE_HINT": "THROUGHPUT",
        "INFERENCE_PRECISION_HINT": "bf16" if taken == "bf16" else "f32",
    }
    try:
        return _OpenVINO(core.compile_model(core.read_model(file), "CPU", settings), taken)
    except Exception as error:  # OpenVINO raises RuntimeError and kinds of its own
        raise EncoderError(f"{file}: can't be opened as a network by OpenVINO ({_first_line(error)}).") from error


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
