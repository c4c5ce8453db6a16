"""Fitting: what is learnt, what a run that was cut off comes to, and what stops one."""

import csv
import errno
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning.pytorch.loggers.logger import DummyLogger
from safetensors.torch import load_file
from torch import nn

from sosie.errors import TrainingError
from sosie.train import checkpoint
from sosie.train.batches import shuffled_batches
from sosie.train.budget import epochs_within
from sosie.train.fit import KEPT, Course, embed, fit
from sosie.train.inputs import Vectors
from sosie.train.learner import Learner, NotANumberError, Objective, embed_alike
from sosie.train.losses import LossSettings, make_loss
from sosie.train.recipe import Recipe
from sosie.train.supervision import supervision, targets

ITEMS, CLASSES = 240, 6
RECIPE = Recipe(network="head", signals=("given",), dim=4, epochs=5, batch=32, rate=0.02, average=0.8, warmup=0.2)


class Network(nn.Module):
    """A linear map with dropout, so that something random has to be the same again."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(1)
        self.drop, self.linear = nn.Dropout(0.2), nn.Linear(8, 4)

    def forward(self, vectors):
        return self.linear(self.drop(vectors["given"]))


def toy():
    """Vectors in which two of eight numbers tell the class, and the others shout louder."""
    draw = np.random.default_rng(0)
    labels = draw.integers(0, CLASSES, ITEMS)
    angle = labels * 2 * np.pi / CLASSES
    told = np.stack([np.cos(angle), np.sin(angle)], axis=1) + 0.1 * draw.standard_normal((ITEMS, 2))
    vectors = np.hstack([told, draw.standard_normal((ITEMS, 6))])
    return labels, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


LABELS, VECTORS = toy()
LEARNT = np.arange(200)


def right(vectors):
    """How many of the last 40 have a nearest neighbour of their class among the first 200."""
    nearest = (vectors[200:] @ vectors[:200].T).argmax(axis=1)
    return float((LABELS[:200][nearest] == LABELS[200:]).mean())


def course(folder, recipe=RECIPE, loss="supcon", key="data"):
    torch.manual_seed(2)
    folder.mkdir(exist_ok=True)
    known = supervision(ITEMS, labels=LABELS)
    objective = Objective(
        1.0,
        embed_alike,
        lambda rows, others: targets(known, rows, others),
        make_loss(LossSettings(name=loss), recipe.dim, CLASSES),
    )
    return Course(
        recipe=recipe,
        inputs=Vectors({"given": VECTORS}),
        objectives=[objective],
        batches=lambda epoch, mined=None: shuffled_batches(LEARNT, recipe.batch, recipe.seed, epoch),
        judge=lambda embed: right(embed(np.arange(ITEMS))),
        measure="hit@1",
        folder=folder,
        key={"catalogue": key, "recipe": "r"},
    )


def silent(stage, done, total):
    pass


class Killed(BaseException):
    pass


def killed_at(step):
    def progress(stage, done, total):
        if done == step:
            raise Killed

    return progress


def state(fitted):
    return {name: value.numpy() for name, value in fitted.network.state_dict().items()}


def test_what_tells_the_classes_apart_is_learnt(tmp_path):
    before = right(VECTORS)
    recipe = RECIPE.model_copy(update={"epochs": 60})
    fitted = fit(Network(), course(tmp_path, recipe), silent)
    assert before < 0.6
    assert fitted.best > 0.9
    assert fitted.best == right(embed(fitted.network, Vectors({"given": VECTORS}), np.arange(ITEMS)))
    lines = list(csv.DictReader((tmp_path / "epochs.csv").open()))
    assert [int(line["epoch"]) for line in lines] == list(range(1, 61))
    assert max(float(line["hit@1"]) for line in lines) == fitted.best
    assert float(lines[-1]["loss"]) < float(lines[0]["loss"])


@pytest.mark.parametrize("loss", ["supcon", "cosface"])
@pytest.mark.parametrize("step", [1, 9, 14, 34])
def test_a_run_that_was_killed_comes_to_the_same(tmp_path, step, loss):
    whole = fit(Network(), course(tmp_path / "whole", loss=loss), silent)
    with pytest.raises(Killed):
        fit(Network(), course(tmp_path / "cut", loss=loss), killed_at(step))
    again = fit(Network(), course(tmp_path / "cut", loss=loss), silent)
    for name, value in state(whole).items():
        np.testing.assert_array_equal(state(again)[name], value, err_msg=name)
    assert [line["hit@1"] for line in again.epochs] == [line["hit@1"] for line in whole.epochs]
    assert [line["loss"] for line in again.epochs] == [line["loss"] for line in whole.epochs]


def test_within_an_epoch_too(tmp_path, monkeypatch):
    monkeypatch.setattr("sosie.train.fit.KEEP_EVERY", 0.0)
    whole = fit(Network(), course(tmp_path / "whole"), silent)
    with pytest.raises(Killed):
        fit(Network(), course(tmp_path / "cut"), killed_at(17))
    assert checkpoint.read_checkpoint(tmp_path / "cut")["told"]["step"] == 16
    again = fit(Network(), course(tmp_path / "cut"), silent)
    for name, value in state(whole).items():
        np.testing.assert_array_equal(state(again)[name], value, err_msg=name)


def test_a_run_of_other_data_is_refused(tmp_path):
    fit(Network(), course(tmp_path), silent)
    with pytest.raises(TrainingError, match="another catalogue;"):
        fit(Network(), course(tmp_path, key="other"), silent)


def test_a_finished_run_is_not_run_again(tmp_path):
    first = fit(Network(), course(tmp_path), silent)

    def never(stage, done, total):
        raise AssertionError(stage)

    again = fit(Network(), course(tmp_path), never)
    for name, value in state(first).items():
        np.testing.assert_array_equal(state(again)[name], value)


def test_a_loss_that_is_no_number_names_its_items(tmp_path):
    made = course(tmp_path)
    spoilt = VECTORS.copy()
    spoilt[7] = np.nan
    with pytest.raises(NotANumberError) as caught:
        fit(Network(), Course(**{**vars(made), "inputs": Vectors({"given": spoilt})}), silent)
    assert 7 in caught.value.items


@pytest.mark.parametrize("spoilt", ["the loss of a step within an epoch", "the weights in the last step of one"])
def test_without_a_judge_the_weights_of_the_last_whole_epoch_are_kept(tmp_path, monkeypatch, spoilt):
    step = Learner.training_step
    last = len(course(tmp_path).batches(0)) * 3 - 1

    def lost(self, batch, index):
        loss = step(self, batch, index)
        if spoilt.startswith("the loss") and batch.step == last - 1:
            raise NotANumberError(batch.step, batch.epoch, batch.items.numpy())
        if spoilt.startswith("the weights") and batch.step == last:  # worth 0, with a gradient that is no number
            loss = loss + (self.network.linear.weight.sum() * 0).sqrt()
        return loss

    monkeypatch.setattr(Learner, "training_step", lost)
    with pytest.raises(NotANumberError, match="epoch 3"):
        fit(Network(), replace(course(tmp_path), judge=None), silent)
    kept, state = load_file(tmp_path / KEPT), checkpoint.read_checkpoint(tmp_path)
    assert len(state["told"]["epochs"]) == 2
    for name, value in kept.items():
        torch.testing.assert_close(value, state["average"][f"module.{name}"], rtol=0, atol=0)


def test_without_a_judge_it_ends_with_the_last_weights(tmp_path):
    made = replace(course(tmp_path), judge=None)
    fitted = fit(Network(), made, silent)
    last = checkpoint.read_checkpoint(tmp_path)["average"]
    assert fitted.best is None
    for name, value in fitted.network.state_dict().items():
        torch.testing.assert_close(value, last[f"module.{name}"], rtol=0, atol=0)


def test_it_stops_where_nothing_gets_better(tmp_path):
    recipe = RECIPE.model_copy(update={"epochs": 50, "patience": 2})
    fitted = fit(Network(), course(tmp_path, recipe), silent)
    assert "2 validations" in fitted.stopped
    judged = [line["hit@1"] for line in fitted.epochs]
    assert len(judged) == judged.index(max(judged)) + 3


def test_what_only_gets_worse_is_left_as_it_began(tmp_path):
    """The best two of eight numbers are read from the start, and a rate far too high spoils them."""
    recipe = RECIPE.model_copy(update={"rate": 1e6, "average": 0.0, "clip": 0.0, "optimiser": "sgd", "decay": 0.0})
    network = Network()
    with torch.no_grad():
        network.linear.weight.zero_()
        network.linear.bias.zero_()
        network.linear.weight[0, 0] = network.linear.weight[1, 1] = 1.0
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fitted = fit(network, course(tmp_path, recipe, loss="contrastive"), silent)
    assert fitted.best == fitted.began > 0.9
    assert all(line["hit@1"] <= fitted.began for line in fitted.epochs)
    for name, value in before.items():
        torch.testing.assert_close(fitted.network.state_dict()[name], value, rtol=0, atol=0)


def test_a_full_disk_keeps_the_checkpoint_before(tmp_path, monkeypatch):
    checkpoint.write_checkpoint(tmp_path, {"step": torch.tensor(1)})

    def full(state, stream):
        stream.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint.torch, "save", full)
    with pytest.raises(TrainingError, match="No space left"):
        checkpoint.write_checkpoint(tmp_path, {"step": torch.tensor(2)})
    assert checkpoint.read_checkpoint(tmp_path)["step"] == 1
    assert [file.name for file in tmp_path.iterdir()] == [checkpoint.FILE]


@pytest.mark.parametrize("which", ["epochs.csv", "what a logger writes"])
def test_a_full_disk_stops_a_run_that_goes_on_where_it_stood(tmp_path, which):
    class Full(DummyLogger):
        def log_metrics(self, *given, step, **more):
            if step == 3:
                raise OSError(errno.ENOSPC, "No space left on device", "events.out")

    whole = fit(Network(), course(tmp_path / "whole"), silent)
    made = course(tmp_path / "cut")
    file = made.folder / "epochs.csv"

    def filling(stage, done, total):
        if which == file.name and done == 15 and not file.is_symlink():
            file.unlink()
            file.symlink_to("/dev/full")

    named = which if which == file.name else "events.out"
    with pytest.raises(TrainingError, match=rf"{named}: can't be written \(No space left.*checkpoint\.pt is kept"):
        fit(Network(), made, filling, [] if which == file.name else [Full()])
    file.unlink()
    assert len(checkpoint.read_checkpoint(made.folder)["told"]["epochs"]) == 2
    again = fit(Network(), course(made.folder), silent)
    for name, value in state(whole).items():
        np.testing.assert_array_equal(state(again)[name], value, err_msg=name)
    assert len(file.read_text().splitlines()) == 6


def test_a_damaged_checkpoint_and_a_pickle_are_refused(tmp_path):
    (tmp_path / checkpoint.FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(TrainingError, match="damaged"):
        checkpoint.read_checkpoint(tmp_path)
    torch.save({"step": Recipe()}, tmp_path / checkpoint.FILE)
    with pytest.raises(TrainingError, match="damaged"):
        checkpoint.read_checkpoint(tmp_path)


def test_a_budget_leaves_network_and_losses_as_they_are(tmp_path):
    made, network = course(tmp_path, loss="cosface"), Network()
    before = [p.clone() for p in (*network.parameters(), *made.objectives[0].loss.parameters())]
    assert epochs_within(network, made, 1e9, silent) == RECIPE.epochs
    assert epochs_within(network, made, 1e-9, silent) == 1
    for old, new in zip(before, (*network.parameters(), *made.objectives[0].loss.parameters()), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=0)
