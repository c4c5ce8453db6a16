"""A setting that would do nothing is told, and so is one that a network can't be made with."""

from pathlib import Path

import numpy as np
import pytest
from shop_of import shop_of
from toy_shop import KINDS, RECIPE, SIZE, kind, pattern, quiet, shop, split, truth_of

from sosie.errors import TrainingError
from sosie.train.abilities import AUTOENCODERS, OF_PICTURES, OF_TEXTS, OF_VECTORS, PRETRAINED, Network
from sosie.train.course import course_of
from sosie.train.lessons import lesson_of
from sosie.train.material import gather
from sosie.train.networks import make_network
from sosie.train.recipe import RECIPES, Recipe, changed, filled, fitting

KIND = truth_of(labels=("kind",), split="split")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("shop"))


def test_every_network_reads_something_and_only_some_are_more():
    networks = (*OF_PICTURES, *OF_TEXTS, *OF_VECTORS)
    assert sorted(networks) == sorted(Network.__args__)
    assert {*PRETRAINED, *AUTOENCODERS} < {*networks}
    assert {recipe.network for recipe in RECIPES.values()} == {*networks}


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("truth", [truth_of(), KIND], ids=["nothing told", "labels"])
def test_ready_recipes_say_nothing_to_nobody_whatever_is_told(name, truth):
    """Those that suit a truth are made without being checked, and are checked when some setting is changed."""
    assert changed(fitting(RECIPES[name], truth), {"epochs": 3}, "test").epochs == 3


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("head", {"imitate": 1.0}, r"imitate: .* not for head; leave it out, or set imitate=0\.0"),
        ("multimodal", {"imitate": 1.0}, "imitate: .* not for multimodal"),
        ("small-pictures", {"imitate": 0.0, "teacher": "folder"}, "teacher: does nothing unless imitate is above 0"),
        *((name, {"freeze": 3}, "freeze: .* set freeze=0") for name in ("tiny-pictures", "cnn", "vae", "gru", "head")),
        ("tiny-pictures", {"layer_decay": 0.9}, "layer_decay: "),
        ("text-cnn", {"start_rate": 1e-4}, "start_rate: .* or begin from another recipe"),
        ("cnn", {"towers": 1.0}, "towers: .* not for cnn"),
        ("multimodal", {"towers": 1.0}, "towers: .* not for multimodal"),
        ("cnn", {"rebuild": 1.0}, r"rebuild: .*\(vae, text-vae\), not for cnn"),
        ("vae", {"rebuild": 0.0, "beta": 0.5}, "beta: does nothing unless rebuild is above 0"),
        ("gru", {"keep": 64}, "keep: .* of pictures"),
        ("head", {"whiten": True}, "whiten: .* set whiten=false"),
        ("gru", {"photos": 2}, "photos: "),
        ("head", {"augmentation": {"flip": 0.5}}, "augmentation: .* or begin from another recipe"),
        ("pictures", {"words": {"drop": 0.3}}, "words: "),
        ("pictures", {"longest": 16}, "longest: "),
        ("gru", {"signals": ["words"]}, r"signals: .* set signals=\[\]"),
        ("cnn", {"clusters": {}}, "clusters: .* of vectors"),
        ("pictures", {"sizes": []}, "sizes: say how many pixels"),
        ("head", {"signals": ["image", "words"]}, "signals: the network head reads a single one"),
    ],
)
def test_what_a_network_does_not_heed_is_told(name, values, said):
    with pytest.raises(TrainingError, match=f"^--set: {said}"):
        changed(RECIPES[name], values, "--set")


