"""What is wrong with a supervision, told before anything is learnt from it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sosie.errors import TrainingError
from sosie.train.losses import LossName
from sosie.train.supervision import ALIKE, Supervision

FEW = 0.5  # share of labelled products below which it is told that most have none
BY_GRADES = ("mse", "cross-entropy")  # losses that look at judged pairs alone, where there are no labels


@dataclass(frozen=True)
class Contradiction:
    """Two products of which two things are said that can't both be; they count neither way."""

    a: int  # row
    b: int  # row, above `a`
    kind: Literal["judged both ways", "one label, judged unlike"]


def contradictions(known: Supervision) -> list[Contradiction]:
    """Pairs judged both alike and unlike, and pairs judged unlike whose finest label is the same; by rows."""
    pairs = np.sort(known.pairs, axis=1)
    apart = pairs[:, 0] != pairs[:, 1]
    alike = {(a, b) for a, b in pairs[apart & (known.grades >= ALIKE)].tolist()}
    unlike = {(a, b) for a, b in pairs[apart & (known.grades < ALIKE)].tolist()}
    both = [Contradiction(a, b, "judged both ways") for a, b in alike & unlike]
    finest = known.labels[0].tolist() if len(known.labels) else [-1] * known.size
    same = [
        Contradiction(a, b, "one label, judged unlike")
        for a, b in unlike - alike
        if finest[a] == finest[b] and finest[a] >= 0
    ]
    return sorted(both + same, key=lambda pair: (pair.a, pair.b))


def remarks(known: Supervision, loss: LossName, level: int = 0) -> list[str]:
    """Sentences on what weakens a supervision. Raises TrainingError where nothing can be learnt from it.

    A supervision without labels and pairs is in order: rows are then alike to their own other views.
    """
    if known.size < 2:
        raise TrainingError(f"There is only {known.size} product to learn from, and two at least are needed.")
    told = []
    labelled = level < len(known.labels)
    if labelled:
        told += _labels(known.labels[level], alike_pairs=bool((known.grades >= ALIKE).any()))
    if len(known.pairs):
        told += _pairs(known, loss, labelled)
    return told


def _labels(labels: NDArray[np.int64], alike_pairs: bool) -> list[str]:
    sizes = np.bincount(labels[labels >= 0])
    sizes = sizes[sizes > 0]
    products, single = int(sizes.sum()), int((sizes == 1).sum())
    if not products:
        raise TrainingError("No product has a label. Name another column with --label, or give --pairs or --links.")
    if len(sizes) == 1:
        raise TrainingError(
            f"All {products:,} labelled products have one and the same label, so none are unlike. "
            "Name another column with --label, or learn without labels."
        )
    if single == len(sizes) and not alike_pairs:
        raise TrainingError(
            f"Each of the {single:,} labels belongs to one product, so none are alike. "
            "Name another column with --label (this one may be an id), or learn without labels."
        )
    told = []
    if single:
        told.append(
            f"{single:,} of {len(sizes):,} labels belong to one product each: it is learnt as unlike the others only."
        )
    if products < FEW * len(labels):
        told.append(
            f"Only {products:,} of {len(labels):,} products ({products / len(labels):.0%}) have a label; "
            "nothing is learnt from the others."
        )
    return told


def _pairs(known: Supervision, loss: LossName, labelled: bool) -> list[str]:
    alike = known.grades >= ALIKE
    count = len(known.pairs)
    told = []
    if not alike.any() and not labelled:
        raise TrainingError(f"All {count:,} pairs are unlike, and without alike ones nothing is drawn together.")
    if alike.all() and not labelled:
        if loss in BY_GRADES:
            raise TrainingError(
                f"All {count:,} pairs are alike, and the loss {loss} looks at judged pairs alone: everything would "
                "become alike. Add pairs that are unlike, or choose a loss that takes the others of a batch for "
                "unlike, such as info-nce."
            )
        told.append(f"All {count:,} pairs are alike: products that nobody paired are taken for unlike.")
    wrong = contradictions(known)
    both = sum(pair.kind == "judged both ways" for pair in wrong)
    if both:
        told.append(f"Pairs judged both alike and unlike, and left out: {both:,}.")
    if len(wrong) > both:
        told.append(f"Pairs judged unlike though of one label, and left out: {len(wrong) - both:,}.")
    return told
