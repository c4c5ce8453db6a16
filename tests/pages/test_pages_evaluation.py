import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_up_reports import CHECKS, EVALUATION, OWN, PAIRS, TITLES, answers, case, figure, metrics, rival
from PIL import Image
from reading_pages import HOSTILE, Page

from sosie.pages import evaluation_page, wording
from sosie.pages.wording import bounds, number
from sosie.reports import Case, Evaluation, Figure, Leak, Slice

MINUS = "−"


def figures_of(report: Evaluation) -> list[Figure]:
    """Every figure that a report holds."""
    return [
        *report.metrics.values(),
        *(found for one in report.baselines for found in one.metrics.values()),
        *(one.difference for one in report.baselines if one.difference),
        *(one.figure for one in report.slices),
        *(found for by in report.labels.values() for found in by.values()),
    ]


def numbers_of(report: Evaluation) -> set[str]:
    """Every number with three decimals that a page of the report may print."""
    told = [end for one in figures_of(report) for end in (one.value, one.low, one.high)]
    told += [one.rest for one in report.slices] + [one.p for one in report.slices]
    told += [one.p for one in report.baselines if one.p is not None]
    told += [one.value for one in (*report.worst, *report.best)]
    told += [hit.score for one in (*report.worst, *report.best) for hit in one.hits]
    told += list(report.lists.values())
    told += [end for one in report.reliability for end in (one.low, one.high, one.stated, one.found)]
    return {f"{abs(value):.3f}" for value in told} | {"0.001"}  # p below it are told as <0.001


@pytest.mark.parametrize("report", [EVALUATION, PAIRS, CHECKS], ids=["lists", "pairs", "self-checks"])
def test_every_number_of_the_page_is_one_of_the_report(report: Evaluation) -> None:
    told = set(re.findall(r"(?<![\d.])\d+\.\d{3}(?!\d)", Page(evaluation_page(report)).told))
    assert len(told) > 3
    assert told <= numbers_of(report)


def test_every_figure_is_printed_with_its_interval() -> None:
    words = Page(evaluation_page(EVALUATION)).told
    for one in [*EVALUATION.metrics.values(), *(f for other in EVALUATION.baselines for f in other.metrics.values())]:
        assert number(one.value) in words
        assert bounds(one) in words
    for part in EVALUATION.slices:
        assert bounds(part.figure) in words
    for one in EVALUATION.baselines:
        assert one.difference is not None
        assert wording.signed(one.difference.value) in words


def test_the_verdict_comes_first_then_leaks_then_figures() -> None:
    source = evaluation_page(EVALUATION)
    places = [source.index(f'id="{id}"') for id in ("leaks", "beside", "measures", "slices", "worst", "reproduce")]
    assert places == sorted(places)
    heading = source.index("In 85 of 100 questions, the first answer is right")
    assert heading < source.index("does not beat words alone and tf-idf") < places[0]
    for words in ("1,928", "7,660", "left out of the figures", EVALUATION.truth):
        assert source.index(words) < places[0]


def test_leaks_that_inflate_figures_raise_the_alarm() -> None:
    page = Page(evaluation_page(EVALUATION))
    assert "1 leak inflates them" in page.words
    assert len(page.classed("grave")) == 1
    for leak in (OWN, TITLES):
        assert leak.what in page.words
        assert leak.advice in page.words
        assert all(id in page.words for example in leak.examples for id in example)
    calm = Page(evaluation_page(replace(EVALUATION, leaks=(TITLES,))))
    assert calm.classed("alarm") == calm.classed("grave") == []
    assert "None was found" in Page(evaluation_page(replace(EVALUATION, leaks=()))).words


def test_answers_are_told_apart_by_more_than_colour() -> None:
    page = Page(evaluation_page(replace(EVALUATION, worst=(case(0.0, 0, 1, 0, missed=2),), best=())))
    assert [("right" in one["class"]) for one in page.classed("stamp")] == [False, True, False]
    gallery = page.told[page.told.index("Worst questions") :]
    assert re.findall(r"^(right|wrong)$", gallery, re.MULTILINE) == ["wrong", "right", "wrong"]
    assert "relevant, but not among them" in page.words
    assert "Lamp m1" in page.words
    assert "12 relevant" in page.words


