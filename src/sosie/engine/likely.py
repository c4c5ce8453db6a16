"""What the scores of an answer stand for, where the store was calibrated: n of 10 such pairs are alike."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sosie.errors import StoreError
from sosie.metrics.calibration import apply
from sosie.scoring import DECIMALS
from sosie.types import Query

if TYPE_CHECKING:
    from sosie.store import Calibrated, Snapshot

AGAIN = "calibrate again: sosie calibrate"


def calibration_for(snapshot: "Snapshot", query: Query) -> "tuple[Calibrated | None, tuple[str, ...]]":
    """The calibration that holds for a question about one product, and a note where there is one that does not.

    It is of the default weights, of products asked about as they are, and of these very encoders and scales.
    """
    try:
        kept = snapshot.calibration
    except StoreError as error:
        return None, (str(error),)
    if kept is None:
        return None, ()
    if not kept.holds(snapshot.manifest):
        return None, (f"signals, weights or scales changed since scores were calibrated on {kept.truth}; {AGAIN}.",)
    if any(snapshot.weights.get(signal) != weight for signal, weight in (query.weights or {}).items()):
        return None, ("scores of other weights than the store's own are not calibrated: no 'n of 10' is stated.",)
    return kept, ()


def likely(calibrated: "Calibrated | None", scores: Sequence[float]) -> list[float | None]:
    """The share of pairs of each score that are alike; None without a calibration."""
    if calibrated is None:
        return [None] * len(scores)
    return [round(share, DECIMALS) for share in apply(calibrated.curve, scores).tolist()]
