"""`train`: from a store and what is known of its products to an encoder, judged beside the one in use."""

import shutil
import sys
import time
from dataclasses import dataclass, replace
from hashlib import blake2b

import numpy as np
import torch
from lightning.pytorch import seed_everything
from torch import nn

from sosie.encoders.networks.embedder import Reduced, kept_directions, parameters
from sosie.encoders.sealed import seal
from sosie.engine.activate import activate
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth, reproduce
from sosie.store import Snapshot
from sosie.train.course import course_of, sample_of, vectors_to_judge
from sosie.train.fit import Fitted, embed, fit
from sosie.train.inputs import Inputs
from sosie.train.judging import Beside
from sosie.train.lesson import Lesson
from sosie.train.lessons import lesson_of
from sosie.train.logs import loggers
from sosie.train.material import Material, gather
from sosie.train.networks import check_export, make_network, write_encoder
from sosie.train.picture_networks import from_maps, whole
from sosie.train.recipe import Recipe
from sosie.train.report import TrainReport, write_card
from sosie.types import Matrix, Progress, Rows

RUNS, MODELS = "training", "models"
KEPT_FROM = 2_000  # items from which the directions that are kept are taken


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a training is run, beside its recipe."""

    name: str  # of the model
    activate: bool = True  # use it in the store at once
    processes: int = 1
    wandb: bool = False  # write for Weights & Biases, too; offline
    command: str = ""  # that was typed


def train(
    store: Store,
    truth: Truth,
    recipe: Recipe,
    options: TrainOptions,
    progress: Progress = lambda stage, done, total: None,
) -> TrainReport:
    """Train an encoder on a store's products, write it to STORE/models/NAME and switch the store to it.

    Learns on the split train and judges on val; the split test is never read. What was cut off goes on where it
    stood. Raises TrainingError, TruthError, EncoderError, StoreError; then the store is as it was before.
    """
    started = time.perf_counter()
    snapshot = store.snapshot
    lesson = lesson_of(snapshot, truth, recipe)
    run, model = store.folder / RUNS / options.name, store.folder / MODELS / options.name
    if model.exists():
        raise TrainingError(f"{model}: there is such a model already; give another --name, or remove it.")
    run.mkdir(parents=True, exist_ok=True)
    material = gather(store, snapshot, lesson, recipe, run, progress)
    seed_everything(recipe.seed, verbose=False)
    network, inputs = from_maps(make_network(recipe, material.parts, sample_of(material)), recipe, material.inputs)
    told = reproduce(snapshot, truth, options.command)
    course = course_of(
        lesson,
        replace(material, inputs=inputs),
        recipe,
        run,
        {"products": told["products"], "recipe": _key(recipe, truth)},
    )
    fitted = fit(network, course, progress, loggers(run, options.wandb), options.processes)
    if not fitted.leader:
        sys.exit(0)  # another process goes on with what all have learnt
    progress("exporting", 0, None)
    fitted = replace(fitted, network=_kept(whole(fitted.network), recipe, material))
    beside_it = model.with_name(f"{model.name}.partial")
    shutil.rmtree(beside_it, ignore_errors=True)
    beside_it.mkdir(parents=True)
    encoder = write_encoder(beside_it, fitted.network, recipe, material.parts, material.inputs)
    good = np.flatnonzero(material.good)
    export = check_export(encoder, fitted.network, material.inputs, good[:64])
    report = TrainReport(
        model=model,
        signal=encoder.signal,
        told=lesson.told,
        recipe=recipe.model_dump(mode="json"),
        products=int(material.good[: material.learnt].sum()),
        figures=_figures(snapshot, lesson, material, recipe, fitted),
        before=", ".join(material.signals),
        epochs=fitted.epochs,
        stopped=fitted.stopped,
        parameters=parameters(fitted.network),
        export=export,
        samples_per_second=fitted.samples_per_second,
        waiting=fitted.waiting,
        seconds=time.perf_counter() - started,
        active=False,
        reproduce=told,
        notes=(*lesson.notes, *material.notes),
    )
    write_card(beside_it, report)
    seal(beside_it)
    beside_it.rename(model)
    if options.activate:
        activate(store.folder, model, progress)
    shutil.rmtree(run / "pictures", ignore_errors=True)
    return replace(report, active=options.activate, seconds=time.perf_counter() - started)


def _kept(network: nn.Module, recipe: Recipe, material: Material) -> nn.Module:
    """The network with the main directions of what it was trained on, where the recipe keeps fewer numbers."""
    if not recipe.keep or recipe.keep >= recipe.dim:
        return network
    items = np.flatnonzero(material.good[: material.learnt])
    some = items[:: max(1, len(items) // KEPT_FROM)]
    embeddings = torch.from_numpy(embed(network, material.inputs, some))
    return Reduced(network, kept_directions(embeddings, recipe.keep)).eval()


def _figures(
    snapshot: Snapshot, lesson: Lesson, material: Material, recipe: Recipe, fitted: Fitted
) -> tuple[Beside, ...]:
    if lesson.judge is None:
        return ()

    def embedded(items: Rows, inputs: Inputs | None = None) -> Matrix:
        return embed(fitted.network, inputs or material.inputs, items)

    vectors = vectors_to_judge(lesson, material, recipe, embedded)
    return lesson.judge.beside(snapshot, vectors, material.signals)


def _key(recipe: Recipe, truth: Truth) -> str:
    told = f"{recipe.model_dump_json()} {truth}"
    return blake2b(told.encode(), digest_size=8).hexdigest()