def test_grades_are_told_where_there_are_more_than_two() -> None:
    assert "grade 1" not in Page(evaluation_page(replace(EVALUATION, worst=(case(0.5, 0, 1),), best=()))).told
    assert "grade 2.5" in Page(evaluation_page(replace(EVALUATION, worst=(case(0.5, 0, 2.5),), best=()))).told


def test_rivals_are_marked_by_whether_they_are_beaten() -> None:
    worse = replace(EVALUATION, baselines=(*EVALUATION.baselines, rival("pixels", "baseline", 0.9)))
    page = Page(evaluation_page(replace(worse, beaten_by=("words", "tf-idf", "pixels"))))
    rows = {
        name: next(line for line in re.findall(rf"\n{name}\n(.*?)\n\n", page.told, re.DOTALL))
        for name in ("image", "words", "random", "tf-idf", "pixels")
    }
    verdicts = {name: next(v for v in ("not beaten", "beaten", "better") if v in row) for name, row in rows.items()}
    assert verdicts == {
        "image": "beaten", "words": "not beaten", "random": "beaten", "tf-idf": "not beaten", "pixels": "better",
    }  # fmt: skip


def test_slices_beyond_chance_are_marked() -> None:
    page = Page(evaluation_page(EVALUATION))
    assert [row["class"] for row in page.all("tr") if row.get("class") in ("worse", "better")] == ["worse", "better"]
    assert "▼ worse" in page.words
    assert "▲ better" in page.words


def test_many_slices_can_be_opened() -> None:
    slices = tuple(Slice("category", f"c{at}", figure(0.5 + at / 100), 0.8, 1.0, "") for at in range(40))
    page = Page(evaluation_page(replace(EVALUATION, slices=slices)))
    assert "26 more" in page.words
    assert all(f"c{at}" in page.words for at in range(40))


def test_the_best_of_each_measure_is_marked_even_if_it_is_a_rival() -> None:
    source = evaluation_page(EVALUATION)
    assert re.findall(r'class="top1">([\d.]+)<', source) == ["0.851", number(0.851 / 3), number(0.851 * 0.97)]
    assert re.findall(r'class="top1">([\d.]+)<', evaluation_page(PAIRS)) == ["0.831", "0.017"]  # of errors, the least


def test_pairs_have_a_reliability_plot_and_table() -> None:
    page = Page(evaluation_page(PAIRS))
    assert len(page.classed("square")) == 1
    for words in ("0.221", "0.253", "900", "share of the pairs called alike that are alike"):
        assert words in page.told, words
    assert page.told.index("pairs") < page.told.index("products in them")


def test_self_checks_claim_nothing_of_quality() -> None:
    page = Page(evaluation_page(CHECKS))
    assert "No truth was given" in page.words
    assert "photo cropped" in page.words
    assert "0.967" in page.told
    assert 'id="leaks"' not in evaluation_page(CHECKS)


def test_an_evaluation_with_nothing_in_it_is_a_page() -> None:
    nothing = replace(CHECKS, metrics={}, measure="", worst=(), notes=(), reproduce={}, slices=(), queries=0, gallery=0)
    assert Page(evaluation_page(nothing)).all("h1")
    nan = Figure(math.nan, math.nan, math.nan, 0)
    page = Page(evaluation_page(replace(EVALUATION, metrics=metrics(0.8) | {"hit@1": nan}, baselines=(), slices=())))
    assert "can’t be told" in page.words


