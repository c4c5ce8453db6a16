"""From a fitted network to a model: reduced, exported, checked, judged beside what was in use, and written."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import nn

from sosie.encoders.networks.embedder import Reduced, Whitened, half_whitened, kept_directions, parameters
from sosie.encoders.sealed import seal
from sosie.store import Snapshot
from sosie.train.course import vectors_to_judge
from sosie.train.fit import Course, Embed, Fitted, embed
from sosie.train.grouping import Grouped
from sosie.train.imitation import teacher_of
from sosie.train.inputs import Inputs
from sosie.train.judging import Beside, LookJudge
from sosie.train.lesson import Lesson
from sosie.train.light import Light, Short, network_bytes, shortened, speeds
from sosie.train.logs import SHOWN, loggers, show_products
from sosie.train.material import Material
from sosie.train.networks import check_export, encoded, write_encoder
from sosie.train.picture_networks import whole
from sosie.train.report import TrainReport, write_card
from sosie.types import Encoder, Matrix, Rows

KEPT_FROM = 2_000  # items from which the directions that are kept are taken
TIMED = 128  # products by which encoders are timed
CHECKED = 64  # items whose exported embeddings are compared
BATCH = 64  # items encoded at a time


def write_model(
    model: Path,
    snapshot: Snapshot,
    lesson: Lesson,
    material: Material,
    course: Course,
    fitted: Fitted,
    told: Mapping[str, str],
    notes: tuple[str, ...],
    also: Callable[[Encoder], tuple[Beside, ...]],
    grouped: Callable[[Path, Encoder], Grouped] | None = None,
) -> TrainReport:
    """Write the folder of a model, all of it or nothing; its report, without what is not known yet."""
    recipe = course.recipe
    network = _reduced(fitted.network, course, material)
    partial = model.with_name(f"{model.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    encoder = write_encoder(partial, network, recipe, material.parts, material.inputs)
    good = np.flatnonzero(material.good)
    short, light = _lightness(partial, snapshot, lesson, material, course, encoder)
    report = TrainReport(
        model=model,
        signal=encoder.signal,
        told=lesson.told,
        recipe=recipe.model_dump(mode="json"),
        products=int(material.good[: material.learnt].sum()),
        figures=_figures(snapshot, lesson, material, course, encoder),
        also=also(encoder),
        clusters=grouped(partial, encoder) if grouped else None,
        light=light,
        short=short,
        before=", ".join(material.signals),
        epochs=fitted.epochs,
        stopped=fitted.stopped,
        parameters=parameters(network),
        export=check_export(encoder, network, material.inputs, good[:CHECKED]),
        samples_per_second=fitted.samples_per_second,
        waiting=fitted.waiting,
        seconds=fitted.seconds,
        active=False,
        reproduce=told,
        notes=notes,
    )
    shown = good[np.unique(np.linspace(0, len(good) - 1, min(len(good), SHOWN)).astype(np.int64))]
    show_products(
        loggers(course.folder, wandb=False), snapshot, material.rows[shown], _embedded(encoder, material)(shown)
    )
    write_card(partial, report)
    seal(partial)
    partial.rename(model)
    return report


def _reduced(network: nn.Module, course: Course, material: Material) -> nn.Module:
    """The whole network, with the main directions of what it was trained on where the recipe keeps or whitens them."""
    recipe = course.recipe
    keep = recipe.keep if 0 < recipe.keep < recipe.dim else 0
    if not keep and not recipe.whiten:
        return whole(network)
    items = np.flatnonzero(material.good[: material.learnt])
    some = items[:: max(1, len(items) // KEPT_FROM)]
    embeddings = torch.from_numpy(embed(network, course.inputs, some))
    if recipe.whiten:
        return Whitened(whole(network), *half_whitened(embeddings, keep or embeddings.shape[1])).eval()
    return Reduced(whole(network), kept_directions(embeddings, keep)).eval()


def _lightness(
    folder: Path, snapshot: Snapshot, lesson: Lesson, material: Material, course: Course, encoder: Encoder
) -> tuple[tuple[Short, ...], Light | None]:
    """What fewer and coarser numbers come to, and a student beside its teacher; only where it is to be light."""
    judge, recipe = lesson.judge, course.recipe
    if judge is None or not (recipe.imitate or recipe.loss.cuts):
        return (), None
    vectors = vectors_to_judge(lesson, material, recipe, _embedded(encoder, material))
    short = shortened(judge.figure, vectors, recipe.loss.cuts)
    if material.taught is None:
        return short, None
    teacher = teacher_of(snapshot, encoder.signal, recipe.teacher)
    source = Path(recipe.teacher) if recipe.teacher else snapshot.encoder_folder(encoder.signal)
    taught = material.taught

    def made(items: Rows, inputs: Inputs | None = None) -> Matrix:
        return taught[items]

    asked = not isinstance(judge, LookJudge)  # it made nothing of other looks
    of_teacher = judge.figure(vectors_to_judge(lesson, material, recipe, made)) if asked else None
    own, others = speeds((encoder, teacher), snapshot.products(material.rows[:TIMED]))
    return short, Light(
        teacher=recipe.teacher or f"the store's encoder of {encoder.signal}",
        measure=judge.measure,
        value=judge.figure(vectors),
        of_teacher=of_teacher,
        bytes=network_bytes(folder),
        bytes_of_teacher=network_bytes(source),
        per_second=own,
        per_second_of_teacher=others,
    )


def _embedded(encoder: Encoder, material: Material) -> Embed:
    """What an exported encoder makes of items."""

    def embedded(items: Rows, inputs: Inputs | None = None) -> Matrix:
        read = inputs or material.inputs
        parts = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
        return np.concatenate([encoded(encoder, read.plain(read.fetch(part))) for part in parts])

    return embedded


def _figures(
    snapshot: Snapshot, lesson: Lesson, material: Material, course: Course, encoder: Encoder
) -> tuple[Beside, ...]:
    if lesson.judge is None:
        return ()
    vectors = vectors_to_judge(lesson, material, course.recipe, _embedded(encoder, material))
    return lesson.judge.beside(snapshot, vectors, material.signals)
