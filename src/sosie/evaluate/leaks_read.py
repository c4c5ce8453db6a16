"""What is looked at for leaks: what questions and products tell of themselves, and which signals read it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sosie.catalog.names import FIELDS, compact
from sosie.engine.questions import EXACT
from sosie.evaluate.answers import defaults
from sosie.evaluate.task import Task
from sosie.scoring import chosen_weights
from sosie.store import Snapshot
from sosie.text import folded
from sosie.types import Mask, Product, Progress, Rows

BLOCK = 4_096  # products read at a time
PICTURES = 4  # of a product that are looked at, the first

READING = {
    "pictures": ("image", "colour", "patches"),
    "texts": ("text", "words", EXACT),
    "category": ("category",),
    "attributes": ("attributes",),
}
KNOWN = {"image", "colour", "patches", "text", "words", EXACT, "price", "category", "attributes", "reviews"}

GENERIC = {"code", "ref", "key", "reference"}  # names of columns that may number anything
PRODUCTS = {*FIELDS["group"], *FIELDS["id"]} - GENERIC
_USERS = """
user userid username uid customer customerid household householdid buyer buyerid member memberid client clientid
account accountid reviewer reviewerid visitor visitorid session sessionid sender senderid author authorid
photographer photographerid uploader uploaderid contributor contributorid owner ownerid 用户 用户id 上传者 作者
"""
USERS = frozenset(_USERS.split())


@dataclass(frozen=True, slots=True)
class Told:
    """What one question, or one product, tells of itself: keys that others may have, too."""

    titles: tuple[str, ...] = ()
    products: tuple[str, ...] = ()  # identifiers, and columns that number products
    users: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()  # references


def compared(snapshot: Snapshot, task: Task, weights: Mapping[str, float] | None) -> frozenset[str]:
    """Signals that the fused answer compares. Raises QuestionError for an unknown one."""
    chosen = chosen_weights(defaults(snapshot), weights)
    return frozenset(chosen if isinstance(task.asked, tuple) else chosen.keys() - {EXACT})  # words alone are literal


def reading(what: str, signals: Iterable[str]) -> list[str]:
    """Those of some signals that read pictures, texts, category or attributes.

    Nobody knows what vectors were made of that came from elsewhere: pictures and texts may be among it.
    """
    foreign = what in ("pictures", "texts")
    return sorted(signal for signal in signals if signal in READING[what] or (foreign and signal not in KNOWN))


def outside(task: Task) -> Mask:
    """Questions that are no product of the gallery: they are of another split, or words, or a picture, (questions,)."""
    if isinstance(task.asked, tuple):
        return np.ones(task.size, np.bool_)
    return ~np.isin(task.asked, task.gallery)


def read(snapshot: Snapshot, task: Task, progress: Progress | None = None) -> tuple[list[Told], list[Told]]:
    """What each question tells, and each row of the gallery. Columns that are the truth are left out."""
    labels = frozenset(task.labels)
    if isinstance(task.asked, tuple):
        asked = [
            Told(
                titles=_keys([query.text]),
                pictures=() if query.image is None else (str(query.image),),
            )
            for query in task.asked
        ]
        return asked, _read(snapshot, task.gallery, labels, progress)
    rows = np.union1d(task.asked, task.gallery)
    told = _read(snapshot, rows, labels, progress)
    return [told[at] for at in np.searchsorted(rows, task.asked).tolist()], [
        told[at] for at in np.searchsorted(rows, task.gallery).tolist()
    ]


def _read(snapshot: Snapshot, rows: Rows, labels: frozenset[str], progress: Progress | None) -> list[Told]:
    told = []
    for start in range(0, len(rows), BLOCK):
        told += [_told(product, labels) for product in snapshot.products(rows[start : start + BLOCK])]
        if progress is not None:
            progress("looking for leaks", len(told), len(rows))
    return told


def _told(product: Product, labels: frozenset[str]) -> Told:
    products: list[str] = []
    users: list[str] = []
    for name, value in product.identifiers.items():
        if name not in labels and value != product.id:
            maker = "" if name == "gtin" else product.brand
            products.append(f"{name} {maker} {value}" if name != "model" or maker else "")
    for name, value in product.other.items():
        if name not in labels and (key := compact(name)) in PRODUCTS | USERS:
            (users if key in USERS else products).append(f"{key} {value}")
    return Told(_keys([product.title]), _keys(products), _keys(users), product.images[:PICTURES])


def _keys(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(filter(None, (" ".join(folded(text).split()) for text in texts)))