def test_nothing_a_catalogue_says_can_act() -> None:
    bad = replace(
        EVALUATION,
        store=HOSTILE,
        truth=HOSTILE,
        baselines=(rival(HOSTILE, "signal", 0.5), rival(HOSTILE, "baseline", 0.5)),
        slices=(Slice(HOSTILE, HOSTILE, figure(0.5), 0.5, 0.01, "worse"),),
        leaks=(Leak(HOSTILE, 1, 1, True, HOSTILE, HOSTILE, ((HOSTILE, HOSTILE),)),),
        worst=(Case(HOSTILE, HOSTILE, HOSTILE, 0.0, 1, answers(0, picture=HOSTILE, prefix=HOSTILE)),),
        notes=(HOSTILE,),
        reproduce={HOSTILE: HOSTILE},
        labels={HOSTILE: metrics(0.5)},
        lists={HOSTILE: 0.5},
    )
    source = evaluation_page(bad)
    page = Page(source)
    assert page.all("script") == page.all("img") == page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.words
    assert " style=" not in source
    assert not any({"href", "src", "srcset"} & attributes.keys() for _, attributes in page.elements)
    assert "url(" not in source


def test_tables_can_be_heard() -> None:
    page = Page(evaluation_page(EVALUATION))
    assert all(cell.get("scope") in ("row", "col", "rowgroup") for cell in page.all("th"))
    assert all(plot.get("aria-label") for plot in page.classed("interval"))
    assert all(one.get("tabindex") == "0" and one.get("aria-labelledby") for one in page.classed("wide"))
    named = {one["id"] for _, one in page.elements if "id" in one}
    assert {one["aria-labelledby"] for _, one in page.elements if "aria-labelledby" in one} <= named
    assert all("alt" in one for one in page.all("img"))


def test_pictures_keep_the_page_small(tmp_path: Path) -> None:
    noise = np.random.default_rng(0)
    cases = []
    for at in range(16):
        file = tmp_path / f"{at}.jpg"
        Image.fromarray(noise.integers(0, 255, (600, 600, 3), np.uint8)).save(file, quality=90)
        cases.append(case(0.0, *[0] * 10, picture=str(file), missed=3))
    source = evaluation_page(replace(EVALUATION, worst=tuple(cases[:8]), best=tuple(cases[8:])))
    assert len(Page(source).all("img")) == 16 * 14
    assert len(source) < 6e6  # although noise is what JPEG can compress least


@pytest.mark.parametrize(
    ("measure", "value", "said", "reach"),
    [
        ("hit@1", Figure(0.843, 0.812, 0.871, 9), "In 84 of 100 questions, the first answer is right", "81 to 87"),
        ("hit@5", Figure(0.9, 0.8, 1.0, 9), "In 90 of 100 questions, one of the first 5 answers is right", "80 to 100"),
        ("recall@10", Figure(0.002, 0.0, 0.004, 9), "hold 2 of 1,000 relevant products", "0 to 4"),
        ("roc_auc", Figure(0.98, 0.97, 0.99, 9), "98 times of 100", "97 to 99"),
        ("ece", Figure(0.021, 0.018, 0.03, 9), "ece is 0.021", "0.018 to 0.030"),
    ],
)
def test_the_headline_is_plain(measure: str, value: Figure, said: str, reach: str) -> None:
    sentence, between = wording.headline(measure, value)
    assert said in sentence
    assert between == reach


def test_the_verdict_on_rivals_is_honest() -> None:
    def told(beaten_by: tuple[str, ...], *rivals: object) -> str:
        return wording.rivals(replace(EVALUATION, baselines=rivals, beaten_by=beaten_by))  # type: ignore[arg-type]

    image, tfidf, best = (
        rival("image", "signal", 0.8),
        rival("tf-idf", "baseline", 0.84),
        rival("pixels", "baseline", 0.95),
    )
    assert told(()) == ""
    assert told((), image, tfidf) == (
        "The fused answer is better than its one signal and the one baseline, by more than chance."
    )
    assert told(("tf-idf",), image, tfidf) == (
        "The fused answer does not beat tf-idf by more than chance. It beats the other one."
    )
    assert told(("pixels", "image"), image, best) == (
        "Pixels is better than the fused answer. The fused answer does not beat image alone by more than chance."
    )


def test_numbers_that_are_none_are_dashes() -> None:
    assert number(math.nan) == "–"
    assert wording.signed(-0.0123) == f"{MINUS}0.012"
    assert wording.chance(None) == ""
    assert wording.chance(0.0004) == "<0.001"
