"""`train`: from a store and what is known of its products to an encoder, judged beside the one in use."""

import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from pathlib import Path

import numpy as np

from sosie.encoders.networks.embedder import parameters
from sosie.encoders.sealed import seal
from sosie.engine.activate import activate
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth, reproduce
from sosie.scoring import apply_scale, fit_scale
from sosie.store import Snapshot
from sosie.train.batches import balanced_batches, shuffled_batches
from sosie.train.fit import Course, Embed, Fitted, embed, fit
from sosie.train.inputs import Vectors
from sosie.train.judging import Beside
from sosie.train.learner import Objective, embed_alike, embed_views
from sosie.train.lessons import Lesson, lesson_of
from sosie.train.logs import loggers
from sosie.train.losses import Targets, make_loss
from sosie.train.material import Material, gather
from sosie.train.networks import check_export, make_network, write_encoder
from sosie.train.recipe import Recipe
from sosie.train.report import TrainReport, write_card
from sosie.train.supervision import Supervision, supervision, targets
from sosie.types import Matrix, Progress, Rows

RUNS, MODELS = "training", "models"
SAMPLE = 10_000  # vectors from which the maps of a network begin


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
    lesson = lesson_of(snapshot, truth, recipe.seed)
    run, model = store.folder / RUNS / options.name, store.folder / MODELS / options.name
    if model.exists():
        raise TrainingError(f"{model}: there is such a model already; give another --name, or remove it.")
    run.mkdir(parents=True, exist_ok=True)
    material = gather(store, snapshot, lesson, recipe, run, progress)
    told = reproduce(snapshot, truth, options.command)
    course = _course(lesson, material, recipe, run, {"products": told["products"], "recipe": _key(recipe, truth)})
    network = make_network(recipe, material.parts, _sample(material))
    fitted = fit(network, course, progress, loggers(run, options.wandb), options.processes)
    if not fitted.leader:
        sys.exit(0)  # another process goes on with what all have learnt
    progress("exporting", 0, None)
    beside_it = model.with_name(f"{model.name}.partial")
    shutil.rmtree(beside_it, ignore_errors=True)
    beside_it.mkdir(parents=True)
    encoder = write_encoder(beside_it, fitted.network, recipe, material.parts)
    good = np.flatnonzero(material.good)
    export = check_export(encoder, fitted.network, material.inputs, good[:64])
    report = TrainReport(
        model=model,
        signal=encoder.signal,
        told=lesson.told,
        recipe=recipe.model_dump(mode="json"),
        products=int(material.good[: material.learnt].sum()),
        figures=_figures(snapshot, lesson, material, fitted),
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


def _course(lesson: Lesson, material: Material, recipe: Recipe, run: Path, key: Mapping[str, str]) -> Course:
    items = np.flatnonzero(material.good[: material.learnt])
    known = lesson.known or (supervision(material.learnt),)
    objectives = []
    for one in known:
        if recipe.alike and lesson.known:
            loss = make_loss(recipe.loss, recipe.dim, one.classes())
            objectives.append(Objective(recipe.alike / len(known), embed_alike, partial(_alike, one), loss))
    if recipe.views:
        loss = make_loss(recipe.loss, recipe.dim)
        objectives.append(Objective(recipe.views, embed_views, partial(_itself, known[0]), loss))
    if not objectives:
        raise TrainingError("nothing is known of these products (give --label, --pairs or --links).")
    labels = known[0].labels[0] if len(known[0].labels) else None

    def batches(epoch: int) -> list[Rows]:
        if recipe.items and labels is not None:
            return balanced_batches(items, labels[items], recipe.items, recipe.batch, recipe.seed, epoch)
        return shuffled_batches(items, recipe.batch, recipe.seed, epoch)

    judge = lesson.judge

    def judged(embed: Embed) -> float:
        assert judge is not None
        return judge.figure(_of_judge(lesson, material, embed))

    return Course(
        recipe,
        material.inputs,
        objectives,
        batches,
        judged if judge else None,
        judge.measure if judge else "",
        run,
        key,
    )


def _alike(known: Supervision, rows: Rows) -> Targets:
    return targets(known, rows, rows)


def _itself(known: Supervision, rows: Rows) -> Targets:
    return targets(known, rows, rows, own=True)


def _of_judge(lesson: Lesson, material: Material, embed: Embed) -> Matrix:
    """The vectors a judge asks for, scaled as a store scales them; zeros where a product has none."""
    assert lesson.judge is not None
    order = np.argsort(material.rows, kind="stable")
    items = order[np.searchsorted(material.rows, lesson.judge.rows, sorter=order)]
    there = material.good[items]
    found = embed(items[there])
    vectors = np.zeros((len(items), found.shape[1]), np.float32)
    vectors[there] = found
    return apply_scale(vectors, fit_scale(found))


def _figures(snapshot: Snapshot, lesson: Lesson, material: Material, fitted: Fitted) -> tuple[Beside, ...]:
    if lesson.judge is None:
        return ()
    vectors = _of_judge(lesson, material, lambda items: embed(fitted.network, material.inputs, items))
    return lesson.judge.beside(snapshot, vectors, material.signals)


def _sample(material: Material) -> Mapping[str, Matrix]:
    """Vectors from which the maps of a network of vectors begin: of products that are learnt from."""
    if not isinstance(material.inputs, Vectors):
        return {}
    step = max(1, material.learnt // SAMPLE)
    return {signal: matrix[: material.learnt : step] for signal, matrix in material.inputs.matrices.items()}


def _key(recipe: Recipe, truth: Truth) -> str:
    told = f"{recipe.model_dump_json()} {truth}"
    return blake2b(told.encode(), digest_size=8).hexdigest()
