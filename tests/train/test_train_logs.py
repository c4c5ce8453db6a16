"""What TensorBoard and Weights & Biases are told."""

from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sosie.train.logs import ANSWERS, loggers, show_products
from sosie.types import Product


@dataclass
class Snapshot:
    """As much of one as is asked for."""

    folder: object
    pictured: bool = True

    def products(self, rows):
        images = [(str(self.folder / f"{row}.png"),) if self.pictured else () for row in rows]
        return [Product(str(row), f"title | {row}", images=i) for row, i in zip(rows, images, strict=True)]


def written(run):
    return EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "tensors": 0}).Reload()


@pytest.fixture
def shop(tmp_path):
    for row in range(20):
        Image.new("RGB", (40, 40), (row * 12, 0, 0)).save(tmp_path / f"{row}.png")
    angles = np.arange(20) / 20
    return Snapshot(tmp_path), np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_products_and_the_neighbours_of_some(shop, tmp_path):
    snapshot, vectors = shop
    vectors[3] = 0  # one that has nothing
    there = loggers(tmp_path / "run", wandb=False)
    there[0].log_metrics({"loss": 0.5, "hit@1": 0.25}, step=1)
    show_products(there, snapshot, np.arange(20), vectors)
    told = written(tmp_path / "run")
    assert told.Scalars("hit@1")[0].value == 0.25
    assert "neighbours" in told.Tags()["images"]
    text = told.Tensors("neighbours/text_summary")[0].tensor_proto.string_val[0].decode()
    first = text.splitlines()[2].split("|")
    assert first[0] == "title / 0"
    assert first[1:] == [f"title / {row}" for row in (1, 2, 4, 5, 6, 7)[:ANSWERS]]  # the nearest angles, without 3
    table = next((tmp_path / "run" / "tensorboard").rglob("metadata.tsv")).read_text().splitlines()
    assert table[0] == "id\ttitle\tcategory"
    assert [line.split("\t")[0] for line in table[1:]] == [str(row) for row in range(20) if row != 3]


def test_products_without_pictures(shop, tmp_path):
    snapshot, vectors = shop
    there = loggers(tmp_path / "run", wandb=False)
    show_products(there, Snapshot(snapshot.folder, pictured=False), np.arange(20), vectors)
    told = written(tmp_path / "run")
    assert told.Tags()["images"] == []
    assert "neighbours/text_summary" in told.Tags()["tensors"]


def test_weights_and_biases_stay_on_this_machine(tmp_path):
    there = loggers(tmp_path, wandb=True)
    assert there[1].experiment.settings.mode in ("offline", "dryrun")  # what Lightning calls it
    there[1].log_metrics({"loss": 1.0}, step=1)
    there[1].experiment.finish()
    assert list((tmp_path / "wandb").glob("offline-run-*"))
