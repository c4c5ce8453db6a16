"""Options of networks, as recipes give them."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from sosie.errors import TrainingError
from sosie.train.recipe import Recipe

Made = TypeVar("Made")


def settings_of(kind: type[Made], recipe: Recipe, given: Mapping[str, Any]) -> Made:
    """The settings of a network: what the data says, and the recipe's options.

    Raises TrainingError for unknown ones, and for those of another type or out of bounds.
    """
    known = [field.name for field in fields(kind) if field.name not in given]  # type: ignore[arg-type]
    kinds = get_type_hints(kind, include_extras=True)
    for option, value in recipe.options.items():
        if option not in known:
            near = get_close_matches(option, known, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known) or 'none'}."
            raise TrainingError(f"options: {recipe.network} has no option '{option}'; {hint}")
        try:
            TypeAdapter(kinds[option]).validate_python(value, strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(str(part) for part in ("options", option, *first["loc"]))
            raise TrainingError(f"{at}: {first['msg']} (given: {first['input']!r}).") from error
    return kind(**given, **recipe.options)
