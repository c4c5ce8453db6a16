"""Ways in which the truth may have reached the answers, looked for before any figure.

A leak is grave where figures would say more than they would of products never seen before: a right answer that is the
question itself in another guise, what crosses a split, a compared signal that was made from the truth. What customers
meet in the shop too is only told.
"""

from collections.abc import Mapping
from itertools import chain

from sosie.evaluate.leaks_pictures import picture_leaks
from sosie.evaluate.leaks_products import product_leaks
from sosie.evaluate.leaks_read import compared, read
from sosie.evaluate.leaks_signals import signal_leaks
from sosie.evaluate.leaks_texts import text_leaks
from sosie.evaluate.task import Task
from sosie.reports import Leak
from sosie.store import Snapshot
from sosie.types import Progress


def find_leaks(
    snapshot: Snapshot, task: Task, weights: Mapping[str, float] | None = None, progress: Progress | None = None
) -> tuple[Leak, ...]:
    """Every leak that is there, the grave ones first, with `weights` in place of the defaults they name.

    Raises QuestionError for weights of unknown signals.
    """
    signals = compared(snapshot, task, weights)
    asked, gallery = read(snapshot, task, progress)
    found = chain(
        product_leaks(snapshot, task, asked, gallery),
        picture_leaks(task, asked, gallery, signals, progress),
        text_leaks(snapshot, task, asked, gallery, signals),
        signal_leaks(snapshot, task, signals),
        task.leaks,
    )
    return tuple(sorted((leak for leak in found if leak is not None), key=lambda leak: not leak.grave))
