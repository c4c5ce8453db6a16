"""What a store's scores stand for is kept beside its generations, and holds as long as scores are made the same way."""

from dataclasses import replace

import pytest
from filled import filled, write_state

from sosie.errors import StoreError
from sosie.metrics.calibration import Calibration
from sosie.store import Calibrated, LocalStore, forget_calibration, keep_calibration, read_calibration
from sosie.store.calibration import FILE, FORMAT

CURVE = Calibration("platt", (0.1, 0.5), (0.2, 0.8), {"platt": 0.4, "beta": 0.5, "isotonic": 0.45})


def kept(folder):
    manifest = LocalStore.open(folder).snapshot().manifest
    keep_calibration(folder, Calibrated.of(manifest, CURVE, "label class", 400))


def test_a_store_without_one_has_none(tmp_path):
    filled(tmp_path / "store")
    assert LocalStore.open(tmp_path / "store").snapshot().calibration is None


def test_what_is_kept_is_read_again(tmp_path):
    filled(tmp_path / "store")
    kept(tmp_path / "store")
    snapshot = LocalStore.open(tmp_path / "store").snapshot()
    found = snapshot.calibration
    assert found == Calibrated.of(snapshot.manifest, CURVE, "label class", 400)
    assert found.holds(snapshot.manifest)
    kept_later = replace(found, truth="pairs.csv")
    keep_calibration(tmp_path / "store", kept_later)
    assert snapshot.calibration == kept_later  # seen by whoever has the store open


def test_it_holds_after_changes_and_not_for_other_encoders_scales_or_weights(tmp_path):
    store = filled(tmp_path / "store")
    kept(tmp_path / "store")
    write_state(store, 2, rebuild=False)
    snapshot = store.snapshot()
    assert snapshot.calibration.holds(snapshot.manifest)
    assert not snapshot.calibration.holds(snapshot.manifest.with_weights({"text": 0.3}))
    state = snapshot.manifest.signals["text"]
    for other in (replace(state, fingerprint="another"), replace(state, sigma=0.123)):
        assert not snapshot.calibration.holds(replace(snapshot.manifest, signals={"text": other}))
    more = {"text": state, "look": replace(state, weight=1.0)}
    assert not snapshot.calibration.holds(replace(snapshot.manifest, signals=more))
    silent = {"text": state, "look": replace(state, weight=0.0)}  # a signal that counts nothing changes no score
    assert snapshot.calibration.holds(replace(snapshot.manifest, signals=silent))
    write_state(store, 3, rebuild=True)  # its encoder's fingerprint is another
    snapshot = store.snapshot()
    assert not snapshot.calibration.holds(snapshot.manifest)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "curve": {"method": "platt", "scores": [0, 1], "likely": [1, 0], "losses": {}}, '
        b'"truth": "x", "pairs": 1, "signals": {}}',
        f'{{"format": {FORMAT + 1}}}'.encode(),
    ],
    ids=["empty", "no object", "nothing in it", "a curve that falls", "newer"],
)
def test_a_damaged_one_is_told(tmp_path, content):
    filled(tmp_path / "store")
    (tmp_path / "store" / FILE).write_bytes(content)
    with pytest.raises(StoreError, match="sosie calibrate"):
        read_calibration(tmp_path / "store")


def test_a_rollback_takes_it_back_to_what_it_holds_for(tmp_path):
    store = filled(tmp_path / "store")
    kept(tmp_path / "store")
    write_state(store, 2, rebuild=True)
    snapshot = store.snapshot()
    assert not snapshot.calibration.holds(snapshot.manifest)
    store.rollback()
    snapshot = store.snapshot()
    assert snapshot.calibration.holds(snapshot.manifest)


def test_a_calibration_is_forgotten(tmp_path):
    filled(tmp_path / "store")
    kept(tmp_path / "store")
    assert forget_calibration(tmp_path / "store")
    assert LocalStore.open(tmp_path / "store").snapshot().calibration is None
    assert not forget_calibration(tmp_path / "store")
