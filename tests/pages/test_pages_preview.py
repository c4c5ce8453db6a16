import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from reading_pages import HOSTILE, Page

from sosie.pages import Draws, Preview, Sample, Triplet, preview_page
from sosie.reports import Remark


@pytest.fixture
def photo(tmp_path: Path) -> str:
    file = tmp_path / "red.jpg"
    Image.new("RGB", (800, 400), (200, 30, 30)).save(file)
    return str(file)


def preview(**fields: object) -> Preview:
    return Preview("a.store", "gen 1", "It would learn 3 classes.", {"products": 1234}, **fields)  # type: ignore[arg-type]


def decoded(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))


def test_each_product_is_beside_what_augmentation_makes_of_it(photo: str) -> None:
    tiny = np.random.default_rng(0).integers(0, 256, (7, 28, 28, 3), dtype=np.uint8)
    large = np.full((7, 400, 400, 3), 90, np.uint8)
    draws = [Draws(Sample("a", "Lamp", photo), tiny), Draws(Sample("b"), large)]
    page = Page(preview_page(preview(draws=draws, augmentation={"crop": "0.35", "flip": "0.5"})))
    sources = [one["src"] for one in page.all("img")]
    assert len(sources) == 15  # the picture of the second can't be shown
    assert all(np.array_equal(np.array(decoded(source)), one) for source, one in zip(sources[1:8], tiny, strict=True))
    assert all(decoded(source).size == (160, 160) for source in sources[8:])
    for words in ("Lamp", "no picture", "7 draws", "crop 0.35", "flip 0.5", "1,234", "It would learn 3 classes."):
        assert words in page.told, words


def test_pairs_tell_which_is_alike_and_why(photo: str) -> None:
    triplet = Triplet(
        Sample("a", "Lamp", photo),
        Sample("b", "Desk lamp", photo, "same type: lamp"),
        Sample("c", "Bulb", "", "cosine .8"),
    )
    page = Page(preview_page(preview(triplets=[triplet, Triplet(Sample("d", "Sofa"), None, None)])))
    assert len(page.classed("right")) == len(page.classed("wrong")) == 2  # a figure and its stamp
    assert page.told.count("none was found") == 2
    for words in ("Lamp", "Desk lamp", "same type: lamp", "Bulb", "cosine .8", "no picture", "not alike", "Sofa"):
        assert words in page.told, words


def test_without_any_picture_no_frame_stands_empty() -> None:
    triplet = Triplet(Sample("a", "Lamp"), Sample("b", "Desk lamp"), Sample("c", "Bulb"))
    draws = [Draws(Sample("a", "Lamp"), text="Desk lamp, red", texts=("Desk lamp", "lamp, red"))]
    page = Page(preview_page(preview(triplets=[triplet], draws=draws)))
    assert page.classed("frame") == []
    for words in ("Bulb", "Desk lamp, red", "lamp, red"):
        assert words in page.told


def test_contradictions_are_told_first_with_those_not_shown(photo: str) -> None:
    pairs = [(Sample("a", "Lamp", photo), Sample("b", "Bulb", photo, "alike in row 3, not in row 17"))]
    remark = Remark("one", "Two classes have one product.", "Give them another.")
    page = Page(preview_page(preview(contradictions=pairs, contradictory=1200, remarks=[remark], notes=["A note."])))
    words = page.told
    for said in ("1,200 pairs contradict", "alike in row 3, not in row 17", "1,199", "Two classes have one product."):
        assert said in words, said
    assert words.index("1,200 pairs") < words.index("row 17")
    assert "contradict" not in Page(preview_page(preview())).told.casefold()


def test_classes_by_size_and_none_twice() -> None:
    few = {"lamp": 20, "sofa": 5, "bulb": 1}
    page = Page(preview_page(preview(classes=few)))
    assert [rect["width"] for rect in page.all("rect")] == ["100.0%", "25.0%", "5.0%"]
    assert page.told.index("lamp") < page.told.index("sofa") < page.told.index("bulb")
    for count in (24, 25, 47, 60, 2000):
        classes = {f"class-{at:04}": at + 1 for at in range(count)}
        words = Page(preview_page(preview(classes=classes))).told
        assert all(words.count(name) == 1 for name in classes)


def test_sizes_of_many_classes_are_counted() -> None:
    sizes = [1] * 10 + [2] * 9 + [4] * 8 + [10] * 2 + [1000] * 3 + [2345]
    source = preview_page(preview(classes={f"c{at}": size for at, size in enumerate(sizes)}))
    told = [one["aria-label"] for one in Page(source).all("svg") if "aria-label" in one]
    said = "1: 10; 2: 9; 3–5: 8; 6–10: 2; 11–20: 0; 21–50: 0; 51–100: 0; 101–1000: 3; over 1,000: 1"
    assert told == [f"classes over products of a class: {said}"]


def test_nothing_a_product_says_can_act(photo: str) -> None:
    one = Sample(HOSTILE, HOSTILE, "", HOSTILE)
    source = preview_page(
        preview(
            draws=[Draws(one, np.zeros((1, 8, 8, 3), np.uint8), HOSTILE, (HOSTILE,))],
            augmentation={HOSTILE: HOSTILE},
            triplets=[Triplet(one, one, one)],
            classes={HOSTILE: 1},
            contradictions=[(one, one)],
            contradictory=1,
            remarks=[Remark(HOSTILE, HOSTILE, HOSTILE)],
            notes=[HOSTILE],
            reproduce={HOSTILE: HOSTILE},
        ),
        HOSTILE,
    )
    page = Page(source)
    assert page.all("script") == []
    assert len(page.all("img")) == 1
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert " style=" not in source
    assert HOSTILE in page.words
