"""`train`: from a store and what is known of its products to an encoder, judged beside the one in use."""

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from lightning.pytorch import seed_everything
from torch import nn

from sosie.encoders import load_encoder
from sosie.encoders.learned import VOCABULARY
from sosie.engine.activate import activate
from sosie.engine.build import silent
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth, reproduce
from sosie.scoring import apply_scale, fit_scale
from sosie.store import Snapshot
from sosie.train.also import also_of
from sosie.train.budget import epochs_within
from sosie.train.checkpoint import FILE, read_checkpoint, writing
from sosie.train.clustering import agreement, cluster
from sosie.train.course import course_of, sample_of
from sosie.train.finish import write_model
from sosie.train.fit import KEPT, Course, Fitted, OutOfMemoryError, embed, fit
from sosie.train.grouping import Found, Grouped, write_groups
from sosie.train.hues import keeping_colours
from sosie.train.inputs import Pictures, Vectors
from sosie.train.judging import Beside
from sosie.train.learner import NotANumberError
from sosie.train.lesson import Lesson
from sosie.train.lessons import lesson_of
from sosie.train.logs import loggers
from sosie.train.material import Material, gather
from sosie.train.networks import make_network
from sosie.train.picture_networks import from_maps
from sosie.train.recipe import Recipe, filled
from sosie.train.report import TrainReport
from sosie.train.transfer import begin_from, check_start, keep_start_vocabulary
from sosie.types import Encoder, Progress

RUNS, MODELS = "training", "models"
LEAST_BATCH = 8  # that memory has to hold


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """How a training is run, beside its recipe."""

    name: str  # of the model
    activate: bool = True  # use it in the store at once
    minutes: float = 0.0  # the epochs are as many as fit, up to the recipe's; 0 = all of them
    processes: int = 1
    wandb: bool = False  # write for Weights & Biases, too; offline
    also: tuple[str, ...] = ()  # STORE:LABEL[:SPLIT], other catalogues on which it is judged, too
    command: str = ""  # that was typed


@dataclass(frozen=True, eq=False)
class Run:
    """A training that is prepared."""

    recipe: Recipe  # with the signals that the store has
    snapshot: Snapshot
    lesson: Lesson
    material: Material
    folder: Path  # of checkpoint, epochs.csv, logs
    key: dict[str, str]
    told: dict[str, str]  # how to get the same

    def set_up(self, recipe: Recipe) -> tuple[nn.Module, Course]:
        """A network that has learnt nothing yet, and its course."""
        seed_everything(recipe.seed, verbose=False)
        network = make_network(recipe, self.material.parts, sample_of(self.material))
        if recipe.start:
            begin_from(network, recipe)
        inputs = self.material.inputs
        if isinstance(inputs, Pictures):
            inputs = inputs.following(recipe)  # its epochs may be fewer than those of the recipe that was asked for
        network, inputs = from_maps(network, recipe, inputs)
        return network, course_of(self.lesson, replace(self.material, inputs=inputs), recipe, self.folder, self.key)


def train(
    store: Store,
    truth: Truth,
    recipe: Recipe,
    options: TrainOptions,
    progress: Progress = silent,
) -> TrainReport:
    """Train an encoder on a store's products, write it to STORE/models/NAME and switch the store to it.

    Learns on the split train and judges on val; the split test is never read. What was cut off goes on where it
    stood. Raises TrainingError, TruthError, EncoderError, StoreError; then the store is as it was before.
    """
    started = time.perf_counter()
    if options.minutes and options.processes > 1:
        raise TrainingError("minutes are for one process, which times its steps before; with several, give epochs.")
    if _follows():
        progress = silent
    others = [also_of(one) for one in options.also]
    folder, model = store.folder / RUNS / options.name, store.folder / MODELS / options.name
    if model.exists():
        raise TrainingError(f"{model}: there is such a model already; give another --name, or remove it.")
    run = prepared(store, truth, recipe, folder, progress, options.command)
    grouped: Callable[[Path, Encoder], Grouped] | None = None
    if recipe.clusters:
        fitted, course, notes, found = _rounds(run, options, progress)

        def grouped(partial: Path, trained: Encoder) -> Grouped:
            return write_groups(
                partial, store, run.snapshot, run.material, trained, found, truth, recipe.seed, progress
            )

    else:
        fitted, course, notes = _fitted(run, options, progress)
    if not fitted.leader:
        sys.exit(0)  # another process goes on with what all have learnt
    progress("exporting", 0, None)
    notes = (*run.lesson.notes, *run.material.notes, *notes, *_unlearnt(fitted))
    before = load_encoder(Path(recipe.start)) if recipe.start else None

    def kept(trained: Encoder) -> tuple[Beside, ...]:
        return tuple(one for other in others for one in other.beside(trained, before, progress))

    with writing(course.folder, model):
        report = write_model(
            model, run.snapshot, run.lesson, run.material, course, fitted, run.told, notes, kept, grouped
        )
    moved = activate(store.folder, model, progress).moved if options.activate else None
    shutil.rmtree(folder / "pictures", ignore_errors=True)
    return replace(report, active=options.activate, moved=moved, seconds=time.perf_counter() - started)


def _unlearnt(fitted: Fitted) -> tuple[str, ...]:
    if fitted.best is None or fitted.best != fitted.began:
        return ()
    return ("no epoch validated better than the beginning: a lower rate may help.",)


