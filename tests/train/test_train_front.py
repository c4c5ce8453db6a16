"""`sosie.train(…)`: what the verb does, from Python."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import toy_shop
from shop_of import shop_of

import sosie
from sosie.errors import TrainingError

SMALL = {"signals": ["words"], "dim": 8, "epochs": 2, "batch": 48, "items": 0}


@pytest.fixture
def store(tmp_path):
    torch.set_num_threads(1)
    return toy_shop.shop(tmp_path / "store")


def test_it_is_a_function_before_and_after_the_room_was_imported(store):
    told = []

    def progress(stage, done, total):
        told.append(stage)

    for name in ("first", "second"):
        report = sosie.train(
            store, "kind", split="split", recipe="head", settings=SMALL, name=name, activate=False, progress=progress
        )
        assert report.model == store.folder / "models" / name
        assert [line["epoch"] for line in report.epochs] == [1, 2]
    last = [stage for stage in told if stage.startswith("training: epoch 2 of 2")][-1]
    assert last.startswith(f"training: epoch 2 of 2, loss {report.epochs[-1]['loss']:.3f}, best hit@1 ")
    assert not report.active


def test_a_folder_and_a_recipe_file_will_do(store, tmp_path):
    (tmp_path / "mine.toml").write_text('base = "head"\nsignals = ["words"]\nbatch = 48\n[loss]\nname = "info-nce"\n')
    report = sosie.train(
        store.folder, ["kind"], split="split", recipe=tmp_path / "mine.toml", settings={"dim": 8}, epochs=1
    )
    assert report.model.name == "mine"
    assert report.recipe["loss"]["name"] == "info-nce"
    assert report.active
    assert "learned" in sosie.open(store.folder).snapshot.signals


def test_a_misspelt_setting_is_told(store):
    with pytest.raises(TrainingError, match="did you mean 'epochs'"):
        sosie.train(store, "kind", recipe="head", settings={"epoch": 2})


def test_vectors_of_nobody_are_not_read(tmp_path):
    vectors = np.eye(4, dtype=np.float32)[np.arange(20) % 4]
    store = shop_of(tmp_path, {"kind": [at % 4 for at in range(20)]}, {"given": vectors}, ignore=("kind",))
    with pytest.raises(TrainingError, match="reads what encoders make; this store has only given"):
        sosie.train(store, "kind", recipe="multimodal")


def test_without_the_extra_it_says_which(store):
    """In a process of its own, which finds nothing of the extra; asking goes on without."""
    code = (
        "import sys; sys.modules |= dict.fromkeys(['lightning', 'pytorch_metric_learning', 'tensorboard', 'peft'])\n"
        "import sosie\n"
        f"store = sosie.open({str(store.folder)!r})\n"
        "assert store.similar('p00000', limit=1)\n"
        "try: sosie.train(store, 'kind', recipe='head')\n"
        "except sosie.SosieError as error: print(error)\n"
        "from sosie.cli import main\n"
        f"sys.argv = ['sosie', 'train', '--store', {str(store.folder)!r}, '--label', 'kind']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install 'sosie[train]'" in done.stdout
    assert "pip install 'sosie[train]'" in done.stderr
    assert "Traceback" not in done.stderr