def test_all_that_is_wrong_is_told_at_once():
    with pytest.raises(TrainingError, match=r"freeze: .* layer_decay: "):
        changed(RECIPES["pictures"], {"network": "residual"}, "--set")


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("gru", {"pooling": "foo"}, r"options\.pooling: .*'mean', 'max' or 'attention' \(given: 'foo'\)"),
        ("gru", {"hidden": "abc"}, r"options\.hidden: .* integer \(given: 'abc'\)"),
        ("gru", {"hidden": True}, r"options\.hidden: .* integer"),
        ("gru", {"hidden": 0}, r"options\.hidden: .* than or equal to 1"),
        ("gru", {"dropout": 5}, r"options\.dropout: .* less than 1"),
        ("text-cnn", {"windows": 3}, r"options\.windows: "),
        ("text-cnn", {"windows": []}, r"options\.windows: .* at least 1"),
        ("text-cnn", {"windows": [3, 0]}, r"options\.windows\.1: "),
        ("texts", {"lora": "x"}, r"options\.lora: .* integer"),
        ("small-pictures", {"blocks": 99}, r"options\.blocks: .* less than or equal to 16"),
        ("tiny-pictures", {"widths": []}, r"options\.widths: .* at least 1"),
        ("tiny-pictures", {"widths": [8] * 5}, r"options\.widths: 5 stages halve pictures of 28 pixels to nothing"),
        ("vae", {"widths": [8, "x"]}, "options"),
    ],
)
def test_an_option_of_another_kind_or_size_is_told(name, options, said):
    with pytest.raises(TrainingError, match=said):
        make_network(changed(RECIPES[name], {"options": options}, "test"), {}, {"tokens": np.zeros((5, 8), np.float32)})


def test_a_head_of_several_signals_is_told(tmp_path):
    columns = {"title": [KINDS[k] for k in kind], "price": (1 + pattern).tolist()}
    store = shop_of(tmp_path, columns, {}, on=("words", "price"))
    with pytest.raises(TrainingError, match=r"a single one.* The store has .*words"):
        filled(Recipe(network="head"), store.snapshot)
    assert len(filled(Recipe(network="multimodal"), store.snapshot).signals) == 2


def course(store, folder, recipe, truth=KIND):
    lesson = lesson_of(store.snapshot, truth, recipe)
    return course_of(lesson, gather(store, store.snapshot, lesson, recipe, Path(folder), quiet), recipe, folder, {})


def test_a_memory_that_nothing_is_compared_with_is_told(store, tmp_path):
    for loss in ("cosface", "cross-entropy"):
        recipe = changed(RECIPE, {"memory": 64, "loss": {"name": loss}}, "test")
        with pytest.raises(TrainingError, match=f"memory: .* {loss} looks at classes alone"):
            course(store, tmp_path, recipe)
    with pytest.raises(TrainingError, match="memory: nothing that is learnt is compared"):
        course(store, tmp_path, changed(RECIPES["text-vae"], {"memory": 64}, "test"))
    for more in ({"loss": {"name": "supcon"}}, {"loss": {"name": "cosface"}, "views": 1.0}):
        assert course(store, tmp_path, changed(RECIPE, {"memory": 64, **more}, "test")).objectives


def test_shots_are_of_a_single_label(tmp_path):
    store = shop(tmp_path, other=pattern.tolist())
    two = truth_of(labels=("kind", "other"), split="split")
    with pytest.raises(TrainingError, match="shots are drawn of a single label; leave all but one of kind, other out"):
        lesson_of(store.snapshot, two, changed(RECIPE, {"shots": 2}, "test"))
    assert len(lesson_of(store.snapshot, two, RECIPE).known) == 2


@pytest.mark.parametrize("values", [{"shots": 2}, {"hold_back": False}])
def test_clusters_learn_no_labels_and_hold_nothing_back(store, values):
    recipe = changed(RECIPES["clusters"], {"signals": ["words"], **values}, "test")
    with pytest.raises(TrainingError, match="leave shots and hold_back out"):
        lesson_of(store.snapshot, KIND, recipe)


def test_that_no_texts_are_drawn_is_noted(tmp_path):
    columns = {"title": ["thing"] * SIZE, "kind": kind.tolist(), "split": split.tolist(), "price": (1 + kind).tolist()}
    store = shop_of(tmp_path, columns, {}, on=("words", "price"), ignore=("kind", "split"))
    for signal, noted in (("price", True), ("words", False)):
        recipe = changed(RECIPE, {"signals": [signal], "words": {"drop": 0.4}}, "test")
        lesson = lesson_of(store.snapshot, KIND, recipe)
        notes = gather(store, store.snapshot, lesson, recipe, tmp_path / "run", quiet).notes
        assert any("nothing is drawn anew" in note for note in notes) == noted


def test_frozen_layers_beside_low_ranks_are_told(tmp_path, monkeypatch):
    from sosie.train import text_networks

    recipe = changed(RECIPES["texts"], {"freeze": 1, "options": {"lora": 2}}, "test")
    monkeypatch.setattr(text_networks, "_plan", lambda recipe: pytest.fail("opened before it was checked"))
    with pytest.raises(TrainingError, match=r"freeze: .*options\.lora"):
        make_network(recipe, {}, {})
