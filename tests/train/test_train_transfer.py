"""Going on from a trained model: from one shop to another, with few labels, and what becomes of the old skill."""

import json
import shutil

import numpy as np
import pytest
import torch
import toy_shop
from toy_shop import kind, quiet, split, truth_of

from sosie.engine.shop import Store
from sosie.errors import EncoderError, TrainingError
from sosie.train.lessons import lesson_of
from sosie.train.recipe import Recipe, changed
from sosie.train.run import TrainOptions, train
from sosie.train.transfer import begin_from, recipe_of

TRUTH = truth_of(labels=("kind",), split="split")
RECIPE = changed(toy_shop.RECIPE, {"network": "gru", "signals": (), "options": {"hidden": 16}, "longest": 16}, "test")


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """A shop and a model that was trained on its kinds."""
    torch.set_num_threads(1)
    store = toy_shop.shop(tmp_path_factory.mktemp("old"))
    return store, train(store, TRUTH, RECIPE, TrainOptions("kinds", activate=False), quiet).model


@pytest.fixture
def new(tmp_path):
    """The same products, of which the pattern counts."""
    patterns = [toy_shop.PATTERNS[p][0] for p in toy_shop.pattern]
    return toy_shop.shop(tmp_path, pattern=patterns)


def test_it_begins_with_what_was_learnt_and_with_the_same_words(old, new):
    _, model = old
    cold = train(new, TRUTH, changed(RECIPE, {"epochs": 1, "rate": 1e-9}, "test"), TrainOptions("cold"), quiet)
    going_on = changed(recipe_of(model), {"start": str(model), "epochs": 1, "rate": 1e-9}, "test")
    warm = train(new, TRUTH, going_on, TrainOptions("warm"), quiet)
    assert warm.figures[0].trained.value == pytest.approx(_trained(model), abs=0.03)
    assert warm.figures[0].trained.value > cold.figures[0].trained.value + 0.2
    assert (warm.model / "tokenizer.json").read_bytes() == (model / "tokenizer.json").read_bytes()


def test_what_becomes_of_the_old_skill_is_told(old, new):
    store, model = old
    going_on = changed(recipe_of(model), {"start": str(model), "rate": 0.02}, "test")
    options = TrainOptions("other", also=(f"{store.folder}:kind:split",))
    report = train(new, truth_of(labels=("pattern",), split="split"), going_on, options, quiet)
    (kept,) = report.also
    assert kept.before.value == pytest.approx(_trained(model), abs=0.03)
    assert kept.trained.value < kept.before.value
    assert kept.difference.value == pytest.approx(kept.trained.value - kept.before.value)
    assert "another catalogue" in (report.model / "README.md").read_text()
    assert json.loads((report.model / "report.json").read_text())["also"][0]["truth"] == kept.truth


def test_few_of_each_label_are_learnt_from_and_answer(old):
    store, _ = old
    lessons = [lesson_of(store.snapshot, TRUTH, changed(RECIPE, {"shots": 2, "seed": s}, "test")) for s in (0, 0, 1)]
    for lesson in lessons:
        assert np.bincount(kind[lesson.rows]).tolist() == [2] * len(toy_shop.KINDS)
        assert set(split[lesson.rows]) == {"train"}
        (task,) = lesson.judge.tasks
        np.testing.assert_array_equal(task.gallery, lesson.rows)
    assert lessons[0].rows.tolist() == lessons[1].rows.tolist() != lessons[2].rows.tolist()
    with pytest.raises(TrainingError, match="give --label"):
        lesson_of(store.snapshot, truth_of(), changed(RECIPE, {"shots": 2}, "test"))


def test_a_network_beside_whose_layers_is_learnt_takes_their_weights(old, tmp_path):
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import save_file

    torch.manual_seed(0)
    plain, other = (torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Linear(4, 4)) for _ in range(2))
    save_file(other.state_dict(), tmp_path / "weights.safetensors")
    adapted = get_peft_model(plain, LoraConfig(r=2, target_modules=["0", "1"]))
    begin_from(adapted, Recipe(start=str(tmp_path)))
    rows = torch.randn(3, 4)
    torch.testing.assert_close(adapted(rows), other(rows))


def test_what_is_no_start_is_refused(old, new, tmp_path):
    _, model = old
    for more, said in [({"network": "text-cnn", "options": {}}, "model of the network gru"), ({"dim": 8}, "other")]:
        with pytest.raises(TrainingError, match=said):
            train(new, TRUTH, changed(RECIPE, {"start": str(model), **more}, "test"), TrainOptions("no"), quiet)
    with pytest.raises(TrainingError, match="is no model"):
        recipe_of(tmp_path)
    changed_model = shutil.copytree(model, tmp_path / "changed")
    with (changed_model / "weights.safetensors").open("ab") as file:
        file.write(b"0")
    with pytest.raises(EncoderError, match="was changed"):
        train(new, TRUTH, changed(RECIPE, {"start": str(changed_model)}, "test"), TrainOptions("no"), quiet)
    for told in ("shop", "shop:kind:split:more:"):
        with pytest.raises(TrainingError, match="STORE:LABEL"):
            train(new, TRUTH, RECIPE, TrainOptions("no", also=(told,)), quiet)
    assert not (Store(new.folder).folder / "models").exists()


def _trained(model):
    return json.loads((model / "report.json").read_text())["figures"][0]["trained"]["value"]
