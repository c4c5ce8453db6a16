"""Encoders learnt from the shop's own products: supervision, losses, fitting, an encoder folder.

The room can be called like its verb: `sosie.train(store, label="type")`, see `sosie.train.front.train`.
"""

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from sosie.errors import TrainingError

if TYPE_CHECKING:
    from sosie.train.report import TrainReport


class _Callable(ModuleType):
    """A function of the room's name would be hidden by the room as soon as something imports it."""

    def __call__(self, *given: Any, **options: Any) -> "TrainReport":  # noqa: ANN401 - `train` says what they are
        try:
            from sosie.train.front import train
        except ModuleNotFoundError as error:
            raise needed(error) from error
        return train(*given, **options)


def needed(error: ModuleNotFoundError) -> Exception:
    """What to say where a library of training is missing; the error itself where it is something of sosie's."""
    if (error.name or "").startswith("sosie"):
        return error
    return TrainingError(f"{error.name} is not installed; training needs: pip install 'sosie[train]'.")


sys.modules[__name__].__class__ = _Callable
