"""Losses: what makes embeddings of like products near, of unlike ones far."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from pytorch_metric_learning import losses as library
from torch import Tensor, nn
from torch.nn import functional

from sosie.config import Settings
from sosie.errors import TrainingError

LossName = Literal[
    "mse", "cross-entropy", "contrastive", "triplet", "info-nce", "supcon", "proxy-anchor", "arcface", "cosface"
]
OF_CLASSES = ("proxy-anchor", "arcface", "cosface")  # those that look at classes alone
EDGE = 1e-6  # how near to parallel an embedding and its class may come before the angle's slope is cut


class LossSettings(Settings):
    """Which loss, and its parameters; one that is None takes the loss's own default, see `make_loss`."""

    name: LossName = "info-nce"
    margin: Annotated[float, Field(ge=0, le=2)] | None = None
    temperature: Annotated[float, Field(gt=0, le=10)] | None = None
    smoothing: Annotated[float, Field(ge=0, lt=1)] | None = None  # of the classes, for what is a softmax over them
    cuts: tuple[Annotated[int, Field(ge=1)], ...] = ()  # Matryoshka: the first so many numbers serve as well


@dataclass(frozen=True, eq=False)
class Targets:
    """What a batch of n anchors and m candidates should come to."""

    positive: Tensor  # (n, m) bool: alike
    ignored: Tensor  # (n, m) bool: counts neither way; stronger than `positive`
    classes: Tensor  # (n,) int64; -1 = none
    grades: Tensor | None = None  # (n, m) float: wanted similarity from 0 to 1; NaN = unknown
    wanted: Tensor | None = None  # (n, dim) float: unit vectors that a teacher made of the anchors; zeros = none

    def to(self, device: torch.device | str) -> "Targets":
        """The same on another device."""
        grades = None if self.grades is None else self.grades.to(device)
        wanted = None if self.wanted is None else self.wanted.to(device)
        return Targets(self.positive.to(device), self.ignored.to(device), self.classes.to(device), grades, wanted)


@dataclass(frozen=True)
class _Pairs:
    """A batch as the pairwise losses see it."""

    cosines: Tensor  # (n, m)
    positive: Tensor  # (n, m) bool
    negative: Tensor  # (n, m) bool; what is in neither is ignored
    grades: Tensor | None


@dataclass(frozen=True)
class _Defaults:
    margin: float | None = None
    temperature: float | None = None
    smoothing: float | None = None


_OF_PAIRS = {
    "mse": _Defaults(),
    "cross-entropy": _Defaults(margin=0.5, temperature=0.1),
    "contrastive": _Defaults(margin=0.5),
    "triplet": _Defaults(margin=0.2),
    "info-nce": _Defaults(temperature=0.07),
    "supcon": _Defaults(temperature=0.1),
}
_BY_CLASS = {
    "cross-entropy": _Defaults(temperature=0.05, smoothing=0.0),
    "proxy-anchor": _Defaults(margin=0.1, temperature=1 / 32),
    "arcface": _Defaults(margin=0.3, temperature=1 / 32, smoothing=0.0),
    "cosface": _Defaults(margin=0.2, temperature=1 / 32, smoothing=0.0),
}


