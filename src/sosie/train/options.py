"""Options of networks, as recipes give them."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar

from sosie.errors import TrainingError
from sosie.train.recipe import Recipe

Made = TypeVar("Made")


def settings_of(kind: type[Made], recipe: Recipe, given: Mapping[str, Any]) -> Made:
    """The settings of a network: what the data says, and the recipe's options. Raises TrainingError: unknown ones."""
    known = [field.name for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    for option in recipe.options:
        if option not in known:
            near = get_close_matches(option, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known) or 'none'}."
            raise TrainingError(f"options: {recipe.network} has no option '{option}'; {hint}")
    return kind(**given, **recipe.options)
