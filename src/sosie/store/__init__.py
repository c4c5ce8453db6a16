"""Where products and vectors are kept. The embedded store is a folder."""

from sosie.store.appending import Appender, records_of
from sosie.store.cache import VectorCache
from sosie.store.calibration import Calibrated, forget_calibration, keep_calibration, read_calibration
from sosie.store.local import LocalStore
from sosie.store.rebuild import NewGeneration
from sosie.store.snapshot import Snapshot
from sosie.store.writer import CHANGED, LIVE, NEW, UNCHANGED, Known, Writer

__all__ = [
    "CHANGED",
    "LIVE",
    "NEW",
    "UNCHANGED",
    "Appender",
    "Calibrated",
    "Known",
    "LocalStore",
    "NewGeneration",
    "Snapshot",
    "VectorCache",
    "Writer",
    "forget_calibration",
    "keep_calibration",
    "read_calibration",
    "records_of",
]