def make_loss(settings: LossSettings, dim: int, classes: int = 0) -> nn.Module:
    """A module that takes anchors (n, dim), candidates (m, dim) and `Targets`, and gives a scalar.

    Embeddings need no unit length, and are taken as float32. A batch that says nothing costs 0, with a gradient of
    zeros. All of them compare by the cosine:

    - mse: (cosine - wanted)², the wanted one from `grades` where there are any, else 1 and 0, alike and unlike halves.
    - cross-entropy: with `classes` a softmax over cosines to class vectors (Zhai and Wu, 2019), without any a sigmoid
      of (cosine - margin) / temperature, judged by grades as mse is (after Zhai et al., 2023).
    - contrastive: alike pairs to 1, unlike ones below the margin (Hadsell et al., 2006), in cosines.
    - triplet: an alike one nearer by the margin than a semi-hard unlike one (Schroff et al., 2015).
    - info-nce: which candidate is the anchor's, which anchor the candidate's (van den Oord et al., 2018): symmetric;
      with several positives each is told from the negatives alone.
    - supcon: all positives share the probability (Khosla et al., 2020, L_out).
    - proxy-anchor (Kim et al., 2020), arcface (Deng et al., 2019; margin in radians), cosface (Wang et al., 2018):
      class vectors, learnt with the network; they look at `classes` alone.

    With `cuts` the loss is the mean over the cut and the whole embeddings (Kusupati et al., 2022). Raises TrainingError
    for a parameter that the loss doesn't take, cuts beyond `dim`, and where there are no classes to tell apart.
    """
    if settings.cuts:
        beyond = [cut for cut in settings.cuts if cut >= dim]
        if beyond:
            raise TrainingError(f"loss.cuts: {beyond[0]} is not below the {dim} numbers of the embedding.")
        whole = settings.model_copy(update={"cuts": ()})
        cuts = (*sorted(set(settings.cuts)), dim)
        return _Matryoshka(cuts, [make_loss(whole, cut, classes) for cut in cuts])
    name = settings.name
    if name in OF_CLASSES and classes < 2:
        raise TrainingError(
            f"The loss {name} tells classes apart and found {classes}: give labels (--label), "
            "or choose a loss of pairs such as info-nce."
        )
    by_class = name in _BY_CLASS and classes > 0
    chosen = _chosen(settings, (_BY_CLASS if by_class else _OF_PAIRS)[name])
    return _ClassLoss(name, chosen, dim, classes) if by_class else _PairLoss(name, chosen)


def compares(loss: nn.Module) -> bool:
    """Whether a loss looks at candidates, and not at the anchors' classes alone."""
    return any(isinstance(part, _PairLoss) for part in loss.modules())


def _chosen(settings: LossSettings, defaults: _Defaults) -> _Defaults:
    given = {key: getattr(settings, key) for key in ("margin", "temperature", "smoothing")}
    given = {key: value for key, value in given.items() if value is not None}
    for key in given:
        if getattr(defaults, key) is None:
            raise TrainingError(f"loss.{key}: the loss {settings.name} has none; leave it out.")
    return replace(defaults, **given)


class _PairLoss(nn.Module):
    def __init__(self, name: str, settings: _Defaults) -> None:
        super().__init__()
        self.function, self.settings = _FUNCTIONS[name], settings

    def forward(self, anchors: Tensor, candidates: Tensor, targets: Targets) -> Tensor:
        with torch.autocast(anchors.device.type, enabled=False):
            cosines = functional.normalize(anchors.float()) @ functional.normalize(candidates.float()).T
            positive = targets.positive & ~targets.ignored
            negative = ~targets.positive & ~targets.ignored
            return self.function(_Pairs(cosines, positive, negative, targets.grades), self.settings)


class _ClassLoss(nn.Module):
    def __init__(self, name: str, settings: _Defaults, dim: int, classes: int) -> None:
        super().__init__()
        margin, temperature = settings.margin or 0.0, settings.temperature or 1.0
        self.loss: nn.Module
        match name:
            case "arcface":
                self.loss = _ArcFace(classes, dim, margin=math.degrees(margin), scale=1 / temperature)
            case "cosface":
                self.loss = library.CosFaceLoss(classes, dim, margin=margin, scale=1 / temperature)
            case "proxy-anchor":
                self.loss = library.ProxyAnchorLoss(classes, dim, margin=margin, alpha=1 / temperature)
            case _:
                self.loss = library.NormalizedSoftmaxLoss(classes, dim, temperature=temperature)
        if settings.smoothing:
            self.loss.cross_entropy = nn.CrossEntropyLoss(reduction="none", label_smoothing=settings.smoothing)

    def forward(self, anchors: Tensor, candidates: Tensor, targets: Targets) -> Tensor:
        with torch.autocast(anchors.device.type, enabled=False):
            known = targets.classes >= 0
            if not known.any():
                return anchors.float().sum() * 0
            loss: Tensor = self.loss(anchors.float()[known], targets.classes[known])
            return loss


class _ArcFace(library.ArcFaceLoss):  # type: ignore[misc]
    """The slope of the arc cosine is infinite at 1, where a class of one item ends up."""

    def get_angles(self, cosine_of_target_classes: Tensor) -> Tensor:
        return torch.acos(cosine_of_target_classes.clamp(-1 + EDGE, 1 - EDGE))


