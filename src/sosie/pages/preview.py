"""The page of what a training would learn from: augmented pictures and texts, mined pairs, classes, contradictions."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from sosie.pages.plots import columns
from sosie.pages.render import picture, render
from sosie.reports import Remark

SHOT_SIZE = 160  # pixels a side of a picture on the page, at most
TINY = 64  # pixels a side up to which a picture is shown pixel by pixel
LISTED = 24  # of the largest and of the smallest classes
SIZES = (1, 2, 5, 10, 20, 50, 100, 1000)  # of classes that are counted together, each up to this

Pixels = NDArray[np.uint8]  # (h, w, 3)


@dataclass(frozen=True, slots=True)
class Sample:
    """A product in a preview; `why` is what makes it alike or unlike another, in a few words."""

    id: str
    title: str = ""
    picture: str = ""  # reference of its first picture, "" for none
    why: str = ""


@dataclass(frozen=True, slots=True)
class Draws:
    """A product, and what augmentation makes of it: pictures (h, w, 3) uint8, texts, or both."""

    original: Sample
    pictures: Sequence[Pixels] = ()
    text: str = ""
    texts: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Triplet:
    """A product beside one that is to be alike and one that is not; None where there is none."""

    anchor: Sample
    positive: Sample | None
    negative: Sample | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a training would learn from, before it begins."""

    store: str
    version: str
    learns: str  # one sentence: what is learnt, from what
    counts: Mapping[str, int]  # of products, pictures, pairs …, as they are to be named
    draws: Sequence[Draws] = ()
    augmentation: Mapping[str, str] = field(default_factory=dict)  # setting -> value, of what is not off
    triplets: Sequence[Triplet] = ()
    classes: Mapping[str, int] = field(default_factory=dict)  # name -> products that would be learnt from
    contradictions: Sequence[tuple[Sample, Sample]] = ()  # said to be alike and not; `why` of the second: where
    contradictory: int = 0  # how many there are
    remarks: Sequence[Remark] = ()
    notes: Sequence[str] = ()
    reproduce: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Shot:
    """A product as it is shown."""

    sample: Sample
    source: str  # the picture as data; "" where there is none
    lacking: str  # what is said in its stead; "" where no product of the page has one
    css: str = ""


def preview_page(preview: Preview, title: str = "What it would learn from") -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, every text of a product escaped."""
    camera = _Camera(preview)
    ordered = sorted(preview.classes.items(), key=lambda one: (-one[1], one[0]))
    return render(
        "preview.html.j2",
        title=title,
        preview=preview,
        pictures=[
            (camera.shot(one.original), [_source(pixels) for pixels in one.pictures])
            for one in preview.draws
            if len(one.pictures)
        ],
        texts=[one for one in preview.draws if one.texts],
        triplets=[
            (camera.shot(one.anchor), camera.shot(one.positive, "right"), camera.shot(one.negative, "wrong"))
            for one in preview.triplets
        ],
        contradictions=[(camera.shot(one), camera.shot(other)) for one, other in preview.contradictions],
        most=ordered[0][1] if ordered else 0,
        largest=ordered[:LISTED],
        middle=ordered[LISTED:-LISTED],
        smallest=ordered[max(LISTED, len(ordered) - LISTED) :],
        sizes=_sizes(preview.classes.values()) if len(ordered) > LISTED else "",
    )


class _Camera:
    """Shows products; a picture is opened once a page."""

    def __init__(self, preview: Preview) -> None:
        shown = [one.original for one in preview.draws if len(one.pictures)]
        shown += [one.anchor for one in preview.triplets] + [one for pair in preview.contradictions for one in pair]
        self._any = any(one.picture for one in shown)
        self._picture = cache(lambda ref: picture(ref, SHOT_SIZE))

    def shot(self, sample: Sample | None, css: str = "") -> Shot | None:
        if sample is None:
            return None
        source = self._picture(sample.picture) if sample.picture else ""
        lacking = "picture can’t be read" if sample.picture else "no picture" if self._any else ""
        return Shot(sample, source, lacking, css)


def _source(pixels: Pixels) -> str:
    """A picture as a data: address; a tiny one without loss."""
    image = Image.fromarray(pixels)
    kind = "PNG" if max(image.size) <= TINY else "JPEG"
    image.thumbnail((SHOT_SIZE, SHOT_SIZE), reducing_gap=2.0)
    out = BytesIO()
    image.save(out, kind, quality=82, optimize=True)
    return f"data:image/{kind.lower()};base64,{b64encode(out.getvalue()).decode()}"


def _sizes(counts: Iterable[int]) -> Markup:
    """How many classes are of which size."""
    sizes = np.array(list(counts))
    names, values = [], []
    for least, most in zip((1, *(size + 1 for size in SIZES)), (*SIZES, sizes.max()), strict=True):
        if least <= sizes.max():
            names.append(f"{least}" if least == most else f"{least}–{most}" if most in SIZES else f"over {SIZES[-1]:,}")
            values.append(float(((sizes >= least) & (sizes <= most)).sum()))
    return columns(names, values, "products of a class", "classes")
