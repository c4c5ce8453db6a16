import math

import numpy as np
import pytest
import torch
from pytorch_metric_learning import losses as library
from torch.nn import functional

from sosie.errors import TrainingError
from sosie.train.losses import LossSettings, Targets, make_loss

PAIRS = ["mse", "cross-entropy", "contrastive", "triplet", "info-nce", "supcon"]
CLASSES = ["cross-entropy", "proxy-anchor", "arcface", "cosface"]
NEED_POSITIVES = ["triplet", "info-nce", "supcon"]


def case_of(seed, n=6, m=9, dim=4, graded=False):
    """Random embeddings and targets, among them ignored pairs and rows without a positive or a negative."""
    draw = np.random.default_rng(seed)
    anchors = torch.tensor(draw.normal(size=(n, dim)), dtype=torch.float32)
    candidates = torch.tensor(draw.normal(size=(m, dim)), dtype=torch.float32)
    positive, ignored = torch.tensor(draw.random((n, m)) < 0.3), torch.tensor(draw.random((n, m)) < 0.2)
    positive[0], positive[1] = False, True
    grades = None
    if graded:
        grades = torch.tensor(draw.random((n, m)), dtype=torch.float32)
        grades[torch.tensor(draw.random((n, m)) < 0.4)] = math.nan
    return anchors, candidates, Targets(positive, ignored, torch.tensor(draw.integers(-1, 3, n)), grades)


def loops(name, anchors, candidates, targets, margin, temperature):
    """The pairwise losses by plain loops over numbers."""
    a, c = (functional.normalize(x.double()).numpy() for x in (anchors, candidates))
    n, m = len(a), len(c)
    cos = [[float(a[i] @ c[j]) for j in range(m)] for i in range(n)]
    pos = [[bool(targets.positive[i, j] and not targets.ignored[i, j]) for j in range(m)] for i in range(n)]
    neg = [[bool(not targets.positive[i, j] and not targets.ignored[i, j]) for j in range(m)] for i in range(n)]
    cells = [(i, j) for i in range(n) for j in range(m)]

    def mean(values):
        return sum(values) / len(values) if values else 0.0

    if name in ("mse", "cross-entropy"):

        def cost(i, j, wanted):
            if name == "mse":
                return (cos[i][j] - wanted) ** 2
            p = 1 / (1 + math.exp(-(cos[i][j] - margin) / temperature))
            return -wanted * math.log(p) - (1 - wanted) * math.log(1 - p)

        if targets.grades is not None:
            known = [(i, j) for i, j in cells if (pos[i][j] or neg[i][j]) and not math.isnan(targets.grades[i, j])]
            return mean([cost(i, j, float(targets.grades[i, j])) for i, j in known])
        alike, unlike = [cost(i, j, 1) for i, j in cells if pos[i][j]], [cost(i, j, 0) for i, j in cells if neg[i][j]]
        return (mean(alike) + mean(unlike)) / 2
    if name == "contrastive":
        return mean([1 - cos[i][j] for i, j in cells if pos[i][j]]) + mean(
            [cos[i][j] - margin for i, j in cells if neg[i][j] and cos[i][j] > margin]
        )
    if name == "triplet":
        costs = []
        for i, j in cells:
            others = [cos[i][k] for k in range(m) if neg[i][k]]
            if pos[i][j] and others:
                below = [s for s in others if s < cos[i][j]]
                costs.append((max(below) if below else min(others)) - cos[i][j] + margin)
        return mean([x for x in costs if x > 0])

    def by_anchor(n, m, cos, pos, neg):
        means = []
        for i in range(n):
            own = []
            for j in range(m):
                if pos[i][j]:
                    others = [k for k in range(m) if neg[i][k] or (name == "supcon" and pos[i][k])]
                    if name == "info-nce":
                        others.append(j)
                    total = sum(math.exp(cos[i][k] / temperature) for k in others)
                    own.append(-math.log(math.exp(cos[i][j] / temperature) / total))
            means += [mean(own)] if own else []
        return mean(means)

    there = by_anchor(n, m, cos, pos, neg)
    if name == "supcon":
        return there
    return (there + by_anchor(m, n, *(list(zip(*x, strict=True)) for x in (cos, pos, neg)))) / 2


OWN = {"cross-entropy": (0.4, 0.3), "contrastive": (0.1, None), "triplet": (0.3, None), "mse": (None, None)}


