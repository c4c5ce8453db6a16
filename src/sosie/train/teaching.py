"""From a lesson to what a network is told: objectives, the batches of an epoch, hard negatives."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sosie.errors import TrainingError
from sosie.train.batches import balanced_batches, pair_batches, shuffled_batches, with_negatives
from sosie.train.imitation import Imitated, as_long
from sosie.train.learner import Cost, Objective, embed_alike, embed_towers, embed_views
from sosie.train.losses import OF_CLASSES, LossSettings, Targets, compares, make_loss
from sosie.train.mining import MiningSettings, hard_negatives
from sosie.train.rebuilding import cost_of_rebuilding
from sosie.train.recipe import Recipe
from sosie.train.supervision import Supervision, targets
from sosie.types import Mask, Matrix, Rows

_PHOTOS = 7  # draws numbers of its own
TOGETHER = 2  # photos of one product in a batch, where nothing else is known


@dataclass(frozen=True, eq=False)
class Teaching:
    """What is known of products, and which product each item to learn from shows; several photos are several items."""

    known: tuple[Supervision, ...]
    product: Rows  # (items,) number of its product
    good: Mask  # (items,) what can be read
    recipe: Recipe
    taught: Matrix | None = None  # (items, any) unit vectors that a teacher made of them

    def objectives(self) -> list[Objective | Cost]:
        """What is learnt, by the recipe's weights. Raises TrainingError where nothing is."""
        found: list[Objective | Cost] = []
        recipe = self.recipe
        told = [one for one in self.known if len(one.labels) or len(one.pairs) or self._photos]
        if recipe.alike:
            for one in told:
                for level, share in _levels(one):
                    loss = make_loss(recipe.loss, recipe.dim, one.classes(level))
                    weight = recipe.alike * share / len(told)
                    found.append(Objective(weight, embed_alike, partial(_alike, one, self.product, level), loss))
        if recipe.views:
            named = LossSettings() if recipe.loss.name in OF_CLASSES else recipe.loss
            of_views = partial(_views, self.known[0], self.product)
            found.append(Objective(recipe.views, embed_views, of_views, make_loss(named, recipe.dim)))
        if recipe.imitate and self.taught is not None:
            wanted = partial(_imitated, as_long(self.taught, recipe.dim))
            found.append(Objective(recipe.imitate, embed_alike, wanted, Imitated()))
        if recipe.towers:
            named = LossSettings() if recipe.loss.name in OF_CLASSES else recipe.loss
            of_towers = partial(_views, self.known[0], self.product)
            found.append(Objective(recipe.towers, embed_towers, of_towers, make_loss(named, recipe.dim)))
        if recipe.rebuild:
            found.append(Cost(recipe.rebuild, cost_of_rebuilding))
        if not found:
            raise TrainingError(
                "nothing is known of these products: give --label, --pairs, --links or --events, or set views=1 to "
                "learn from two augmentations of each."
            )
        if recipe.memory and not any(compares(one.loss) for one in found):
            raise TrainingError(
                f"memory: nothing is compared with what is remembered, as the loss {recipe.loss.name} looks at classes "
                "alone here; set memory=0, or loss.name=supcon or another of pairs."
                if recipe.alike
                else "memory: nothing that is learnt is compared with what is remembered; set memory=0."
            )
        return found

    def batches(self, epoch: int, negatives: Rows | None = None) -> list[Rows]:
        """Items of each step of an epoch, the same whenever asked; behind them their hard `negatives`, (products, k).

        Pairs come side by side, items of one label as often as the recipe says, photos of one product together.
        """
        recipe = self.recipe
        items = np.flatnonzero(self.good)
        size = recipe.batch if recipe.mining is None else max(2, recipe.batch // 2)
        known = self.known[epoch % len(self.known)]
        if len(known.pairs):
            drawn = self._drawn(epoch)
            sides = drawn[_judged(known)]
            pairs = sides[(sides >= 0).all(axis=1)]
            batches = [pair.ravel() for pair in pair_batches(pairs, size, recipe.seed, epoch)]
        elif recipe.items and len(known.labels):
            labels = known.labels[0][self.product[items]]
            batches = balanced_batches(items, labels, recipe.items, size, recipe.seed, epoch)
        elif self._photos and not len(known.labels):
            batches = balanced_batches(items, self.product[items], TOGETHER, size, recipe.seed, epoch)
        else:
            batches = shuffled_batches(items, size, recipe.seed, epoch)
        if not batches:
            raise TrainingError("none of the pairs to learn from has what the network reads on both sides.")
        if negatives is None:
            return batches
        mined = np.where(negatives >= 0, self.first[negatives], -1)[self.product]
        return with_negatives(batches, mined, recipe.seed, epoch)

    @property
    def first(self) -> Rows:
        """The first item of each product that can be read; -1 where there is none."""
        found = np.full(self.known[0].size, -1, np.int64)
        items = np.flatnonzero(self.good)[::-1]
        found[self.product[items]] = items
        return found

    def mined(self, embeddings: Matrix, among: Rows, settings: MiningSettings, epoch: int) -> Rows:
        """Hard negatives (products, k) from the embeddings of some products, (among, dim); -1 = there are no more."""
        spread = torch.zeros(self.known[0].size, embeddings.shape[1])
        spread[torch.from_numpy(among)] = torch.from_numpy(embeddings)
        return hard_negatives(spread, self.known[0], settings, self.recipe.seed, epoch, among=among)

    @property
    def _photos(self) -> bool:
        return len(self.product) > self.known[0].size

    def _drawn(self, epoch: int) -> Rows:
        """An item of each product, at random; -1 where there is none."""
        items = np.flatnonzero(self.good)
        items = np.random.default_rng([_PHOTOS, self.recipe.seed, epoch]).permutation(items)
        found = np.full(self.known[0].size, -1, np.int64)
        found[self.product[items]] = items
        return found


def _levels(known: Supervision) -> list[tuple[int, float]]:
    """Levels of the labels that tell something of their own, and their shares: each is half of the finer one's."""
    levels: list[int] = []
    for at, labels in enumerate(known.labels):
        if known.classes(at) > 1 and not any(np.array_equal(labels, known.labels[other]) for other in levels):
            levels.append(at)
    shares = 0.5 ** np.arange(max(len(levels), 1))
    return list(zip(levels or [0], (shares / shares.sum()).tolist(), strict=True))


def _judged(known: Supervision) -> NDArray[np.int64]:
    """Pairs (k, 2) of different products, each once, without those that were judged both ways."""
    pairs = np.unique(np.sort(known.pairs, axis=1), axis=0)
    told = known.known(pairs[:, 0], pairs[:, 1])
    kept: NDArray[np.int64] = pairs[(pairs[:, 0] != pairs[:, 1]) & ~np.isnan(told)]
    return kept


def _alike(known: Supervision, product: Rows, level: int, items: Rows, others: Rows) -> Targets:
    """Other photos of a product are alike to it; an item counts neither way beside itself."""
    found = _views(known, product, items, others, level)
    itself = torch.from_numpy(items[:, None] == others[None, :])
    return Targets(found.positive, found.ignored | itself, found.classes, found.grades)


def _imitated(taught: Tensor, items: Rows, others: Rows) -> Targets:
    nothing = torch.zeros(len(items), len(others), dtype=torch.bool)
    return Targets(nothing, ~nothing, torch.full((len(items),), -1), wanted=taught[torch.from_numpy(items)])


def _views(known: Supervision, product: Rows, items: Rows, others: Rows, level: int = 0) -> Targets:
    return targets(known, product[items], product[others], level, own=True)