def prepared(store: Store, truth: Truth, recipe: Recipe, folder: Path, progress: Progress, command: str = "") -> Run:
    """What a training reads, gathered in its folder. Raises as `train` does."""
    snapshot = store.snapshot
    recipe = filled(recipe, snapshot)
    recipe, lesson = keeping_colours(recipe, snapshot, lesson_of(snapshot, truth, recipe))
    if recipe.start:
        check_start(recipe)
    with writing(folder, folder):
        folder.mkdir(parents=True, exist_ok=True)
        if recipe.start:
            keep_start_vocabulary(recipe, folder / VOCABULARY)
    material = gather(store, snapshot, lesson, recipe, folder, progress)
    told = reproduce(snapshot, truth, command)
    key = _key(truth, recipe, material, told)
    return Run(recipe, snapshot, lesson, material, folder, key, told)


def _follows() -> bool:
    """Whether this is one of several processes, and not the first."""
    return os.environ.get("LOCAL_RANK", "0") != "0"


def _rounds(run: Run, options: TrainOptions, progress: Progress) -> tuple[Fitted, Course, tuple[str, ...], Found]:
    """Learn the clusters of what signals agree on, find clusters in what was learnt, and again.

    After Caron et al., "DeepCluster", 2018; signals are withheld at random, so that each tells the cluster by itself.
    """
    wanted, inputs, seed = run.recipe.clusters, run.material.inputs, run.recipe.seed
    assert wanted is not None
    assert isinstance(inputs, Vectors)
    if options.processes > 1:
        raise TrainingError("clusters are learnt by a single process.")
    good = np.flatnonzero(run.material.good)
    progress("finding clusters", 0, None)
    vectors = agreement({signal: matrix[good] for signal, matrix in inputs.matrices.items()}, run.recipe.dim)
    clustering = cluster(vectors, wanted.count, seed)
    for at in range(wanted.rounds):
        labels = np.full((1, len(run.material.good)), -1, np.int64)
        labels[0, good] = clustering.of(vectors)
        known = replace(run.lesson.known[0], labels=labels)
        part = replace(run, lesson=replace(run.lesson, known=(known,)), folder=run.folder / f"round-{at + 1}")
        with writing(part.folder, part.folder):
            part.folder.mkdir(exist_ok=True)
        fitted, course, notes = _fitted(part, options, progress)
        raw = embed(fitted.network, course.inputs, good)
        scale = fit_scale(raw)
        vectors = apply_scale(raw, scale)
        progress("finding clusters", at + 1, wanted.rounds)
        clustering = cluster(vectors, clustering.count, seed)
    return fitted, course, notes, Found(clustering, scale)


def _fitted(run: Run, options: TrainOptions, progress: Progress) -> tuple[Fitted, Course, tuple[str, ...]]:
    """Fit within the minutes and the memory that there are; smaller batches, where memory runs out, are told."""
    recipe, notes = run.recipe, tuple[str, ...]()
    while True:
        network, course = run.set_up(recipe)
        if options.minutes and not _begun(run.folder):
            recipe, note = _within(network, course, options.minutes, progress)
            notes, (network, course) = (*notes, note), run.set_up(recipe)
        elif begun := _begun(run.folder):
            recipe = recipe.model_copy(update=begun)
            network, course = run.set_up(recipe)
        there = loggers(run.folder, options.wandb)
        try:
            return fit(network, course, progress, there, options.processes), course, notes
        except NotANumberError as error:
            ids = run.snapshot.ids(run.material.rows[error.items[:10]])
            raise TrainingError(
                f"{error} It was of the products {', '.join(ids)}{' …' if len(error.items) > 10 else ''}. The weights "
                f"that validated best before, or of the last whole epoch where nothing judges, if there are any, are "
                f"kept in {run.folder / KEPT}. "
                f"A lower rate may help: --set rate={recipe.rate / 3:.2g}, after removing {run.folder / FILE}."
            ) from error
        except OutOfMemoryError as error:
            if recipe.batch // 2 < LEAST_BATCH:
                raise TrainingError(
                    f"memory runs out even with batches of {recipe.batch}; take smaller pictures."
                ) from error
            notes = (*notes, f"memory ran out with batches of {recipe.batch}; {recipe.batch // 2} are taken.")
            (run.folder / FILE).unlink(missing_ok=True)
            recipe = recipe.model_copy(update={"batch": recipe.batch // 2})


def _within(network: nn.Module, course: Course, minutes: float, progress: Progress) -> tuple[Recipe, str]:
    recipe = course.recipe
    epochs = epochs_within(network, course, minutes, progress)
    told = f"{epochs} of the recipe's {recipe.epochs} epochs fit into {minutes:g} minutes."
    return recipe.model_copy(update={"epochs": epochs}), told


def _begun(folder: Path) -> dict[str, int]:
    """How many epochs of which batches the run in a folder was set up with, if one was cut off there."""
    state = read_checkpoint(folder)
    return {} if state is None else dict(state["size"])


def _key(truth: Truth, recipe: Recipe, material: Material, told: Mapping[str, str]) -> dict[str, str]:
    """What may not change where a run is gone on with, by its content: a file may lie elsewhere by then."""
    files = [told.get(file.name, "") for file in (truth.file, truth.queries) if file is not None]
    parts = {signal: encoder.fingerprint for signal, encoder in material.parts.items()}
    return {
        "catalogue": told["products"],
        "truth": f"{list(truth.labels)} {truth.options} {files}",
        "recipe": blake2b(recipe.model_dump_json().encode(), digest_size=8).hexdigest(),
        "set of encoders": f"{parts}",
        "start": load_encoder(Path(recipe.start)).fingerprint if recipe.start else "",
        "teacher": "" if material.taught is None else blake2b(material.taught.data, digest_size=8).hexdigest(),
    }
