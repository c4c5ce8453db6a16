"""Hard negatives and the memory of the last steps in a run; both are as they were where a run is gone on with."""

from pathlib import Path

import numpy as np
import pytest
import torch
from toy_shop import RECIPE, kind, quiet, shop, truth_of

from sosie.errors import TrainingError
from sosie.train.course import course_of, sample_of
from sosie.train.fit import fit
from sosie.train.learner import Batch, Learner
from sosie.train.lessons import lesson_of
from sosie.train.losses import LossSettings
from sosie.train.material import gather
from sosie.train.mining import MiningSettings
from sosie.train.networks import make_network
from sosie.train.recipe import changed

MINING, MEMORY = 3, 64


def recipe_of(**changes):
    return RECIPE.model_copy(
        update={"epochs": 2, "batch": 24, "loss": LossSettings(name="supcon"), "average": 0.8, "warmup": 0.2, **changes}
    )


BOTH = recipe_of(mining=MiningSettings(each=MINING), memory=MEMORY)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    return shop(tmp_path_factory.mktemp("shop"))


def ready(store, recipe, folder):
    """A lesson of kinds, a course in a folder, and a network for it."""
    Path(folder).mkdir(exist_ok=True)
    lesson = lesson_of(store.snapshot, truth_of(labels=("kind",), split="split"), recipe)
    material = gather(store, store.snapshot, lesson, recipe, folder, quiet)
    torch.manual_seed(0)
    return (
        lesson,
        course_of(lesson, material, recipe, folder, {}),
        make_network(recipe, material.parts, sample_of(material)),
    )


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", [2, 11])
def test_a_run_that_was_killed_comes_to_the_same(store, tmp_path, monkeypatch, step):
    monkeypatch.setattr("sosie.train.fit.KEEP_EVERY", 0.0)

    def killed(stage, done, total):
        if done == step:
            raise Killed

    _, course, network = ready(store, BOTH, tmp_path / "whole")
    whole = fit(network, course, quiet)
    _, course, network = ready(store, BOTH, tmp_path / "cut")
    with pytest.raises(Killed):
        fit(network, course, killed)
    _, course, network = ready(store, BOTH, tmp_path / "cut")
    again = fit(network, course, quiet)
    for name, value in whole.network.state_dict().items():
        np.testing.assert_array_equal(again.network.state_dict()[name].numpy(), value.numpy(), err_msg=name)
    assert [line["loss"] for line in again.epochs] == [line["loss"] for line in whole.epochs]


def test_batches_bring_their_hard_negatives(store, tmp_path):
    lesson, course, network = ready(store, BOTH, tmp_path)
    plain = course.batches(1)
    assert max(map(len, plain)) <= BOTH.batch // 2
    learner = Learner(network.eval(), course.inputs, course.objectives, BOTH, 32)

    def embed(items, inputs=None):
        with torch.inference_mode():
            return torch.nn.functional.normalize(
                learner.network(**course.inputs.plain(course.inputs.fetch(items)))
            ).numpy()

    mined = course.mine(embed, 0)
    own = kind[lesson.rows]
    assert mined.shape == (len(own), MINING)
    assert (own[mined] != own[:, None]).all()
    vectors = embed(np.arange(len(own)))
    cosines = np.where(own[:, None] == own, -2, vectors @ vectors.T)
    hardest = np.take_along_axis(cosines, mined, axis=1)
    np.testing.assert_allclose(hardest, -np.sort(-cosines, axis=1)[:, :MINING], atol=1e-6)
    grown = course.batches(1, mined)
    assert len(grown) == len(plain)
    for batch, more in zip(plain, grown, strict=True):
        assert more[: len(batch)].tolist() == batch.tolist()
        assert set(more[len(batch) :].tolist()) <= set(mined[batch].ravel().tolist())
        assert len(batch) < len(more) <= 2 * len(batch)


def test_the_steps_before_are_remembered_after_the_warm_up(store, tmp_path):
    recipe = recipe_of(memory=40)
    _, course, network = ready(store, recipe, tmp_path)
    learner = Learner(network, course.inputs, course.objectives, recipe, 16)
    seen = []
    (objective,) = course.objectives
    learner.objectives = [
        objective._replace(targets=lambda rows, others: seen.append(others) or objective.targets(rows, others))
    ]
    batches = course.batches(0) + course.batches(1)
    for step, batch in enumerate(batches):
        loss = learner.training_step(Batch(step, 0, torch.from_numpy(batch), course.inputs.fetch(batch)), step)
        loss.backward()  # what is remembered holds no graph that was used before
        before = np.concatenate([np.empty(0, np.int64), *batches[learner.warm : step]])[-40:]
        np.testing.assert_array_equal(seen[step][: len(batch)], batch)
        assert sorted(seen[step][len(batch) :].tolist()) == (sorted(before.tolist()) if step >= learner.warm else [])
    assert 0 < learner.warm < len(batches)


def test_a_misspelt_setting_of_mining_is_told_with_the_near_one():
    with pytest.raises(TrainingError, match=r"unknown setting 'mining\.eech'; did you mean 'each'\?"):
        changed(RECIPE, {"mining": {"eech": 3}}, "--set")
    assert changed(RECIPE, {"mining": {"each": 3}}, "--set").mining == MiningSettings(each=3)
