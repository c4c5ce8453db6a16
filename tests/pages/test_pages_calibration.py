import math
import re
from dataclasses import replace

from made_up_reports import CALIBRATION
from reading_pages import HOSTILE, Page

from sosie.pages import calibration_page
from sosie.pages.wording import bounds, number
from sosie.reports import Figure


def test_every_number_of_the_page_is_one_of_the_report() -> None:
    told = set(re.findall(r"(?<![\d.])\d+\.\d{3,4}(?!\d)", Page(calibration_page(CALIBRATION)).told))
    known = [end for one in (CALIBRATION.ece, CALIBRATION.brier) for end in (one.value, one.low, one.high)]
    known += [CALIBRATION.base, *CALIBRATION.losses.values(), *CALIBRATION.marks.values()]
    known += [end for one in CALIBRATION.reliability for end in (one.low, one.high, one.stated, one.found)]
    assert len(told) > 10
    assert told <= {f"{value:.3f}" for value in known} | {f"{value:.4f}" for value in known}


def test_the_verdict_comes_first_then_of_which_pairs_it_holds() -> None:
    source = calibration_page(CALIBRATION)
    order = ["is off by 1.1 of 100 on average.", "Of the pairs that score 0.55", "It holds for the first 20 hits"]
    places = [source.index(words) for words in order] + [source.index(f'id="{id}"') for id in ("marks", "reliability")]
    assert places == sorted(places)
    for one in (CALIBRATION.ece, CALIBRATION.brier):
        assert f"{number(one.value)} {bounds(one)}" in " ".join(Page(source).told.split())
    assert "61.9%" in source


def test_marks_are_told_from_the_highest_on() -> None:
    told = " ".join(Page(calibration_page(CALIBRATION)).told.split())
    assert "9 of 10 score from 0.5451 5 of 10 score from 0.2777" in told


def test_the_curve_that_was_kept_is_marked_among_the_others() -> None:
    source = calibration_page(CALIBRATION)
    rows = re.findall(r"<tr( class=\"own\")?><th scope=\"row\">(platt|beta|isotonic)</th>", source)
    assert rows == [(' class="own"', "beta"), ("", "platt"), ("", "isotonic")]


def test_only_bins_that_hold_pairs_are_drawn_and_all_are_told() -> None:
    source = calibration_page(CALIBRATION)
    plane = source[source.index('class="plane square"') : source.index("</svg>", source.index('class="plane square"'))]
    assert plane.count("<circle") == plane.count('class="reach"') == 2
    assert len(re.findall(r'<th scope="row">[\d.]+ and [\d.]+</th>', source)) == 3


def test_a_calibration_with_nothing_in_it_is_a_page() -> None:
    nan = Figure(math.nan, math.nan, math.nan, 0)
    nothing = replace(
        CALIBRATION, ece=nan, brier=nan, losses={}, reliability=(), marks={}, notes=(), reproduce={}, verdict=""
    )
    source = calibration_page(nothing)
    assert 'id="marks"' not in source
    assert 'id="reliability"' not in source
    assert "–" in Page(source).told


def test_nothing_that_a_truth_says_can_act() -> None:
    bad = replace(
        CALIBRATION,
        store=HOSTILE,
        truth=HOSTILE,
        holds_for=HOSTILE,
        verdict=HOSTILE,
        notes=(HOSTILE,),
        reproduce={HOSTILE: HOSTILE},
        marks={HOSTILE: 0.5},
        losses={HOSTILE: 0.5},
    )
    source = calibration_page(bad)
    page = Page(source)
    assert page.all("script") == page.all("img") == page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.words.count(HOSTILE) >= 9
    assert " style=" not in source
