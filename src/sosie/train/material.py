"""What a network reads of a training's products, brought together before it begins."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.store import Snapshot
from sosie.text import product_text
from sosie.train.imitation import in_use, photos_taught, teacher_of
from sosie.train.inputs import Inputs, Pictures, Vectors, decode, vectors_of
from sosie.train.judging import LookJudge
from sosie.train.lesson import BATCH, Lesson
from sosie.train.recipe import Recipe
from sosie.train.text_networks import begin_vocabulary, longest_of
from sosie.train.tokens import Texts
from sosie.train.words import Text, WordChanges, changed, text_of
from sosie.types import Encoder, Mask, Matrix, Product, Progress, Rows

DRAWN = frozenset({"text", "words"})  # signals of what is read of a product, which a recipe can draw anew
DRAWS = 8  # of each text, at most
ENOUGH = 50_000  # texts drawn


@dataclass(frozen=True, eq=False)
class Material:
    """All that a training looks at as items: those learnt from come first, and of these each product's first photo."""

    rows: Rows  # (items,) of the snapshot
    product: Rows  # (items learnt from,) number of the product of the lesson; other photos of it are items, too
    good: Mask  # (items,) that have what the network reads
    inputs: Inputs
    parts: Mapping[str, Encoder]  # frozen encoders whose vectors it reads
    signals: tuple[str, ...]  # that the trained encoder stands beside; all, where the store has none of its own
    notes: tuple[str, ...]
    taught: Matrix | None  # (items, any) what a teacher made of them, as a store compares it; zeros = nothing
    looks: Rows  # (looks of the judge,) items that show those products again; -1 where there is no other photo

    @property
    def learnt(self) -> int:
        """How many items are learnt from."""
        return len(self.product)


def gather(store: Store, snapshot: Snapshot, lesson: Lesson, recipe: Recipe, run: Path, progress: Progress) -> Material:
    """What a recipe's network reads of the products of a lesson; what takes long to make is kept in `run`.

    Raises TrainingError: too few products have it, disk full. Raises EncoderError.
    """
    judged = lesson.judge.rows if lesson.judge else np.empty(0, np.int64)
    rows = np.concatenate([lesson.rows, np.setdiff1d(judged, lesson.rows)])
    product, looks = np.arange(len(lesson.rows)), np.empty(0, np.int64)
    parts: dict[str, Encoder] = {}
    notes: list[str] = []
    inputs: Inputs
    taught: Matrix | None = None
    match recipe.sees:
        case "vectors":
            parts = {signal: load_encoder(snapshot.encoder_folder(signal)) for signal in recipe.signals}
            inputs, good = _vectors(store, snapshot, rows, parts, recipe, progress)
            signals = recipe.signals
        case "pictures":
            shown = _shown(snapshot, rows, lesson, recipe.photos)
            rows, product, looks = shown.rows, shown.product, shown.looks
            inputs, good = _pictures(shown.refs, recipe, run / "pictures", notes, progress)
            signals = ("image",)
            if recipe.imitate:
                teacher = teacher_of(snapshot, "image", recipe.teacher)
                taught = in_use(snapshot, teacher, photos_taught(teacher, shown.refs, store.cache, progress))
        case "texts":
            inputs, good = _texts(snapshot, rows, len(lesson.rows), recipe, run / "tokenizer.json")
            signals = ("text",)
            if recipe.imitate:
                teacher = teacher_of(snapshot, "text", recipe.teacher)
                taught = in_use(snapshot, teacher, vectors_of(teacher, snapshot, rows, store.cache, progress))
    if recipe.words != WordChanges() and recipe.sees == "vectors" and not DRAWN & parts.keys():
        notes.append(f"words: nothing is drawn anew, as no signal that is read is made of texts ({', '.join(parts)}).")
    learnt = len(np.unique(product[good[: len(product)]]))
    if learnt < 2:
        raise TrainingError(f"only {learnt} of the {len(lesson.rows):,} products to learn from have {recipe.sees}.")
    if learnt < len(lesson.rows):
        notes.append(f"{len(lesson.rows) - learnt:,} products to learn from have no {recipe.sees} and are left out.")
    beside = tuple(signal for signal in signals if signal in snapshot.signals) or snapshot.signals
    return Material(rows, product, good, inputs, parts, beside, tuple(notes), taught, looks)


class _Shown(NamedTuple):
    """Photos as items."""

    refs: list[str]
    rows: Rows
    product: Rows
    looks: Rows


