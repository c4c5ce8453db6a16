"""What a store's scores stand for, kept beside its generations: "8 of 10 such pairs are alike"."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from sosie.errors import StoreError
from sosie.metrics.calibration import Calibration
from sosie.store.files import explained, sync_folder, write_atomic
from sosie.store.manifest import Manifest

FORMAT = 1
FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibrated:
    """A calibration, what it was learnt from, and the signals whose scores it holds for."""

    curve: Calibration
    truth: str  # what "alike" meant: "label class", "pairs.csv"
    pairs: int
    signals: Mapping[str, Mapping[str, Any]]  # as `signals_of` has them

    @classmethod
    def of(cls, manifest: Manifest, curve: Calibration, truth: str, pairs: int) -> Self:
        """A calibration of the scores of a store's default weights."""
        return cls(curve, truth, pairs, signals_of(manifest))

    def holds(self, manifest: Manifest) -> bool:
        """Whether scores are still made of the same encoders, scales and weights."""
        return self.signals == signals_of(manifest)


def signals_of(manifest: Manifest) -> dict[str, dict[str, Any]]:
    """What a score is made of; `sigma` tells one fit of a scale from another."""
    return {
        name: {"fingerprint": state.fingerprint, "weight": state.weight, "sigma": state.sigma}
        for name, state in manifest.signals.items()
        if state.weight > 0
    }


def keep_calibration(store: Path, calibrated: Calibrated) -> Path:
    """Write a calibration in place of a former one; returns its file. Raises StoreError."""
    file = store / FILE
    with explained(store, "keep its calibration"):
        write_atomic(file, json.dumps({"format": FORMAT} | asdict(calibrated), indent=1).encode())
    return file


def forget_calibration(store: Path) -> bool:
    """Remove a store's calibration; whether it had one. Raises StoreError."""
    file = store / FILE
    with explained(store, "forget its calibration"):
        there = file.exists()
        file.unlink(missing_ok=True)
        sync_folder(store)
    return there


def read_calibration(store: Path) -> Calibrated | None:
    """The calibration of a store, None where it has none; a stat where nothing changed. Raises StoreError: damaged."""
    file = store / FILE
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{file}: can't be read ({error.strerror}).") from error
    return _read(file, (status.st_mtime_ns, status.st_ino, status.st_size))


@lru_cache(maxsize=8)
def _read(file: Path, stamp: tuple[int, ...]) -> Calibrated:
    try:
        content = json.loads(file.read_bytes())
        if content["format"] > FORMAT:
            raise StoreError(f"{file}: was written by a newer sosie; calibrate again: sosie calibrate.")
        return Calibrated(
            Calibration.from_json(content["curve"]), str(content["truth"]), int(content["pairs"]), content["signals"]
        )
    except OSError as error:
        raise StoreError(f"{file}: can't be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreError(f"{file}: can't be understood ({error}); calibrate again: sosie calibrate.") from error
