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
from sosie.train.choosing import choose
from sosie.train.report import TrainReport
from sosie.train.run import TrainOptions
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
    kind: str | Sequence[str] = (),
    at: str = LAST,
    split: str = "",
    epochs: int = 0,
    start: str | Path = "",
    shots: int = 0,
    name: str = "",
    activate: bool = True,
    minutes: float = 0.0,
    processes: int = 1,
    wandb: bool = False,
    also: Sequence[str] = (),
    progress: Progress = silent,
) -> TrainReport:
    """Learn from a store's products what alike means, by labels, pairs, links, events or nothing, and use it.

    `recipe` is a name or a TOML file, chosen by the data where it is left out; `settings` change some of it, such as
    {"loss": {"name": "arcface"}}; with `start` and no recipe a trained model goes on as it was trained. The others are
    what the options of the same name are on the command line; 0 leaves `epochs`, `shots` and `minutes` to the recipe.
    Raises TrainingError, TruthError, EncoderError, StoreError; then the store is as it was before.
    """
    opened = store if isinstance(store, Store) else Store(Path(store))
    truth = Truth(
        _several(label),
        pairs=_file(pairs),
        links=_file(links),
        events=_file(events),
        options=TaskOptions(split=split, kinds=_several(kind), at=at),
    )
    given = {"epochs": epochs, "start": str(start), "shots": shots}
    values = dict(settings or {}) | {key: value for key, value in given.items() if value}
    taken = choose(opened.snapshot, truth, str(recipe), values, "settings")
    options = TrainOptions(name or Path(taken.name).stem, activate, minutes, processes, wandb, tuple(also))
    return run.train(opened, truth, taken.recipe, options, progress)


def _several(given: str | Sequence[str]) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given)


def _file(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
