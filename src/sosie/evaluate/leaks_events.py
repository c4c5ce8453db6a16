"""The future in events: what was taken after that which is to be found."""

from collections.abc import Iterator

import numpy as np

from sosie.evaluate.history import History, Parted
from sosie.reports import Leak
from sosie.types import Rows

SHOWN = 5


def event_leaks(history: History, parted: Parted, asking: Rows) -> Iterator[Leak]:
    """Future events of the user who asks, which are left out, and of others, which only popularity knows.

    `asking` are the users who ask. Neither is grave: no answer of the store is made from the events of others (Ji et
    al., "A critical study on data leakage in recommender system offline evaluation", 2023, tell of those that are).
    """
    if not history.truth.has("time"):
        return
    frame, seconds, user = history.truth.frame, history.seconds, history.user
    if parted.early is not None:
        some = frame[parted.early[:SHOWN].tolist()]
        total = len(parted.early) + int(parted.before.sum())
        yield Leak(
            "future-events",
            len(parted.early),
            total,
            False,
            f"{len(parted.early):,} of {total:,} events that should come before come after what the same user "
            "is to be found to take: left out.",
            "Split the events by time.",
            tuple(zip(some["user"].to_list(), some["product"].to_list(), strict=True)),
        )
    sought = np.full(int(user[-1]) + 1, np.inf)
    np.minimum.at(sought, user[parted.later], seconds[parted.later])
    latest = seconds[parted.before].max()
    count = int((sought[asking] < latest).sum())
    if count:
        yield Leak(
            "others-future",
            count,
            len(asking),
            False,
            f"Of {count:,} of {len(asking):,} users something is to be found that was taken before the last of the "
            "events that count as earlier: popularity knows what others did later.",
            "Part the events by a time (--at) to have all that is earlier before all that is to be found.",
        )