class _Matryoshka(nn.Module):
    def __init__(self, cuts: tuple[int, ...], losses: list[nn.Module]) -> None:
        super().__init__()
        self.cuts, self.losses = cuts, nn.ModuleList(losses)

    def forward(self, anchors: Tensor, candidates: Tensor, targets: Targets) -> Tensor:
        parts = [
            loss(anchors[:, :cut], candidates[:, :cut], targets)
            for cut, loss in zip(self.cuts, self.losses, strict=True)
        ]
        return torch.stack(parts).mean()


def _mse(pairs: _Pairs, settings: _Defaults) -> Tensor:
    return _judged(pairs, lambda wanted: (pairs.cosines - wanted) ** 2)


def _sigmoid(pairs: _Pairs, settings: _Defaults) -> Tensor:
    logits = (pairs.cosines - _value(settings.margin)) / _value(settings.temperature)
    return _judged(pairs, lambda wanted: functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none"))


def _judged(pairs: _Pairs, cost: Callable[[Tensor], Tensor]) -> Tensor:
    """Mean over pairs of known grade; without grades the mean of two means, or many unlike pairs drown the few."""
    if pairs.grades is not None:
        known = (pairs.positive | pairs.negative) & ~pairs.grades.isnan()
        return _mean(cost(pairs.grades.nan_to_num().to(pairs.cosines.dtype)), known)
    costs = cost(pairs.positive.to(pairs.cosines.dtype))
    return (_mean(costs, pairs.positive) + _mean(costs, pairs.negative)) / 2


def _contrastive(pairs: _Pairs, settings: _Defaults) -> Tensor:
    near, far = 1 - pairs.cosines, functional.relu(pairs.cosines - _value(settings.margin))
    return _mean(near, pairs.positive) + _mean(far, pairs.negative & (far > 0))


def _triplet(pairs: _Pairs, settings: _Defaults) -> Tensor:
    # The nearest negative beyond the positive, for the hardest of all makes embeddings collapse (Schroff et al.); where
    # all are nearer than the positive, the farthest of them.
    cosines = pairs.cosines.detach().contiguous()
    ordered, order = cosines.masked_fill(~pairs.negative, math.inf).sort(1)
    place = (torch.searchsorted(ordered, cosines) - 1).clamp(min=0)  # (n, m) of the negative for each positive
    far = pairs.cosines.gather(1, order.gather(1, place))
    cost = functional.relu(far - pairs.cosines + _value(settings.margin))
    return _mean(cost, pairs.positive & pairs.negative.any(1, keepdim=True) & (cost > 0))


def _info_nce(pairs: _Pairs, settings: _Defaults) -> Tensor:
    logits = pairs.cosines / _value(settings.temperature)
    there = _told_apart(logits, pairs.positive, pairs.negative)
    back = _told_apart(logits.T, pairs.positive.T, pairs.negative.T)
    return (there + back) / 2


def _told_apart(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    others = logits.masked_fill(~negative, -math.inf).logsumexp(1, keepdim=True)
    return _mean_of_anchors(functional.softplus(others - logits), positive)


def _supcon(pairs: _Pairs, settings: _Defaults) -> Tensor:
    logits = pairs.cosines / _value(settings.temperature)
    counted = pairs.positive | pairs.negative
    return _mean_of_anchors(logits.masked_fill(~counted, -math.inf).logsumexp(1, keepdim=True) - logits, pairs.positive)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum().clamp(min=1)


def _mean_of_anchors(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the anchors that have a positive of the mean over their positives."""
    counts = mask.sum(1)
    means = torch.where(mask, values, 0).sum(1) / counts.clamp(min=1)
    return means.sum() / (counts > 0).sum().clamp(min=1)


def _value(setting: float | None) -> float:
    assert setting is not None
    return setting


_FUNCTIONS: dict[str, Callable[[_Pairs, _Defaults], Tensor]] = {
    "mse": _mse,
    "cross-entropy": _sigmoid,
    "contrastive": _contrastive,
    "triplet": _triplet,
    "info-nce": _info_nce,
    "supcon": _supcon,
}
