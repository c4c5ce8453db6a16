"""Several signals in one space, any of which may be missing, and two towers that meet."""

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.export import exported
from sosie.encoders.networks.fusion import (
    AllSignals,
    Multimodal,
    MultimodalSettings,
    TwoTower,
    TwoTowerSettings,
    withheld,
)

SIGNALS = (("image", 6), ("words", 4), ("price", 2))


def vectors(n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: F.normalize(torch.randn(n, dim, generator=generator), dim=1) for name, dim in SIGNALS}


def network(**settings: Any) -> Multimodal:
    torch.manual_seed(1)
    return Multimodal(MultimodalSettings(SIGNALS, **{"dim": 12, "width": 8, **settings}))


def shaken(made: torch.nn.Module) -> torch.nn.Module:
    """The network with random numbers where it starts at nothing."""
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim:
                parameter += 0.3 * torch.randn(parameter.shape)
    return made


def test_it_begins_as_the_weighted_sum_of_the_signals_similarities() -> None:
    """Of half-whitened vectors, each signal over the spread of its random pairs; 12 dimensions lose nothing."""
    given, weights = vectors(50), {"image": 2.0, "price": 0.5}
    made = network().eval()
    made.start(given, weights)
    wanted = torch.zeros(50, 50)
    for name, rows in given.items():
        centred = rows - rows.mean(0)
        left, spread, _ = torch.linalg.svd(centred, full_matrices=False)
        inner = (left * spread) @ left.T  # centred @ C^-1/2 @ centred.T, up to scale
        inner = inner / inner.diagonal().mean()
        spread = (inner**2).mean().sqrt()
        wanted += weights.get(name, 1.0) * inner / spread
    found = made(given) @ made(given).T
    scale = found.diagonal().sum() / wanted.diagonal().sum()
    torch.testing.assert_close(found, wanted * scale, atol=1e-4, rtol=1e-4)


def test_a_row_of_zeros_and_a_signal_not_to_be_looked_at_are_the_same() -> None:
    made = shaken(network()).eval()
    given = vectors(4)
    kept = torch.tensor([[True, True, False], [False, True, True], [True, True, True], [False, False, False]])
    zeroed = {name: rows * kept[:, at, None] for at, (name, rows) in enumerate(given.items())}
    found = made(given, kept)
    torch.testing.assert_close(found, made(zeroed))
    torch.testing.assert_close(found[2], made(given)[2])
    assert (found[[0, 1, 3]] - made(given)[[0, 1, 3]]).abs().max(1).values.min() > 0.01
    assert found[3].any()  # nothing known is a place of its own, not NaN


def test_rows_don_t_look_at_each_other_even_in_training() -> None:
    made = shaken(network(dropout=0.0, missing=0.0)).train()
    given = vectors(5)
    torch.testing.assert_close(made({name: rows[1:3] for name, rows in given.items()}), made(given)[1:3])


def test_training_withholds_as_often_as_asked_but_never_everything() -> None:
    torch.manual_seed(0)
    present = torch.rand(20_000, 3) < 0.7
    looked_at = present & withheld(present, 0.4)
    assert (looked_at.any(1) == present.any(1)).all()
    all_three = present.all(1)
    # withheld one by one (.4), unless all three would be (.4 ** 3): then nothing is
    assert looked_at[all_three].float().mean() == pytest.approx(0.6 + 0.4**3, abs=0.015)
    made = shaken(network(missing=0.9, dropout=0.0)).train()
    assert not torch.equal(made(vectors(9)), made(vectors(9)))


def test_gradients_reach_every_parameter(untouched: Any) -> None:
    made = network()
    made.start(vectors(30))
    wanted = torch.randn(40, 12)
    assert untouched(made, lambda: F.mse_loss(made(vectors(40)), wanted)) == []


