"""Makes ONNX files from torch modules, once: kept in the cache folder under a name that tells their content."""

import logging
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from sosie.encoders.runtime import cache_folder
from sosie.errors import EncoderError

if TYPE_CHECKING:
    from torch import nn

VERSION = "1"  # changes when the same module would be exported into another file


def exported(
    name: str,
    key: str,
    make: Callable[[], "nn.Module"],
    inputs: Mapping[str, NDArray[Any]],
    dynamic: Mapping[str, Sequence[str | None]],
    nested: str = "",
) -> Path:
    """Path of a module's ONNX file, with one output named `output`; torch is imported only when it isn't cached yet.

    `key` names everything that the file depends on (weights, settings, code); `make` returns the module
    in evaluation mode; `inputs` are examples by parameter name of `forward`, in order, at least 2 long
    on every dynamic axis; `dynamic` names the axes that may vary, None for fixed ones: `{"tokens": ("n", "length")}`.
    Where `forward` takes all inputs as one dict, `nested` is that parameter's name.
    Raises EncoderError when the export fails or the cache can't be written.
    """
    return kept(f"{name}.onnx", key, lambda: _export(name, make, inputs, dynamic, nested))


def kept(name: str, key: str, make: Callable[[], bytes]) -> Path:
    """Path of a file in the cache that `make` gives the content of, once; `key` names all that it depends on.

    Raises EncoderError when the cache can't be written.
    """
    plain = Path(name)
    digest = blake2b(f"{VERSION}\n{plain.stem}\n{key}".encode(), digest_size=12).hexdigest()
    file = cache_folder() / "networks" / f"{plain.stem}-{digest}{plain.suffix}"
    if not file.is_file():
        _write(file, make())
    return file


def file_key(file: Path) -> str:
    """Content of a file as a short key (blake2b). Raises EncoderError when it can't be read."""
    try:
        return blake2b(file.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise EncoderError(f"{file}: weights can't be read ({error.strerror}).") from error


def _export(
    name: str,
    make: Callable[[], "nn.Module"],
    inputs: Mapping[str, NDArray[Any]],
    dynamic: Mapping[str, Sequence[str | None]],
    nested: str,
) -> bytes:
    try:
        import torch
    except ImportError as error:
        raise EncoderError(f"The network {name} has to be exported once with torch: pip install torch.") from error
    dims: dict[str, Any] = {axis: torch.export.Dim(axis) for axes in dynamic.values() for axis in axes if axis}
    shapes = {
        given: {i: dims[axis] for i, axis in enumerate(dynamic.get(given, ())) if axis is not None} for given in inputs
    }
    examples = {given: torch.from_numpy(array) for given, array in inputs.items()}
    try:
        with _quiet(), torch.inference_mode():
            program = torch.onnx.export(
                make().eval(),
                kwargs={nested: examples} if nested else examples,
                input_names=list(inputs),
                output_names=["output"],
                dynamic_shapes={nested: shapes} if nested else shapes,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except EncoderError:
        raise
    except Exception as error:  # the exporter wraps whatever went wrong in kinds of its own
        raise EncoderError(f"The network {name} can't be exported to ONNX ({error}).") from error
    if program is None:
        raise EncoderError(f"The network {name} can't be exported to ONNX.")
    return bytes(program.model_proto.SerializeToString())


@contextmanager
def _quiet() -> Iterator[None]:
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


def _write(file: Path, content: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".new-", delete=False) as beside:
            try:
                beside.write(content)
                beside.flush()
                os.fsync(beside.fileno())
                Path(beside.name).replace(file)
            except BaseException:
                Path(beside.name).unlink(missing_ok=True)
                raise
    except OSError as error:
        raise EncoderError(
            f"{file}: the exported network can't be kept ({error.strerror}); SOSIE_CACHE names another folder."
        ) from error
