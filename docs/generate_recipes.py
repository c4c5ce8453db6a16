"""Writes the tables of docs/training.md from the code's own recipes and settings: `make docs`.

What a row means stands in its last cell, and is written by hand; the cells before it are the code's.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin

from pydantic import BaseModel

from sosie.train.augment import Augmentation
from sosie.train.clustering import ClusterSettings
from sosie.train.losses import LossSettings
from sosie.train.mining import MiningSettings
from sosie.train.recipe import RECIPES, Recipe
from sosie.train.words import WordChanges

PAGE = Path(__file__).with_name("training.md")
TABLES = {
    "clusters": ClusterSettings,
    "loss": LossSettings,
    "mining": MiningSettings,
    "augmentation": Augmentation,
    "words": WordChanges,
}
SIGNS = {"ge": "from {}", "gt": "above {}", "le": "to {}", "lt": "below {}"}


def page(text: str) -> str:
    """The page with both tables written anew. Raises ValueError where the page and the code differ in rows."""
    recipes = {name: f"`{recipe.network}` | {recipe.sees} | {_learns(recipe)}" for name, recipe in RECIPES.items()}
    return _filled(_filled(text, "recipes", recipes), "keys", dict(_keys(Recipe)))


def _learns(recipe: Recipe) -> str:
    """What it is taught by, how often, and in which portions."""
    loss = "its own errors" if recipe.rebuild else "the teacher's vectors" if recipe.imitate else recipe.loss.name
    return f"{loss} | {recipe.epochs} × {recipe.batch}"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key with its default and its bounds."""
    for name, field in model.model_fields.items():
        if name in TABLES and not prefix:
            yield from _keys(TABLES[name], f"{name}.")
        else:
            default = _plain(field.get_default(call_default_factory=True))
            yield prefix + name, f"`{default}` | {_bounds(field.annotation, field.metadata)}"


def _plain(value: object) -> str:
    return "none" if value is None else json.dumps(value)


def _bounds(kind: object, rules: list[object]) -> str:
    """What is allowed, in words; of the first kind that a value may be, or of each of several values."""
    if get_origin(kind) is Literal:
        return ", ".join(f"`{json.dumps(one)}`" for one in get_args(kind))
    if get_origin(kind) is Annotated:
        inner, *more = get_args(kind)
        return _bounds(inner, [*rules, *(rule for one in more for rule in getattr(one, "metadata", ()))])
    if get_args(kind):
        return _bounds(get_args(kind)[0], rules)
    told = [(sign, getattr(rule, sign)) for sign in SIGNS for rule in rules if hasattr(rule, sign)]
    return " ".join(SIGNS[sign].format(f"{bound:g}") for sign, bound in told)


def _filled(text: str, name: str, rows: dict[str, str]) -> str:
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = text.partition(start)
    table, _, after = rest.partition(end)
    meant = dict(re.findall(r"^\| `([\w.-]+)` \|.*\| ([^|]*) \|$", table, re.MULTILINE))
    if meant.keys() != rows.keys():
        raise ValueError(f"{PAGE}, {name}: on one side only: {', '.join(sorted(meant.keys() ^ rows.keys()))}.")
    head = "\n".join(table.splitlines()[:2])
    lines = [f"| `{key}` | {told} | {meant[key]} |" for key, told in rows.items()]
    return "\n".join([before + start + head, *lines, end]) + after


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