def _shown(snapshot: Snapshot, rows: Rows, lesson: Lesson, most: int) -> _Shown:
    """First the first photos of the products learnt from, then their others, first ones of the others, other looks."""
    photos = photos_of(snapshot, rows, most)
    size = len(lesson.rows)
    others = [(at, ref) for at in range(size) for ref in photos[at][1:]]
    product = np.concatenate([np.arange(size), np.array([at for at, _ in others], np.int64)])
    asked = lesson.judge.looks if isinstance(lesson.judge, LookJudge) else np.empty(0, np.int64)
    again = photos_of(snapshot, asked, 2)
    there = np.array([len(those) > 1 for those in again], np.bool_)
    refs = [*(those[0] for those in photos[:size]), *(ref for _, ref in others), *(those[0] for those in photos[size:])]
    looks = np.where(there, len(refs) + np.cumsum(there) - 1, -1)
    return _Shown(
        refs=[*refs, *(those[1] for those in again if len(those) > 1)],
        rows=np.concatenate([lesson.rows[product], rows[size:], asked[there]]),
        product=product,
        looks=looks,
    )


def _vectors(
    store: Store, snapshot: Snapshot, rows: Rows, parts: Mapping[str, Encoder], recipe: Recipe, progress: Progress
) -> tuple[Vectors, Mask]:
    matrices: dict[str, Matrix] = {
        signal: vectors_of(encoder, snapshot, rows, store.cache, progress) for signal, encoder in parts.items()
    }
    good: Mask = np.any([matrix.any(axis=1) for matrix in matrices.values()], axis=0)
    return Vectors(matrices, _drawn(snapshot, rows, parts, recipe, progress)), good


def _drawn(
    snapshot: Snapshot, rows: Rows, parts: Mapping[str, Encoder], recipe: Recipe, progress: Progress
) -> list[dict[str, Matrix]]:
    """Vectors of the products' texts as a recipe draws them, several times: many times where they are few."""
    readers = {signal: encoder for signal, encoder in parts.items() if signal in DRAWN}
    if recipe.words == WordChanges() or not readers:
        return []
    texts = _read(snapshot, rows)
    draws = min(max(ENOUGH // max(len(texts), 1), 1), DRAWS)
    made: list[dict[str, Matrix]] = []
    for draw in range(draws):
        generator = np.random.default_rng([recipe.seed, draw, 2])
        said = [Product(str(at), title=text) for at, text in enumerate(changed(texts, recipe.words, generator))]
        vectors = {signal: np.zeros((len(said), encoder.dim), np.float32) for signal, encoder in readers.items()}
        for start in range(0, len(said), BATCH):
            part = said[start : start + BATCH]
            for signal, encoder in readers.items():
                vectors[signal][start : start + len(part)] = encoder.encode(part)
            progress("reading texts drawn anew", draw * len(said) + start + len(part), draws * len(said))
        made.append(vectors)
    return made


def _read(snapshot: Snapshot, rows: Rows) -> list[Text]:
    texts: list[Text] = []
    for start in range(0, len(rows), BATCH):
        products = snapshot.products(rows[start : start + BATCH])
        texts += [text_of(product.title, product_text(product)) for product in products]
    return texts


def _texts(snapshot: Snapshot, rows: Rows, learnt: int, recipe: Recipe, vocabulary: Path) -> tuple[Texts, Mask]:
    texts = _read(snapshot, rows)
    begin_vocabulary(recipe, [text.whole for text in texts[:learnt]], vocabulary)
    inputs = Texts(texts, vocabulary, recipe.words, longest_of(recipe))
    return inputs, inputs.good


def _pictures(
    refs: list[str], recipe: Recipe, folder: Path, notes: list[str], progress: Progress
) -> tuple[Pictures, Mask]:
    side = max(recipe.final_size, *recipe.sizes)  # another would be resized once more than by the trained encoder
    problems: dict[str, str] = {}
    pixels, good = decode(refs, side, folder, problems, progress)
    notes += [f"pictures that can't be read are left out: {why}" for why in list(problems.values())[:3]]
    return Pictures(pixels, recipe), good


def photos_of(snapshot: Snapshot, rows: Rows, most: int) -> list[tuple[str, ...]]:
    """The first photos of each product, `most` at most; one that is "" where it has none."""
    found: list[tuple[str, ...]] = []
    for start in range(0, len(rows), BATCH):
        products = snapshot.products(rows[start : start + BATCH])
        found += [tuple(dict.fromkeys(product.images))[:most] or ("",) for product in products]
    return found