@pytest.mark.parametrize("graded", [False, True])
@pytest.mark.parametrize("name", PAIRS)
def test_loss_of_pairs_equals_plain_loops(name, graded):
    margin, temperature = OWN.get(name, (None, 0.5))
    loss = make_loss(LossSettings(name=name, margin=margin, temperature=temperature), 4)
    for seed in range(8):
        case = case_of(seed, graded=graded)
        assert loss(*case).item() == pytest.approx(loops(name, *case, margin, temperature), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "theirs"), [("supcon", library.SupConLoss(0.5)), ("info-nce", library.NTXentLoss(0.5))]
)
def test_a_batch_of_classes_is_judged_as_by_the_library(name, theirs):
    labels = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])  # pairs: the library means over pairs, we over anchors
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(1))
    targets = Targets(labels[:, None] == labels, torch.eye(8, dtype=torch.bool), labels)
    ours = make_loss(LossSettings(name=name, temperature=0.5), 4)(x, x, targets)
    assert float(ours) == pytest.approx(float(theirs(x, labels)), rel=1e-5)


def class_vectors(loss):
    (vectors,) = loss.parameters()
    return functional.normalize(vectors if vectors.shape[1] == 4 else vectors.T).detach().double().numpy()


@pytest.mark.parametrize("smoothing", [None, 0.2])
@pytest.mark.parametrize("name", ["cross-entropy", "arcface", "cosface"])
def test_softmax_of_classes_equals_plain_loops(name, smoothing):
    margin, temperature = (None if name == "cross-entropy" else 0.25), 0.2
    settings = LossSettings(name=name, margin=margin, temperature=temperature, smoothing=smoothing)
    loss, (anchors, candidates, targets) = make_loss(settings, 4, 3), case_of(3, n=12)
    anchors = functional.normalize(anchors)
    vectors, costs = class_vectors(loss), []
    for x, label in zip(anchors.double().numpy(), targets.classes.tolist(), strict=True):
        if label < 0:
            continue
        logits = [float(x @ v) for v in vectors]
        if name == "cosface":
            logits[label] -= margin
        if name == "arcface":
            angle = math.acos(logits[label])
            far = logits[label] - margin * math.sin(margin)
            logits[label] = math.cos(angle + margin) if angle <= math.pi - margin else far
        logs = [z / temperature - math.log(sum(math.exp(y / temperature) for y in logits)) for z in logits]
        costs.append(-(1 - (smoothing or 0)) * logs[label] - (smoothing or 0) * sum(logs) / 3)
    assert len(costs) < 12
    assert loss(anchors, candidates, targets).item() == pytest.approx(sum(costs) / len(costs), rel=1e-4)


def test_proxy_anchor_equals_plain_loops():
    loss = make_loss(LossSettings(name="proxy-anchor", margin=0.2, temperature=0.25), 4, 5)
    anchors, candidates, targets = case_of(3, n=12)
    items = [
        (x, y) for x, y in zip(functional.normalize(anchors).double().numpy(), targets.classes.tolist(), strict=True)
    ]
    items = [(x, y) for x, y in items if y >= 0]
    alike = unlike = 0.0
    for proxy, vector in enumerate(class_vectors(loss)):
        alike += math.log(1 + sum(math.exp(-4 * (float(x @ vector) - 0.2)) for x, y in items if y == proxy))
        unlike += math.log(1 + sum(math.exp(4 * (float(x @ vector) + 0.2)) for x, y in items if y != proxy))
    expected = alike / len({y for _, y in items}) + unlike / 5
    assert loss(anchors, candidates, targets).item() == pytest.approx(expected, rel=1e-4)


ALL = [(name, 0) for name in PAIRS] + [(name, 3) for name in CLASSES]


def emptied(targets, what):
    if what == "all ignored":
        return Targets(targets.positive, torch.ones_like(targets.ignored), torch.full_like(targets.classes, -1))
    return Targets(torch.zeros_like(targets.positive), targets.ignored, targets.classes)


@pytest.mark.parametrize("what", ["all ignored", "no positive"])
@pytest.mark.parametrize(("name", "classes"), ALL)
def test_a_batch_that_says_nothing_costs_nothing_and_keeps_its_gradient(name, classes, what):
    loss, (anchors, candidates, targets) = make_loss(LossSettings(name=name), 4, classes), case_of(5)
    anchors.requires_grad_()
    value = loss(anchors, candidates, emptied(targets, what))
    value.backward()
    assert torch.isfinite(anchors.grad).all()
    if what == "all ignored" or name in NEED_POSITIVES:
        assert value.item() == 0
        assert not anchors.grad.any()