def test_it_learns_to_say_from_either_signal_what_both_tell() -> None:
    """Eight classes, each seen in two signals: withheld one at question time, the other still finds them."""
    torch.manual_seed(0)
    seen = {"image": torch.randn(8, 6), "words": torch.randn(8, 4)}
    classes = torch.randint(8, (400,))
    given = {name: F.normalize(of[classes] + 0.2 * torch.randn(400, of.shape[1]), dim=1) for name, of in seen.items()}
    made = Multimodal(MultimodalSettings((("image", 6), ("words", 4)), 16, 16))
    made.start(given)

    def right(question: tuple[bool, bool], answers: tuple[bool, bool]) -> float:
        with torch.no_grad():
            made.eval()
            asked, there = (F.normalize(made(given, torch.tensor([k] * 400)), dim=1) for k in (question, answers))
        same = asked[:200] @ there[200:].T
        return float((classes[200:][same.argmax(1)] == classes[:200]).float().mean())

    before = right((True, False), (False, True))
    adam = torch.optim.Adam(made.parameters(), 0.01)
    proxies = torch.nn.Parameter(torch.randn(8, 16))
    adam.add_param_group({"params": [proxies]})
    for _ in range(80):
        made.train()
        logits = 8 * F.normalize(made(given), dim=1) @ F.normalize(proxies, dim=1).T
        adam.zero_grad()
        F.cross_entropy(logits, classes).backward()
        adam.step()
    assert before < 0.5
    assert right((True, False), (False, True)) > 0.9
    assert right((True, True), (True, False)) > 0.95


def towers() -> TwoTower:
    torch.manual_seed(2)
    pictures, words = MultimodalSettings((("image", 6),), 8, 8), MultimodalSettings((("words", 4),), 8, 8)
    return TwoTower(TwoTowerSettings(pictures, words))


def test_each_tower_needs_its_own_signals_alone() -> None:
    made, given = shaken(towers()).eval(), vectors(5)
    a, b = (F.normalize(rows, dim=1) for rows in (made.forward_a(given), made.forward_b(given)))
    torch.testing.assert_close(made(given), a + b)
    nothing = torch.zeros(5, 4)
    torch.testing.assert_close(made({"image": given["image"], "words": nothing}), a)
    torch.testing.assert_close(made({"image": torch.zeros(5, 6), "words": given["words"]}), b)
    assert not made({"image": torch.zeros(5, 6), "words": nothing}).any()


def test_the_gradient_reaches_both_towers(untouched: Any) -> None:
    made, given = towers(), vectors(20)

    def loss() -> torch.Tensor:
        a, b = (F.normalize(rows, dim=1) for rows in (made.forward_a(given), made.forward_b(given)))
        return F.cross_entropy(10 * a @ b.T, torch.arange(20))

    assert not [name for name in untouched(made, loss) if "absent" not in name]  # a tower's only signal is always there


def test_two_towers_learn_to_meet() -> None:
    """Words are a fixed turn of the picture: found among 60 once trained, and hardly before."""
    torch.manual_seed(0)
    pictures = F.normalize(torch.randn(120, 6), dim=1)
    given = {"image": pictures, "words": F.normalize(pictures @ torch.randn(6, 4), dim=1)}
    made = towers()

    def found() -> float:
        with torch.no_grad():
            a, b = (F.normalize(rows, dim=1) for rows in (made.eval().forward_a(given), made.forward_b(given)))
        return float(((b @ a.T)[:60].topk(10).indices == torch.arange(60)[:, None]).any(1).float().mean())

    before = found()
    adam = torch.optim.Adam(made.parameters(), 0.01)
    for _ in range(100):
        a, b = (F.normalize(rows, dim=1) for rows in (made.train().forward_a(given), made.forward_b(given)))
        logits = 10 * a @ b.T
        adam.zero_grad()
        F.cross_entropy(logits, torch.arange(120)).backward()
        adam.step()
    assert before < 0.3
    assert found() > 0.9


@pytest.mark.parametrize("kind", [network, towers])
def test_the_exported_network_is_the_same(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path))
    made, asked = AllSignals(shaken(kind())).eval(), vectors(7)
    asked["image"][1], asked["words"][2] = 0, 0
    asked = asked if kind is network else {name: asked[name] for name in ("image", "words")}
    given = {name: np.zeros((2, rows.shape[1]), np.float32) for name, rows in asked.items()}
    file = exported("network", kind.__name__, lambda: made, given, dict.fromkeys(given, ("n",)), nested="vectors")
    (found,) = onnxruntime.InferenceSession(str(file)).run(None, {name: rows.numpy() for name, rows in asked.items()})
    np.testing.assert_allclose(found, made(asked).detach().numpy(), atol=1e-4)
