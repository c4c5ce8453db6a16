"""What a training would learn from, to be looked at before it begins."""

import time

import numpy as np
import torch
from torch import Generator

from sosie.config import Settings
from sosie.encoders.image import middle_square
from sosie.encoders.pictures import read_pictures
from sosie.evaluate.front import Truth, reproduce
from sosie.evaluate.words import words_of
from sosie.pages import Draws, Preview, Sample, Triplet
from sosie.store import Snapshot
from sosie.text import product_text
from sosie.train.augment import augment_pictures
from sosie.train.doubts import Contradiction, contradictions
from sosie.train.hues import keeping_colours
from sosie.train.judging import PairJudge, TaskJudge
from sosie.train.lesson import Lesson
from sosie.train.lessons import lesson_of
from sosie.train.mining import MiningSettings, hard_negatives
from sosie.train.recipe import Recipe
from sosie.train.supervision import ALIKE, relation
from sosie.train.words import changed, text_of
from sosie.types import Matrix, Product, Rows

DRAWN, EACH = 8, 6  # products whose augmentations are shown, and how many of each
ANCHORS, AMONG = 12, 3_000  # products shown beside others, and those among which these are looked for
LISTED = 24  # contradictions that are shown


def preview(snapshot: Snapshot, truth: Truth, recipe: Recipe, command: str = "") -> Preview:
    """Augmented pictures and texts, pairs that are alike and the hardest that are not, classes, contradictions.

    Nothing is trained: what is hard is told by the store's own vectors. Raises TrainingError, TruthError, as a training
    would.
    """
    started = time.perf_counter()
    recipe, lesson = keeping_colours(recipe, snapshot, lesson_of(snapshot, truth, recipe))
    known = lesson.known[0]
    wrong = contradictions(known)
    return Preview(
        store=str(snapshot.store),
        version=snapshot.version,
        learns=f"It would learn {recipe.network} from {lesson.told}.",
        counts=_counts(lesson),
        draws=_draws(snapshot, lesson.rows, recipe),
        augmentation=_augmentation(recipe),
        triplets=_triplets(snapshot, truth, lesson, recipe),
        classes=lesson.classes,
        contradictions=[_contrary(snapshot, lesson.rows, one) for one in wrong[:LISTED]],
        contradictory=len(wrong),
        notes=lesson.notes,
        reproduce=reproduce(snapshot, truth, command),
        seconds=time.perf_counter() - started,
    )


def _counts(lesson: Lesson) -> dict[str, int]:
    known = lesson.known[0]
    counts = {"products to learn from": known.size}
    if lesson.classes:
        counts["classes"] = len(lesson.classes)
    if len(known.pairs):
        counts["pairs alike"] = int((known.grades >= ALIKE).sum())
        counts["pairs unlike"] = int((known.grades < ALIKE).sum())
    if isinstance(lesson.judge, TaskJudge):
        counts["questions kept back"] = sum(task.size for task in lesson.judge.tasks)
    if isinstance(lesson.judge, PairJudge):
        counts["pairs kept back"] = len(lesson.judge.pairs.a)
    return {name: count for name, count in counts.items() if count}


def _draws(snapshot: Snapshot, rows: Rows, recipe: Recipe) -> list[Draws]:
    if recipe.sees == "vectors":
        return []
    some = [product for product in snapshot.products(_evenly(rows, 4 * DRAWN)) if _read(product, recipe)][:DRAWN]
    if recipe.sees == "texts":
        texts = [text_of(product.title, product_text(product)) for product in some]
        draws = [changed(texts, recipe.words, np.random.default_rng([recipe.seed, at])) for at in range(EACH)]
        return [
            Draws(_sample(product), text=text.whole, texts=[draw[at] for draw in draws])
            for at, (product, text) in enumerate(zip(some, texts, strict=True))
        ]
    side = max(recipe.final_size, *recipe.sizes)
    pixels = read_pictures([product.images[0] for product in some], lambda p: middle_square(p, side), side, {})
    found = []
    for places, read in pixels:
        for place, own in zip(places.tolist(), read, strict=True):
            generator = Generator().manual_seed(recipe.seed * DRAWN + place)
            many = torch.from_numpy(own).repeat(EACH, 1, 1, 1)
            drawn = augment_pictures(many, recipe.sizes[-1], recipe.augmentation, generator)
            found.append(Draws(_sample(some[place]), list(drawn.round().to(torch.uint8).numpy())))
    return found


def _read(product: Product, recipe: Recipe) -> bool:
    return bool(product.images if recipe.sees == "pictures" else product_text(product).strip())


def _augmentation(recipe: Recipe) -> dict[str, str]:
    """What is not off."""
    if recipe.sees == "vectors":
        return {}
    used: Settings = recipe.augmentation if recipe.sees == "pictures" else recipe.words
    off = type(used)().model_dump()
    return {name: f"{value:g}" for name, value in used.model_dump().items() if value != off[name]}


def _triplets(snapshot: Snapshot, truth: Truth, lesson: Lesson, recipe: Recipe) -> list[Triplet]:
    """Products of which something is known, each beside the farthest alike one and the nearest unlike one."""
    known = lesson.known[0]
    told = np.union1d(np.flatnonzero((known.labels[:1] >= 0).any(axis=0)), known.pairs)
    if not len(told):
        return []
    anchors = _evenly(told, ANCHORS)
    paired = known.pairs[np.isin(known.pairs, anchors).any(axis=1)]
    among = np.union1d(np.union1d(_evenly(told, AMONG), anchors), paired)
    vectors = _vectors(snapshot, lesson.rows[among], recipe)
    if not vectors.any():
        return []
    spread = torch.zeros(known.size, vectors.shape[1])
    spread[torch.from_numpy(among)] = torch.from_numpy(vectors)
    settings = (recipe.mining or MiningSettings()).model_copy(update={"each": 1})
    negatives = hard_negatives(spread, known, settings, recipe.seed, 0, among=among)[:, 0]
    words = words_of(snapshot, truth.labels[0]) if truth.labels else None

    def shown(at: int, alike: str) -> Sample | None:
        if at < 0:
            return None
        row = int(lesson.rows[at])
        code = -1 if words is None else int(words.codes[row])
        why = alike if words is None or code < 0 else words.words[code]
        return _sample(snapshot.products([row])[0], why)

    found = []
    for anchor in anchors.tolist():
        alike = among[relation(known, np.full(len(among), anchor), among).alike]
        far = int(alike[(spread[alike] @ spread[anchor]).argmin()]) if len(alike) else -1
        own = shown(anchor, "")
        assert own is not None
        found.append(Triplet(own, shown(far, lesson.told), shown(int(negatives[anchor]), "nobody said so")))
    return found


def _vectors(snapshot: Snapshot, rows: Rows, recipe: Recipe) -> Matrix:
    """The store's own vectors of what the network would read, (rows, dim); of all signals where it has none of that."""
    reads = {"pictures": ("image",), "texts": ("text", "words"), "vectors": recipe.signals}[recipe.sees]
    there = [signal for signal in reads if signal in snapshot.signals] or list(snapshot.signals)
    return np.hstack([snapshot.vectors(signal, rows) for signal in there])


def _contrary(snapshot: Snapshot, rows: Rows, one: Contradiction) -> tuple[Sample, Sample]:
    first, second = snapshot.products(rows[[one.a, one.b]])
    return _sample(first), _sample(second, one.kind)


def _sample(product: Product, why: str = "") -> Sample:
    return Sample(product.id, product.title, product.images[0] if product.images else "", why)


def _evenly(rows: Rows, most: int) -> Rows:
    chosen: Rows = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64))]
    return chosen
