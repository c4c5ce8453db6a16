"""`train` as Python code meets it: `sosie.train(store, label="type")`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sosie.engine.build import silent
from sosie.engine.shop import Store
from sosie.evaluate.front import Truth
from sosie.evaluate.history import LAST
from sosie.evaluate.task import TaskOptions
from sosie.train import run
from sosie.train.recipe import changed, chosen_recipe, fitting, suited
from sosie.train.report import TrainReport
from sosie.train.run import TrainOptions
from sosie.train.transfer import recipe_of
from sosie.types import Progress


def train(
    store: Store | str | Path,
    label: str | Sequence[str] = (),
    *,
    recipe: str | Path = "",
    settings: Mapping[str, Any] | None = None,
    pairs: str | Path | None = None,
    links: str | Path | None = None,
    events: str | Path | None = None,
    kinds: Sequence[str] = (),
    at: str = LAST,
    split: str = "",
    name: str = "",
    progress: Progress = silent,
    **options: Any,  # noqa: ANN401 - as the fields of TrainOptions say
) -> TrainReport:
    """Learn from a store's products what alike means, by labels, pairs, links, events or nothing, and use it.

    `recipe` is a name or a TOML file, chosen by the data where it is left out; `settings` change some of it, such as
    {"epochs": 3, "loss": {"name": "arcface"}}; with "start" and no recipe a trained model goes on as it was trained.
    `options` are fields of `TrainOptions`: activate, minutes, …. Raises TrainingError, TruthError, EncoderError,
    StoreError; then the store is as it was before.
    """
    opened = store if isinstance(store, Store) else Store(Path(store))
    truth = Truth(
        (label,) if isinstance(label, str) else tuple(label),
        pairs=_file(pairs),
        links=_file(links),
        events=_file(events),
        options=TaskOptions(split=split, kinds=tuple(kinds), at=at),
    )
    values = dict(settings or {})
    if "start" in values and not recipe:
        named, base = Path(values["start"]).name, fitting(recipe_of(Path(values["start"])), truth)
    else:
        named = str(recipe) or chosen_recipe(opened.snapshot, truth)[0]
        base = suited(named, truth)
    wanted = changed(base, values, "settings")
    return run.train(opened, truth, wanted, TrainOptions(name or Path(named).stem, **options), progress)


def _file(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
