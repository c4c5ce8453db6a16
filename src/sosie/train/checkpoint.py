"""Where a run stands: everything that the next step depends on, replaced atomically."""

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from sosie.errors import TrainingError

FILE = "checkpoint.pt"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint of a run; tensors and plain values only. Raises TrainingError: disk full."""
    beside = folder / f"{FILE}.partial"
    try:
        with beside.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(folder / FILE)
    except (OSError, RuntimeError) as error:  # torch's writer tells of a full disk as RuntimeError
        beside.unlink(missing_ok=True)
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise TrainingError(
            f"{folder}: the state of the training can't be written ({why}). The one before is kept: make room, and "
            "give the same command again to go on from there."
        ) from error


@contextmanager
def writing(run: Path, what: Path) -> Iterator[None]:
    """Raise TrainingError where something that a run writes can't be, as on a full disk."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        where, why = (error.filename, error.strerror) if isinstance(error, OSError) else (None, None)
        kept = f"; {run / FILE} is kept" if (run / FILE).is_file() else ""
        raise TrainingError(
            f"{where or what}: can't be written ({why or error}){kept}. Make room, and give the same command again to "
            "go on from where it stood."
        ) from error


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The checkpoint of a run; None where there is none. Raises TrainingError when it is damaged."""
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise TrainingError(f"{file}: is damaged ({error}); remove the folder {folder} to begin anew.") from error
    return state
