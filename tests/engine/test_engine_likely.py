"""Where a store is calibrated, hits tell how likely they are alike; elsewhere they don't, and it is said why."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from fake_snapshot import FakeSnapshot

from sosie.engine.questions import answer
from sosie.errors import StoreError
from sosie.metrics.calibration import Calibration, apply
from sosie.types import Product, Query

CURVE = Calibration("isotonic", (0.0, 0.5, 1.0), (0.1, 0.4, 0.9), {})


@dataclass
class Kept:
    """Stands for `store.Calibrated`: the engine asks it only these."""

    holding: bool = True
    curve: Calibration = CURVE
    truth: str = "label class"
    asked: list = field(default_factory=list)

    def holds(self, manifest):
        self.asked.append(manifest)
        return self.holding


@pytest.fixture
def snapshot(tmp_path):
    raw = np.random.default_rng(1).standard_normal((40, 6)).astype(np.float32)
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    products = [Product(f"p{at:02}", title=f"thing {at}") for at in range(40)]
    fake = FakeSnapshot(tmp_path, products, {"image": raw, "text": raw[::-1].copy()})
    fake.manifest = "the manifest"
    fake.calibration = Kept()
    return fake


def asked(snapshot, **query):
    return answer(snapshot, Query(like=("p00",), **query), None)


def test_each_hit_is_as_likely_as_the_curve_says_of_its_score(snapshot):
    found = asked(snapshot)
    assert found.alike == "label class"
    assert found.notes == ()
    assert [hit.likely for hit in found.hits] == np.round(apply(CURVE, [hit.score for hit in found.hits]), 4).tolist()
    assert len({hit.likely for hit in found.hits}) > 5
    assert snapshot.calibration.asked == ["the manifest"]


def test_weights_that_are_the_stores_own_change_nothing(snapshot):
    assert asked(snapshot, weights={"image": 1.0}).hits == asked(snapshot).hits


@pytest.mark.parametrize("where", ["weights", "signals", "damaged"])
def test_what_does_not_hold_is_not_stated_and_is_said(snapshot, where):
    if where == "signals":
        snapshot.calibration.holding = False
    if where == "damaged":

        class Damaged(FakeSnapshot):
            calibration = property(lambda self: (_ for _ in ()).throw(StoreError("calibration.json: is damaged")))

        del snapshot.calibration
        snapshot.__class__ = Damaged
    found = asked(snapshot, weights={"image": 2.0} if where == "weights" else None)
    assert found.hits
    assert {hit.likely for hit in found.hits} == {None}
    assert found.alike == ""
    (note,) = found.notes
    assert {"weights": "other weights", "signals": "calibrate again", "damaged": "damaged"}[where] in note


@pytest.mark.parametrize(
    "query",
    [Query(like=("p00", "p01")), Query(like=("p00",), unlike=("p01",)), Query(like=("p00",), text="thing")],
    ids=["two liked", "one not liked", "words too"],
)
def test_only_questions_about_one_product_are_calibrated(snapshot, query):
    class Encoder:
        def encode_query(self, query):
            return None

    found = answer(snapshot, query, lambda signal: Encoder())
    assert {hit.likely for hit in found.hits} == {None}
    assert found.notes == ()
    assert found.alike == ""
    assert snapshot.calibration.asked == []