@pytest.mark.parametrize("cuts", [(), (2, 3)])
@pytest.mark.parametrize(("name", "classes"), ALL)
def test_descent_lowers_the_loss(name, classes, cuts):
    torch.manual_seed(0)
    loss, (anchors, candidates, targets) = make_loss(LossSettings(name=name, cuts=cuts), 4, classes), case_of(7)
    anchors.requires_grad_()
    before = loss(anchors, candidates, targets)
    before.backward()
    with torch.no_grad():
        moved = anchors - 1e-3 * anchors.grad / anchors.grad.norm()
    after = loss(moved, candidates, targets)
    assert 0 < after.item() < before.item()


@pytest.mark.parametrize(("name", "classes"), ALL)
def test_neither_length_nor_order_matters(name, classes):
    loss, (anchors, candidates, t) = make_loss(LossSettings(name=name), 4, classes), case_of(9)
    expected = loss(anchors, candidates, t).item()
    rows, columns = torch.tensor([3, 1, 5, 0, 2, 4]), torch.tensor([8, 0, 7, 1, 6, 2, 5, 3, 4])
    shuffled = Targets(t.positive[rows][:, columns], t.ignored[rows][:, columns], t.classes[rows])
    assert loss(anchors[rows] * 7, candidates[columns] / 3, shuffled).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", PAIRS)
def test_an_ignored_candidate_counts_neither_way(name):
    loss, (anchors, candidates, t) = make_loss(LossSettings(name=name), 4), case_of(11)
    ignored = t.ignored.clone()
    ignored[:, 4] = True
    kept = [j for j in range(9) if j != 4]
    without = Targets(t.positive[:, kept], t.ignored[:, kept], t.classes)
    expected = loss(anchors, candidates[kept], without).item()
    assert loss(anchors, candidates, Targets(t.positive, ignored, t.classes)).item() == pytest.approx(
        expected, rel=1e-5
    )


def test_matryoshka_is_the_mean_over_its_cuts():
    case = case_of(13)
    plain = make_loss(LossSettings(name="supcon"), 4)
    parts = [float(plain(case[0][:, :cut], case[1][:, :cut], case[2])) for cut in (1, 3, 4)]
    cut = make_loss(LossSettings(name="supcon", cuts=(3, 1)), 4)
    assert cut(*case).item() == pytest.approx(sum(parts) / 3, rel=1e-5)


def test_arcface_has_a_slope_where_an_embedding_lies_on_its_class():
    loss = make_loss(LossSettings(name="arcface"), 4, 3)
    (vectors,) = loss.parameters()
    anchors = vectors.detach().T.clone().requires_grad_()
    targets = Targets(torch.zeros(3, 3).bool(), torch.zeros(3, 3).bool(), torch.arange(3))
    loss(anchors, anchors, targets).backward()
    assert torch.isfinite(anchors.grad).all()
    assert torch.isfinite(vectors.grad).all()


def test_embeddings_of_half_precision_are_taken_as_float32():
    anchors, candidates, targets = case_of(15)
    anchors, candidates = anchors.bfloat16(), candidates.bfloat16()
    for name, classes in ALL:
        loss = make_loss(LossSettings(name=name), 4, classes)
        with torch.autocast("cpu", torch.bfloat16):
            value = loss(anchors, candidates, targets)
        assert value.dtype == torch.float32
        assert value.item() == pytest.approx(loss(anchors.float(), candidates.float(), targets).item(), rel=1e-6)


@pytest.mark.parametrize(
    ("settings", "classes", "told"),
    [
        (LossSettings(name="arcface"), 1, "found 1"),
        (LossSettings(name="info-nce", margin=0.1), 0, "loss.margin"),
        (LossSettings(name="supcon", smoothing=0.1), 0, "loss.smoothing"),
        (LossSettings(name="mse", cuts=(2, 8)), 0, "8 is not below the 4"),
    ],
)
def test_what_a_loss_cannot_do_is_told(settings, classes, told):
    with pytest.raises(TrainingError, match=told):
        make_loss(settings, 4, classes)
