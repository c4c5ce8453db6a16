"""What Lightning trains: a network, its losses and its optimiser; all that is random follows from seed and step."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from math import cos, pi
from typing import Any, NamedTuple

import torch
from lightning.pytorch import LightningModule
from torch import Generator, Tensor, nn

from sosie.encoders.networks.embedder import shares_by_layer
from sosie.errors import TrainingError
from sosie.train.inputs import Inputs, Tensors, one_side
from sosie.train.losses import Targets
from sosie.train.memory import Memory
from sosie.train.recipe import Recipe
from sosie.types import Rows

TRUNK = "trunk."  # stands in the names of pretrained parameters


class Batch(NamedTuple):
    """One step's items, as they are kept."""

    step: int
    epoch: int
    items: Tensor  # (n,) int64
    fetched: Tensors


class Objective(NamedTuple):
    """One thing to learn: anchors and candidates are embedded, and compared as `targets` of their items says."""

    weight: float
    embed: Callable[["Learner", Batch], tuple[Tensor, Tensor]]
    targets: Callable[[Rows, Rows], Targets]
    loss: nn.Module


class Cost(NamedTuple):
    """One thing to learn that compares nothing: what a batch costs by itself."""

    weight: float
    of: Callable[["Learner", Batch], Tensor]
    loss: nn.Module = nn.Identity()  # has nothing to learn


class Learner(LightningModule):
    """A network under training. `objectives` are added up by their weights."""

    def __init__(
        self, network: nn.Module, inputs: Inputs, objectives: Sequence[Objective | Cost], recipe: Recipe, steps: int
    ) -> None:
        super().__init__()
        self.network = network
        self.losses = nn.ModuleList([objective.loss for objective in objectives])
        self.inputs, self.recipe, self.steps = inputs, recipe, steps
        self.objectives = [one for one in objectives if isinstance(one, Objective)]
        self.costs = [one for one in objectives if isinstance(one, Cost)]
        self.ways = list(dict.fromkeys(objective.embed for objective in self.objectives))
        self.memories = nn.ModuleList([Memory(recipe.memory, recipe.dim) for _ in self.ways if recipe.memory])

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """The loss of a batch. Raises TrainingError where it is no number."""
        torch.manual_seed(_seed(self.recipe.seed, batch.step))  # dropout and its like
        rows = batch.items.cpu().numpy()
        embedded = {way: self._with_memory(at, way(self, batch), batch) for at, way in enumerate(self.ways)}
        parts = [cost.weight * cost.of(self, batch) for cost in self.costs]
        for objective in self.objectives:
            anchors, candidates, others = embedded[objective.embed]
            targets = objective.targets(rows, others.cpu().numpy()).to(anchors.device)
            parts.append(objective.weight * objective.loss(anchors, candidates, targets))
        loss = torch.stack(parts).sum()
        if not torch.isfinite(loss):
            raise NotANumberError(batch.step, batch.epoch, rows)
        return loss

    def _with_memory(self, at: int, embedded: tuple[Tensor, Tensor], batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors, candidates with those that are remembered from the steps before, and the items of these."""
        anchors, candidates = embedded
        if not self.memories or batch.step < self.warm:  # what is embedded in the warm-up is soon out of date
            return anchors, candidates, batch.items
        memory: Memory = self.memories[at]  # type: ignore[assignment]
        remembered, items = memory.contents()
        memory.push(candidates, batch.items)
        return anchors, torch.cat([candidates, remembered]), torch.cat([batch.items, items])

    @property
    def warm(self) -> int:
        """Steps in which the rate grows."""
        return round(self.recipe.warmup * self.steps)

    def learning(self, batch: Batch, view: int = 0) -> Tensors:
        """What the network reads in a step, augmented; another `view` is drawn independently."""
        generator = Generator()  # on the CPU, so that every device sees the same
        generator.manual_seed(_seed(self.recipe.seed, batch.step) + 7_919 * view)
        return self.inputs.learning(batch.fetched, batch.epoch, generator)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's union of a dozen types
        """The optimiser and its rate: a warm-up, then a cosine down to nothing."""
        optimiser = make_optimiser(self.network, self.losses, self.recipe)
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, self.share_of_rate)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def share_of_rate(self, step: int) -> float:
        """Share of the full rate at a step."""
        warm = self.warm
        if step < warm:
            return (step + 1) / (warm + 1)
        return 0.5 * (1 + cos(pi * min((step - warm) / max(self.steps - warm, 1), 1.0)))


class NotANumberError(TrainingError):
    """The loss of a batch is no number any more."""

    def __init__(self, step: int, epoch: int, items: Rows) -> None:
        super().__init__(f"the loss is no number in epoch {epoch + 1}, step {step + 1}.")
        self.items = items


def embed_alike(learner: Learner, batch: Batch) -> tuple[Tensor, Tensor]:
    """Each item once: candidates are the anchors."""
    anchors = learner.network(**learner.learning(batch))
    return anchors, anchors


def embed_views(learner: Learner, batch: Batch) -> tuple[Tensor, Tensor]:
    """Each item augmented twice (Chen et al., "SimCLR", 2020)."""
    first, second = learner.learning(batch, 0), learner.learning(batch, 1)
    both = learner.network(**joined(first, second))
    anchors, candidates = both.chunk(2)
    return anchors, candidates


def embed_towers(learner: Learner, batch: Batch) -> tuple[Tensor, Tensor]:
    """Each item by its pictures, and by its words (Radford et al., "CLIP", 2021)."""
    read = learner.learning(batch)["vectors"]
    return learner.network(one_side(read, words=False)), learner.network(one_side(read, words=True))


def joined(first: Tensors, second: Tensors) -> Tensors:
    """Two batches as one; texts of other lengths are padded with zeros."""
    return {
        name: joined(a, second[name]) if isinstance(a, dict) else _joined(a, second[name]) for name, a in first.items()
    }


def _joined(first: Tensor, second: Tensor) -> Tensor:
    if first.ndim == 2 and first.shape[1] != second.shape[1]:
        longest = max(first.shape[1], second.shape[1])
        first, second = (nn.functional.pad(rows, (0, longest - rows.shape[1])) for rows in (first, second))
    return torch.cat([first, second])


def make_optimiser(network: nn.Module, losses: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimiser of a recipe: pretrained weights at a rate of their own, norms and biases without decay."""
    shares = shares_by_layer(network, recipe.layer_decay)
    start_rate = recipe.rate if recipe.start_rate is None else recipe.start_rate
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in (*network.named_parameters(), *losses.named_parameters()):
        if parameter.requires_grad:
            rate = start_rate * shares[name] if TRUNK in name else recipe.rate
            groups.setdefault((rate, recipe.decay if parameter.ndim > 1 else 0.0), []).append(parameter)
    chosen = [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]
    match recipe.optimiser:
        case "sgd":
            return torch.optim.SGD(chosen, momentum=0.9, nesterov=True)
        case "adam":
            return torch.optim.Adam(chosen)
    return torch.optim.AdamW(chosen)


def parameters_of(learner: Learner) -> Iterator[nn.Parameter]:
    """All that is learnt."""
    return chain(learner.network.parameters(), learner.losses.parameters())


def _seed(seed: int, step: int) -> int:
    return seed * 1_000_003 + step
