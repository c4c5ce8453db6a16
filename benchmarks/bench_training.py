"""How quick training is: beside a plain PyTorch loop of the same network, and with what is frozen cached or not.

    python benchmarks/bench_training.py STORE --label COLUMN [--split COLUMN]

The store needs pictures. In turns, ROUNDS times each, medians of pictures a second:

- `cnn`: sosie's training of the classic network, and the loop of a tutorial: DataLoader over tensors in memory,
  with the same augmentation, network, precision, loss and optimiser.
- `pictures`: the same for the pretrained network of which the last blocks learn; the loop runs all of it in torch, the
  frozen blocks without gradients.
- `head`: a map on vectors of the frozen network that were made once, and one where every step runs that network.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

import sosie
from sosie.encoders.image import weights_file
from sosie.encoders.networks.efficientnet_lite import FromPixels, efficientnet_lite0
from sosie.engine.build import silent
from sosie.evaluate.front import Truth
from sosie.evaluate.task import TaskOptions
from sosie.train.augment import augment_pictures, plain
from sosie.train.fit import _bf16, fit
from sosie.train.inputs import Pictures, Vectors
from sosie.train.learner import make_optimiser
from sosie.train.losses import Targets, make_loss
from sosie.train.picture_networks import make_picture_network
from sosie.train.recipe import RECIPES, Recipe
from sosie.train.run import Run, prepared

ROUNDS = 3
EPOCHS = {"cnn": 8, "pictures": 1, "head": 10}  # of ours; what starting up costs counts in them
STEPS = {"cnn": 80, "pictures": 40, "head": 4}  # of a plain loop in each round; the first WARM are not timed
WARM = 2
RESULTS = Path(__file__).parent / "results" / "training-speed.json"


def main() -> None:
    """Measure, print, and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--label", required=True)
    parser.add_argument("--split", default="")
    parser.add_argument("--only", nargs="+", default=list(EPOCHS), choices=list(EPOCHS))
    asked = parser.parse_args()
    truth = Truth(labels=(asked.label,), options=TaskOptions(split=asked.split))
    figures = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    with tempfile.TemporaryDirectory() as work:
        for name in asked.only:
            figures[name] = beside(name, sosie.open(asked.store), truth, Path(work))
            print(name, json.dumps(figures[name]), flush=True)
    RESULTS.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def beside(name: str, store: sosie.Store, truth: Truth, work: Path) -> dict[str, float]:
    """Pictures a second of both, their ratio, and the share of its time in which ours waited for its input."""
    recipe = RECIPES[name].model_copy(update={"epochs": EPOCHS[name], "validate_every": 100, "average": 0.0})
    run = prepared(store, truth, recipe, work / name, silent)
    run = replace(run, lesson=replace(run.lesson, judge=None))  # only steps are timed
    pixels = pixels_of(store, truth, recipe, work) if name == "head" else None
    ours, theirs, waits = [], [], []
    for at in range(ROUNDS):
        fitted = trained(run, work / f"{name}-{at}")
        ours.append(fitted[0])
        waits.append(fitted[1])
        theirs.append(plain_loop(run, recipe, pixels, STEPS[name]))
    return {
        "sosie": round(median(ours), 1),
        "plain": round(median(theirs), 1),
        "ratio": round(median(ours) / median(theirs), 3),
        "waiting": round(median(waits), 4),
    }


def trained(run: Run, folder: Path) -> tuple[float, float]:
    """Samples a second of sosie's own training, and its share of waiting."""
    folder.mkdir()
    network, course = replace(run, folder=folder).set_up(run.recipe)
    fitted = fit(network, course, silent)
    return fitted.samples_per_second, fitted.waiting


def pixels_of(store: sosie.Store, truth: Truth, recipe: Recipe, work: Path) -> Tensor:
    """Decoded pictures of the products that a head learns from."""
    pictures = RECIPES["pictures"].model_copy(update={"epochs": 1, "sizes": (224,)})
    material = prepared(store, truth, pictures, work / "decoded", silent).material
    assert isinstance(material.inputs, Pictures)
    return material.inputs.fetch(np.flatnonzero(material.good[: material.learnt]))["pixels"]


def plain_loop(run: Run, recipe: Recipe, pixels: Tensor | None, steps: int) -> float:
    """Samples a second of the loop that one would write by hand."""
    torch.manual_seed(0)
    inputs, known = run.material.inputs, run.lesson.known[0]
    items = np.flatnonzero(run.material.good[: run.material.learnt])
    classes = torch.from_numpy(known.labels[0][run.material.product[items]])
    size = recipe.sizes[0] if recipe.sizes else 224
    network: nn.Module
    if pixels is None:
        assert isinstance(inputs, Pictures)
        data = inputs.fetch(items)["pixels"]
        network = make_picture_network(recipe)
    else:
        assert isinstance(inputs, Vectors)
        data, network = pixels[: len(items)], OnFrozen(recipe.dim)
        classes = classes[: len(data)]
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    loss = make_loss(recipe.loss, recipe.dim, int(classes.max()) + 1)
    optimiser = make_optimiser(network, nn.ModuleList([loss]), recipe)
    loader = DataLoader(TensorDataset(data, classes), recipe.batch, shuffle=True, drop_last=True)
    network.train()
    generator, done, started = torch.Generator().manual_seed(0), 0, 0.0
    for step, (batch, wanted) in enumerate(endless(loader)):
        if step == WARM:
            started = time.perf_counter()
        if step == WARM + steps:
            break
        read = augment_pictures(batch, size, recipe.augmentation, generator) if pixels is None else plain(batch, size)
        with torch.autocast("cpu", torch.bfloat16, enabled=_bf16(recipe)):
            embedded = network(read)
            cost = loss(embedded, embedded, told(wanted))
        optimiser.zero_grad()
        cost.backward()
        nn.utils.clip_grad_norm_(network.parameters(), recipe.clip)
        optimiser.step()
        done += len(batch) if step >= WARM else 0
    return done / (time.perf_counter() - started)


def endless(loader: DataLoader[tuple[Tensor, ...]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Its batches, again and again."""
    while True:
        yield from loader


def told(classes: Tensor) -> Targets:
    """What a loss over classes needs to know."""
    same = classes[:, None] == classes[None]
    return Targets(same, torch.zeros_like(same), classes)


class OnFrozen(nn.Module):
    """A linear map on the pretrained network, which runs without gradients."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.trunk = FromPixels(efficientnet_lite0(weights_file())).eval().requires_grad_(False)
        self.head = nn.Linear(1280, dim)

    def train(self, mode: bool = True) -> "OnFrozen":
        """The trunk's norms stay as they are."""
        super().train(mode)
        self.trunk.eval()
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, h, w, 3) -> (n, dim)."""
        with torch.no_grad():
            features = self.trunk(pixels)
        embedded: Tensor = self.head(features)
        return embedded


if __name__ == "__main__":
    main()
