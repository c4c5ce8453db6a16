"""`train` as a whole: from a store to a model that is in use."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import toy_shop
from safetensors import SafetensorError

from sosie.encoders import load_encoder
from sosie.encoders.sealed import read_sealed
from sosie.engine.activate import activate
from sosie.errors import EncoderError, TrainingError
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train.fit import Fitted, fit
from sosie.train.learner import Learner
from sosie.train.run import TrainOptions, prepared, train

TRUTH = Truth(("kind",), options=TaskOptions(split="split"))
RECIPE = toy_shop.RECIPE


@pytest.fixture
def store(tmp_path):
    return toy_shop.shop(tmp_path / "store")


def hit(store, signal):
    """Share of the validation products whose nearest product learnt from is of their kind."""
    vectors = store.snapshot.vectors(signal, np.arange(toy_shop.SIZE))
    asked, answering = np.flatnonzero(toy_shop.split == "val"), np.flatnonzero(toy_shop.split == "train")
    nearest = answering[(vectors[asked] @ vectors[answering].T).argmax(axis=1)]
    return float((toy_shop.kind[nearest] == toy_shop.kind[asked]).mean())


def test_a_model_is_written_judged_and_in_use(store):
    before, version = hit(store, "words"), store.snapshot.version
    report = train(store, TRUTH, RECIPE, TrainOptions("kinds", activate=False))
    assert not report.active
    assert store.snapshot.version == version
    activate(store.folder, report.model)
    assert report.signal == "learned"
    assert "learned" in store.snapshot.signals
    assert hit(store, "learned") > before + 0.2
    (figure,) = report.figures
    assert figure.trained.value == pytest.approx(hit(store, "learned"), abs=0.03)  # centred on fewer products
    assert figure.difference.value == pytest.approx(figure.trained.value - figure.before.value)
    assert report.export > 0.9999
    assert report.products == (toy_shop.split == "train").sum()
    hits = store.similar("p00000", weights={"words": 0.0})
    assert all("learned" in hit.parts for hit in hits)

    assert list((store.folder / "training" / "kinds" / "tensorboard").rglob("metadata.tsv"))
    folder = store.folder / "models" / "kinds"
    assert load_encoder(folder).dim == 16
    written = json.loads((folder / "report.json").read_text())
    assert written["figures"][0]["trained"]["value"] == figure.trained.value
    assert json.loads((folder / "recipe.json").read_text())["dim"] == 16
    assert "hit@1" in (folder / "README.md").read_text()
    with pytest.raises(TrainingError, match="such a model already"):
        train(store, TRUTH, RECIPE, TrainOptions("kinds"))
    (folder / "recipe.json").write_text("{}")
    with pytest.raises(EncoderError, match="changed"):
        read_sealed(folder, "learned-products")


def test_the_same_seed_comes_to_the_same(store, tmp_path):
    def weights(name):
        run = prepared(store, TRUTH, RECIPE, tmp_path / name, toy_shop.quiet)
        network, course = run.set_up(run.recipe)
        return fit(network, course, toy_shop.quiet).network.state_dict()

    one, other = weights("one"), weights("other")
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=0, atol=0)


class Ended(BaseException):
    """Where a test has seen enough."""


@pytest.fixture
def unwritten(monkeypatch):
    """Trainings that end where they are fitted: the notes, and how many epochs there were."""
    told = []

    def instead(*given):
        notes = next(one for one in given if isinstance(one, tuple))
        told.append((notes, len(next(one for one in given if isinstance(one, Fitted)).epochs)))
        raise Ended

    monkeypatch.setattr("sosie.train.run.write_model", instead)

    def run(store, **options):
        with pytest.raises(Ended):
            train(store, TRUTH, RECIPE, TrainOptions("kinds", activate=False, **options))
        return told[-1]

    return run


def test_batches_are_halved_until_they_fit(store, unwritten, monkeypatch):
    step = Learner.training_step

    def short(self, batch, index):
        if len(batch.items) > 16:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory")
        return step(self, batch, index)

    monkeypatch.setattr(Learner, "training_step", short)
    notes, epochs = unwritten(store)
    assert any("batches of 48; 24" in note for note in notes)
    assert any("batches of 24; 12" in note for note in notes)
    assert epochs == RECIPE.epochs


def test_a_loss_that_is_no_number_names_products(store, monkeypatch):
    step = Learner.training_step

    def lost(self, batch, index):
        loss = step(self, batch, index)
        if batch.epoch == 2:
            monkeypatch.setattr("sosie.train.learner.torch.isfinite", lambda loss: loss * 0 > 1)
        return loss

    monkeypatch.setattr(Learner, "training_step", lost)
    with pytest.raises(TrainingError, match=r"epoch 3, step \d+\. It was of the products p0") as told:
        train(store, TRUTH, RECIPE, TrainOptions("kinds"))
    assert "--set rate=" in str(told.value)
    assert (store.folder / "training" / "kinds" / "kept.safetensors").is_file()
    assert "learned" not in store.snapshot.signals


@pytest.mark.parametrize("full", [OSError(28, "No space left on device"), SafetensorError("No space left on device")])
def test_a_full_disk_keeps_what_was_learnt(store, monkeypatch, full):
    def unwritten(*given):
        raise full

    options = TrainOptions("kinds", activate=False)
    monkeypatch.setattr("sosie.train.networks.save_file", unwritten)
    with pytest.raises(TrainingError, match=r"models/kinds: .*No space.* is kept"):
        train(store, TRUTH, RECIPE, options)
    monkeypatch.undo()
    assert not (store.folder / "models" / "kinds").exists()
    steps = []
    train(store, TRUTH, RECIPE, options, lambda stage, done, total: steps.append(stage))
    assert not any(stage.startswith("training") for stage in steps)
    assert (store.folder / "models" / "kinds").is_dir()


def test_a_run_whose_folder_cannot_be_made_says_so(store):
    (store.folder / "training").write_text("in the way")
    with pytest.raises(TrainingError, match=r"training.*: can't be written"):
        train(store, TRUTH, RECIPE, TrainOptions("kinds"))


def test_minutes_that_are_too_few_for_all_epochs(store, unwritten):
    notes, epochs = unwritten(store, minutes=1e-4)
    assert epochs < RECIPE.epochs
    assert any("fit into 0.0001 minutes" in note for note in notes)


def test_minutes_are_for_one_process(store):
    with pytest.raises(TrainingError, match="minutes are for one process"):
        train(store, TRUTH, RECIPE, TrainOptions("kinds", minutes=1.0, processes=2))


def test_what_a_run_goes_on_with_is_known_by_its_content(store, tmp_path):
    """A truth that lies elsewhere is the same; one that was changed where it lies, or a model to start from, is not."""
    ids = ["a,b,grade", "p00000,p00006,1", "p00001,p00007,1", "p00002,p00003,0", "p00004,p00010,1"]
    here, there, changed = (tmp_path / name for name in ("a.csv", "b.csv", "c.csv"))
    for file, lines in ((here, ids), (there, ids), (changed, ids[:-1])):
        file.write_text("\n".join(lines))

    def key(truth, recipe=RECIPE, name="run"):
        return prepared(store, truth, recipe, tmp_path / name, toy_shop.quiet).key

    def other(a, b):
        return [name for name in a if a[name] != b[name]]

    assert key(Truth(pairs=here)) == key(Truth(pairs=there))
    assert other(key(Truth(pairs=here)), key(Truth(pairs=changed))) == ["truth"]
    assert other(key(TRUTH), key(Truth(("kind",)))) == ["truth"]  # the split
    assert other(key(TRUTH), key(TRUTH, RECIPE.model_copy(update={"rate": 1e-4}))) == ["recipe"]

    begun = []
    for at, seed in enumerate((1, 2)):
        recipe = RECIPE.model_copy(update={"epochs": 1, "seed": seed})
        model = train(store, TRUTH, recipe, TrainOptions("first", activate=False)).model
        begun.append(key(TRUTH, RECIPE.model_copy(update={"start": str(model)}), f"from-{at}"))
        shutil.rmtree(model)
        shutil.rmtree(store.folder / "training" / "first")
    assert other(*begun) == ["start"]


def test_two_processes_train_together(store):
    command = [
        *(str(Path(sys.executable).parent / "sosie"), "train", "--store", str(store.folder)),
        *("--recipe", "head", "--label", "kind", "--split", "split", "--processes", "2", "--json"),
        *("--set", 'signals=["words"]', "--set", "dim=16", "--set", "batch=24", "--set", "loss.name=info-nce"),
        *("--set", "items=0", "--set", "options.hidden=512", "--epochs", "12", "--name", "together"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert len(report["epochs"]) == 12
    assert report["figures"][0]["trained"]["value"] > hit(store, "words") + 0.1
    assert hit(store, "learned") > hit(store, "words") + 0.1
