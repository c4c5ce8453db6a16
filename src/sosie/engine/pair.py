"""Two products that somebody names: how alike they are, and in what."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sosie.engine.candidates import Candidates
from sosie.engine.likely import calibration_for, likely
from sosie.engine.patches import PATCHES
from sosie.engine.questions import Encoders, understand
from sosie.errors import QuestionError
from sosie.scoring import printed_parts
from sosie.types import Hit, Query

if TYPE_CHECKING:
    from sosie.store import Snapshot


def score_pair(
    snapshot: "Snapshot", a: str, b: str, encoders: Encoders, weights: Mapping[str, float] | None = None
) -> tuple[Hit, str, tuple[str, ...]]:
    """Product b as an answer to product a, at rank 1: its score, parts and missing signals, as `similar` has them.

    Also the truth by which it tells how likely they are alike ("" without a calibration), and notes. Raises
    QuestionError for an unknown id, and where nothing is known of a.
    """
    query = Query(like=(a,), weights=weights)
    candidates = Candidates.open(snapshot)
    sought = understand(candidates, query, encoders)
    row = snapshot.row(b)
    if row is None:
        raise QuestionError(f"there is no product '{b}'.")
    if sought is None:
        raise QuestionError(f"nothing is known of {a} in the signals asked for; it can't be compared.")
    rows = np.array([row], np.int64)
    parts = []
    for signal, share in sought.shares.items():
        if signal == PATCHES and sought.compared is not None:
            parts.append(sought.compared.parts(snapshot, rows))
        else:
            parts.append(candidates.cosines(signal, sought.vectors[signal], rows) * np.float32(share))
    scores, table = (values.tolist() for values in printed_parts(np.stack(parts, axis=1)))
    missing = tuple(signal for signal in sought.vectors if not candidates.vector(signal, row).any())
    calibrated, notes = calibration_for(snapshot, query)
    printed = dict(zip(sought.shares, table[0], strict=True))
    hit = Hit(snapshot.products(rows)[0], scores[0], 1, printed, missing, likely=likely(calibrated, scores)[0])
    return hit, calibrated.truth if calibrated is not None else "", notes
