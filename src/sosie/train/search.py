"""`tune --train`: which rate, loss and size learn best, within some minutes, on what was kept back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import optuna
import tomlkit

from sosie.engine.build import silent
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.train.budget import epochs_within
from sosie.train.fit import OutOfMemoryError, fit
from sosie.train.learner import NotANumberError
from sosie.train.losses import OF_CLASSES, LossSettings
from sosie.train.recipe import Recipe
from sosie.train.run import prepared
from sosie.types import Progress

AIMED = 12  # trials that are to fit into the minutes
WIDE = 5.0  # times, that a rate may be above or below the recipe's
OF_PAIRS = ("info-nce", "supcon", "triplet", "contrastive")
SMALLER = 0.75  # of the pixels a side


@dataclass(frozen=True, slots=True)
class Trial:
    """A setting that was tried, and its best measure within the same number of epochs as all others."""

    settings: Mapping[str, object]
    value: float | None  # None: it came to no number, or memory ran out
    seconds: float


@dataclass(frozen=True, slots=True)
class Search:
    """What a search came to; the first trial is the recipe as it was."""

    measure: str
    epochs: int  # of each trial
    trials: tuple[Trial, ...]
    best: Trial
    out: Path | None  # the recipe that was written; None where nothing was better
    seconds: float

    def as_json(self) -> dict[str, object]:
        """The same as plain values."""
        return asdict(self) | {"out": str(self.out) if self.out else None}


def search(
    store: Store, truth: Truth, recipe: Recipe, out: Path, minutes: float, progress: Progress = silent
) -> Search:
    """Try rates, losses and sizes of a recipe for some minutes; write the best one as a recipe file.

    Trials are short trainings with the same number of epochs, chosen by tree-structured Parzen estimators (Bergstra et
    al., 2011), the recipe itself first. Each is judged on the questions kept back, so the best one's figure flatters
    it: train with it, and judge by a split that nothing has seen. Raises TrainingError where nothing judges.
    """
    started = perf_counter()
    with TemporaryDirectory(prefix="search-", dir=store.folder) as scratch:
        run = prepared(store, truth, recipe, Path(scratch), progress)
        network, course = run.set_up(run.recipe)
        if course.judge is None:
            raise TrainingError(
                "nothing judges this training, so nothing can be searched: give a label, links or events."
            )
        epochs = epochs_within(network, course, minutes / AIMED, progress)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=recipe.seed))
        study.enqueue_trial({"rate": run.recipe.rate, "loss": run.recipe.loss.name, "smaller": False, "batch": 0})
        trials: list[Trial] = []
        while not trials or perf_counter() - started < 60 * minutes:
            began = perf_counter()
            asked = study.ask()
            tried = _drawn(asked, run.recipe).model_copy(update={"epochs": epochs})
            named = f"searching: trial {len(trials) + 1}"
            progress(named, len(trials), max(AIMED, len(trials) + 1))
            value = None
            network, course = run.set_up(tried)
            with TemporaryDirectory(dir=scratch) as folder:
                try:
                    value = fit(network, replace(course, folder=Path(folder)), silent).best
                except (NotANumberError, OutOfMemoryError):
                    value = None
            state = optuna.trial.TrialState.FAIL if value is None else optuna.trial.TrialState.COMPLETE
            study.tell(asked, value, state=state)
            trials.append(Trial(_told(tried), value, perf_counter() - began))
            told = "no number" if value is None else f"{course.measure} {value:.3f}"
            settings = f"rate {tried.rate:.2g}, {tried.loss.name}, batches of {tried.batch}"
            progress(f"{named}, {settings}: {told}", len(trials), max(AIMED, len(trials) + 1))
    best = max(trials, key=lambda trial: -1.0 if trial.value is None else trial.value)
    if best.value is None:
        raise TrainingError("no trial came to a number: lower the rate (--set rate=…), or take smaller batches.")
    written = None
    if best is not trials[0]:
        written = out
        _write(out, _better(run.recipe, best))
    return Search(course.measure, epochs, tuple(trials), best, written, perf_counter() - started)


def _drawn(trial: optuna.Trial, recipe: Recipe) -> Recipe:
    """The recipe with what a trial draws."""
    classes = recipe.loss.name in OF_CLASSES
    losses = [*dict.fromkeys((recipe.loss.name, *(OF_CLASSES if classes else ()), *OF_PAIRS))]
    name = trial.suggest_categorical("loss", losses)
    changes: dict[str, object] = {
        "rate": trial.suggest_float("rate", recipe.rate / WIDE, recipe.rate * WIDE, log=True),
        "loss": _loss(recipe, name),
        "batch": max(2, round(recipe.batch * 2.0 ** trial.suggest_int("batch", -1, 1))),
    }
    if recipe.sizes and trial.suggest_categorical("smaller", [False, True]):
        changes["sizes"] = tuple(max(8, round(SMALLER * size)) for size in recipe.sizes)
    return recipe.model_copy(update=changes)


def _loss(recipe: Recipe, name: str) -> LossSettings:
    """A loss by its name, with its own margin and temperature unless it is the recipe's; the cuts stay."""
    return recipe.loss if name == recipe.loss.name else LossSettings(name=name, cuts=recipe.loss.cuts)  # type: ignore[arg-type]


def _told(recipe: Recipe) -> dict[str, object]:
    told: dict[str, object] = {"rate": recipe.rate, "loss.name": recipe.loss.name, "batch": recipe.batch}
    return told | ({"sizes": list(recipe.sizes)} if recipe.sizes else {})


def _better(recipe: Recipe, trial: Trial) -> Recipe:
    """The recipe with the settings of a trial, but its own number of epochs."""
    settings = dict(trial.settings)
    name = settings.pop("loss.name")
    loss = _loss(recipe, str(name))
    return Recipe.model_validate(recipe.model_dump() | settings | {"loss": loss.model_dump()})


def _write(file: Path, recipe: Recipe) -> None:
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.write_text(tomlkit.dumps(recipe.model_dump(mode="json", exclude_defaults=True)), encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise TrainingError(f"{file}: can't be written ({error.strerror}).") from error
