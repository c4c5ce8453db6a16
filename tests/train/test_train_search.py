"""`tune --train`: trials of a recipe within some minutes."""

from itertools import count

import pytest
import toy_shop

from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train import search as searching
from sosie.train.recipe import read_recipe
from sosie.train.search import search

TRUTH = Truth(("kind",), options=TaskOptions(split="split"))
BAD = toy_shop.RECIPE.model_copy(update={"rate": 1e-5, "epochs": 4})  # learns next to nothing


@pytest.fixture
def store(tmp_path):
    return toy_shop.shop(tmp_path / "store")


def test_a_better_rate_is_found_and_written_as_a_recipe(store, tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "epochs_within", lambda *given: 4)
    monkeypatch.setattr(searching, "WIDE", 1000.0)
    clock = count()
    monkeypatch.setattr(searching, "perf_counter", lambda: float(next(clock)))  # three looks a trial
    out = tmp_path / "recipe.toml"
    told = []
    found = search(store, TRUTH, BAD, out, minutes=0.5, progress=lambda stage, done, total: told.append(stage))
    assert len(found.trials) == 10
    of_trials = [stage for stage in told if stage.startswith("searching: trial ") and ", " in stage]
    assert [stage.rsplit(" ", 1)[-1] for stage in of_trials] == [f"{trial.value:.3f}" for trial in found.trials]
    assert of_trials[0].startswith("searching: trial 1, rate 1e-05, info-nce, batches of 48: hit@1 ")
    first = found.trials[0]
    assert first.settings == {"rate": 1e-5, "loss.name": "info-nce", "batch": 48}
    assert found.epochs == 4
    assert found.best.value > first.value
    assert found.best.value == max(trial.value for trial in found.trials)
    assert found.out == out
    written = read_recipe(str(out))
    assert written.rate == pytest.approx(found.best.settings["rate"])
    assert (written.batch, written.loss.name) == (found.best.settings["batch"], found.best.settings["loss.name"])
    assert (written.epochs, written.signals) == (BAD.epochs, BAD.signals)
    assert not list(store.folder.glob("search-*"))


def test_the_recipe_stays_where_nothing_is_better(store, tmp_path, monkeypatch):
    monkeypatch.setattr(searching, "epochs_within", lambda *given: 1)
    found = search(store, TRUTH, toy_shop.RECIPE, tmp_path / "recipe.toml", minutes=1e-6)
    assert len(found.trials) == 1
    assert found.best is found.trials[0]
    assert found.out is None
    assert not (tmp_path / "recipe.toml").exists()


def test_something_has_to_judge(store, tmp_path):
    recipe = toy_shop.RECIPE.model_copy(update={"views": 1.0})
    with pytest.raises(TrainingError, match="nothing judges"):
        search(store, Truth(), recipe, tmp_path / "recipe.toml", minutes=0.1)
