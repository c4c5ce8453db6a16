"""Keras models on the torch backend: opened without running anything but Keras' own layers."""

import json
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sosie.errors import EncoderError

LEAST = (3, 12)  # earlier versions could be made to run what a file brings, in spite of their safe mode
# Layers that hold programs, or read files that a model names.
REFUSED = ("Lambda", "TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer", "StringLookup", "IntegerLookup")
OWN = ("", "keras")  # modules, the first part of their names


class KerasNetwork(nn.Module):
    """A Keras model of one input and one output, as it answers outside of training."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 (Keras has no types)
        super().__init__()
        self.model = model

    def forward(self, pictures: Tensor) -> Tensor:
        """What the model takes -> what it gives."""
        found: Tensor = self.model(pictures, training=False)
        return found


def open_keras(file: Path, layer: str = "") -> tuple[Any, list[str]]:
    """A Keras model in evaluation mode, up to `layer` where one is named, and remarks on it.

    Raises EncoderError: damaged, of other code than Keras' own, of several inputs or outputs, no such layer.
    """
    _check(file)
    keras = _import_keras()
    try:
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds
        raise EncoderError(f"{file}: can't be opened by Keras {keras.__version__} ({_short(error)}).") from error
    names = [part.name for part in model.layers]
    if layer and layer not in names:
        raise EncoderError(f"{file}: has no layer '{layer}'; it has {', '.join(names)}.")
    try:
        inputs, outputs = list(model.inputs), list(model.outputs)
        if layer:
            found = model.get_layer(layer).output
            outputs = found if isinstance(found, list) else [found]
        if len(inputs) != 1 or len(outputs) != 1:
            raise EncoderError(
                f"{file}: has {len(inputs)} inputs and {len(outputs)} outputs, not one of each; "
                f"name a layer with --layer: {', '.join(names)}."
            )
        remarks = _remarks(model) if not layer else []
        return (keras.Model(inputs[0], outputs[0]) if layer else model).eval(), remarks
    except (AttributeError, ValueError) as error:  # a model that is a class of its own has neither until it is called
        raise EncoderError(f"{file}: is no model made of layers one after the other ({_short(error)}).") from error


def takes_bytes(model: Any) -> bool:  # noqa: ANN401
    """Whether a model scales pixels itself: its first layer after the input does."""
    first = next((type(layer).__name__ for layer in model.layers if type(layer).__name__ != "InputLayer"), "")
    return first in ("Rescaling", "Normalization")


def _check(file: Path) -> None:
    """Look at what a model is made of before anything of it is opened."""
    try:
        with zipfile.ZipFile(file) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise EncoderError(f"{file}: is no model of Keras 3 ({error}); model.save('NAME.keras') writes one.") from error
    for part in _parts(config):
        name, module = str(part["class_name"]), str(part.get("module") or "")
        if name in REFUSED:
            raise EncoderError(
                f"{file}: holds a {name} layer, which may run a program that came with the file; a model of "
                "Keras' other layers is needed."
            )
        if module.partition(".")[0] not in OWN or (part.get("registered_name") or name) != name:
            raise EncoderError(
                f"{file}: holds '{module}.{name}', which is not of Keras; programs of others are never run."
            )


def _parts(config: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (JSON)
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _parts(value)
    elif isinstance(config, list):
        for value in config:
            yield from _parts(value)


def _import_keras() -> Any:  # noqa: ANN401 (a module)
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    except ImportError as error:
        raise EncoderError("Keras models need Keras: pip install 'sosie[keras]'.") from error
    if keras.backend.backend() != "torch":
        raise EncoderError(f"Keras runs on {keras.backend.backend()} here; KERAS_BACKEND=torch is needed.")
    if tuple(int(part) for part in keras.__version__.split(".")[:2]) < LEAST:
        raise EncoderError(
            f"Keras {keras.__version__} does not open files safely enough: pip install -U 'sosie[keras]'."
        )
    return keras


def _remarks(model: Any) -> list[str]:  # noqa: ANN401
    last = model.layers[-1]
    activation = getattr(getattr(last, "activation", None), "__name__", "")
    if activation != "softmax" and type(last).__name__ != "Softmax":
        return []
    return [
        f"Its last layer gives shares of classes, which tell little of likeness; a layer before it may be better: "
        f"--layer {model.layers[-2].name if len(model.layers) > 1 else last.name}."
    ]


def _short(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
