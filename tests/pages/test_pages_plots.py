import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading_pages import HOSTILE, Page

from sosie.pages import plots, wording
from sosie.pages.plots import Axis, Point
from sosie.reports import Bin, Figure, Shift

UNIT = Axis(0.0, 1.0, (0.0, 0.5, 1.0))


def drawn(svg: str, tag: str, css: str | None = None) -> list[dict[str, str]]:
    found = ElementTree.fromstring(str(svg)).iter(tag)
    return [one.attrib for one in found if css is None or css in one.get("class", "").split()]


def test_an_interval_lies_where_its_figures_are() -> None:
    svg = plots.interval(Figure(0.5, 0.45, 0.7, 9), Axis(0.4, 0.8, (0.4, 0.6, 0.8)), "s-image", mark=0.6)
    assert [dot["cx"] for dot in drawn(svg, "circle")] == ["25.0%"]
    assert [(line["x1"], line["x2"]) for line in drawn(svg, "line", "reach")] == [("12.5%", "75.0%")]
    assert [line["x1"] for line in drawn(svg, "line", "mark")] == ["50.0%"]
    assert [line["x1"] for line in drawn(svg, "line", "grid")] == ["0.0%", "50.0%", "100.0%"]


def test_the_band_spans_the_interval_of_the_figure_to_compare_with() -> None:
    svg = plots.interval(Figure(0.1, 0.0, 0.2, 9), UNIT, band=Figure(0.5, 0.4, 0.65, 9))
    assert [(box["x"], box["width"]) for box in drawn(svg, "rect", "band")] == [("40.0%", "25.0%")]


def test_a_figure_that_is_none_has_no_dot_and_one_without_interval_no_line() -> None:
    nan = math.nan
    assert drawn(plots.interval(Figure(nan, nan, nan, 0), UNIT), "circle") == []
    alone = plots.interval(Figure(0.5, nan, nan, 1), UNIT)
    assert drawn(alone, "line", "reach") == []
    assert len(drawn(alone, "circle")) == 1


def test_plots_say_their_figures_aloud() -> None:
    svg = plots.interval(Figure(0.5, 0.45, 0.7, 1200), UNIT, name="fused, hit@1")
    (spoken,) = [one["aria-label"] for one in drawn(svg, "svg")]
    assert spoken == "fused, hit@1: 0.500, 95% interval 0.450 to 0.700, n 1,200"
    assert drawn(svg, "svg")[0]["role"] == "img"


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9), st.integers(3, 7))
def test_an_axis_holds_all_values_with_few_round_ticks(values: list[float], about: int) -> None:
    axis = plots.axis_of(values, about=about)
    slack = 1e-6 * max(1.0, abs(axis.low), abs(axis.high))
    assert axis.low <= min(values) + slack
    assert max(values) - slack <= axis.high
    assert 2 <= len(axis.ticks) <= about + 2
    steps = [right - left for left, right in zip(axis.ticks, axis.ticks[1:], strict=False)]
    assert max(steps) - min(steps) <= slack
    first = f"{steps[0]:.2e}".split("e")[0]
    assert float(first) in (1.0, 2.0, 2.5, 5.0)


def test_an_axis_ends_at_its_bounds() -> None:
    axis = plots.axis_of([0.02, 0.99], bounds=(0.0, 1.0))
    assert (axis.low, axis.high) == (0.0, 1.0)
    assert axis.ticks[0] == 0.0
    assert axis.ticks[-1] == 1.0


def test_a_log_axis_gives_equal_factors_equal_room() -> None:
    axis = plots.log_axis([1.0, 10.0, 100.0])
    assert axis.at(10) - axis.at(1) == pytest.approx(axis.at(100) - axis.at(10), abs=0.01)
    assert axis.at(10) == pytest.approx(50, abs=0.01)
    assert {1, 10, 100} <= set(axis.ticks)


def test_ticks_stand_below_their_places() -> None:
    svg = plots.ticks(Axis(-0.1, 0.1, (-0.1, 0.0, 0.1)), signed=True)
    texts = [(one.get("x"), one.text) for one in ElementTree.fromstring(str(svg)).iter("text")]
    assert texts == [("0.0%", "−0.1"), ("50.0%", "0"), ("100.0%", "+0.1")]


def test_a_balance_has_pieces_in_proportion() -> None:
    svg = plots.balance(loss=1, tie=2, win=5)
    pieces = [(box["class"], box["x"], box["width"]) for box in drawn(svg, "rect")]
    assert pieces == [("a", "0.0%", "12.5%"), ("equal", "12.5%", "25.0%"), ("b", "37.5%", "62.5%")]
    assert drawn(svg, "svg")[0]["aria-label"] == "A better in 1, equal in 2, B better in 5"
    assert [box["class"] for box in drawn(plots.balance(0, 0, 3), "rect")] == ["b"]
    assert drawn(plots.balance(0, 0, 0), "rect") == []


def test_crossing_joins_the_places_of_what_stayed() -> None:
    svg = plots.crossing(["x", "y", "z"], ["z", "y", "new"], columns=4)
    lines = [(line["class"], line["x1"], line["x2"]) for line in drawn(svg, "line")]
    assert lines == [("stays", "37.5%", "37.5%"), ("moves", "62.5%", "12.5%")]
    assert drawn(svg, "svg")[0]["aria-label"] == "places that changed: 3 to 1"


def test_reliability_puts_what_was_stated_across_and_what_was_found_up() -> None:
    bins = [Bin(0.0, 0.5, 0.3, 0.6, 100), Bin(0.5, 0.9, 0.7, 0.7, 25), Bin(0.9, 1.0, 0.0, 0.0, 0)]
    dots = drawn(plots.reliability(bins), "circle")
    assert [(dot["cx"], dot["cy"]) for dot in dots] == [("30.0%", "40.0%"), ("70.0%", "30.0%")]
    assert float(dots[0]["r"]) == 2 * float(dots[1]["r"])  # four times the pairs, four times the area
    assert "no pairs" in plots.reliability([])


def test_the_interval_of_a_share_that_came_true_is_wilsons() -> None:
    (line,) = drawn(plots.reliability([Bin(0.0, 1.0, 0.5, 0.5, 100)]), "line", "reach")
    assert (line["x1"], line["x2"]) == ("50.0%", "50.0%")
    low, high = 100 - float(line["y1"].rstrip("%")), 100 - float(line["y2"].rstrip("%"))
    assert (low, high) == pytest.approx((40.38, 59.62), abs=0.01)  # as R's prop.test(50, 100, correct = FALSE) says
    (never,) = drawn(plots.reliability([Bin(0.0, 1.0, 0.1, 0.0, 50)]), "line", "reach")
    assert never["y1"] == "100.0%"
    assert 100 - float(never["y2"].rstrip("%")) == pytest.approx(7.135, abs=0.01)


def test_columns_are_as_high_as_their_values() -> None:
    svg = plots.columns(["0", "1–2", "over 2"], [5, 10, 0], "lists", "products")
    bars = [(bar["x"], bar["width"], bar["height"]) for bar in drawn(svg, "rect", "bin")]
    assert bars == [("3.333%", "26.667%", "50.0%"), ("36.667%", "26.667%", "100.0%"), ("70.0%", "26.667%", "0.0%")]
    assert drawn(svg, "svg")[0]["aria-label"] == "products over lists: 0: 5; 1–2: 10; over 2: 0"
    assert drawn(plots.columns([], [], "lists", "products"), "rect") == []


def test_only_as_many_columns_are_named_as_fit() -> None:
    svg = plots.columns([str(at) for at in range(1, 65)], [1 / at for at in range(1, 65)], "direction", "share")
    assert len(drawn(svg, "rect", "bin")) == 64
    words = [one.text for one in ElementTree.fromstring(str(svg)).iter("text") if one.get("class") == "name"]
    assert words == [str(at) for at in range(1, 65, 8)]


def test_a_statistic_stands_before_what_chance_makes_of_it() -> None:
    svg = plots.beside_chance(Shift(0.75, 0.25, 0.5, 0.002, 0.3), UNIT, name="image")
    assert [(box["x"], box["width"]) for box in drawn(svg, "rect", "band")] == [("25.0%", "25.0%")]
    assert [dot["cx"] for dot in drawn(svg, "circle")] == ["75.0%"]
    assert drawn(svg, "svg")[0]["aria-label"] == "image: 0.75, by chance 0.25 to 0.5"


def test_a_scatter_marks_what_was_chosen_and_joins_the_front() -> None:
    points = [
        Point("now", 1.0, 0.5, 400.0, front=True),
        Point("tuned", 10.0, 0.9, 100.0, chosen=True, front=True),
        Point("slow", 100.0, 0.7, 100.0),
    ]
    svg = plots.scatter(points, "ms", "ndcg@10", "bytes")
    by = {css: drawn(svg, "circle", css) for css in ("front", "chosen", "other")}
    assert [len(dots) for dots in by.values()] == [1, 1, 1]
    assert by["chosen"][0]["cx"] == "50.0%"
    assert float(by["front"][0]["r"]) == 2 * float(by["chosen"][0]["r"])
    assert len(drawn(svg, "line", "path")) == 1
    callouts = [one.text for one in ElementTree.fromstring(str(svg)).iter("text") if one.get("class") == "callout"]
    assert callouts == ["tuned"]


def test_a_scatter_joins_only_what_is_best_for_its_cost() -> None:
    points = [
        Point("cheap", 1.0, 0.5, 1.0, front=True, mark="7"),
        Point("small", 10.0, 0.4, 0.1, front=True),
        Point("good", 100.0, 0.9, 1.0, front=True),
    ]
    svg = plots.scatter(points, "ms", "ndcg@10", "bytes")
    place = {one[0].text.partition(":")[0]: one.attrib for one in ElementTree.fromstring(str(svg)).iter("circle")}
    (line,) = drawn(svg, "line", "path")
    assert (line["x1"], line["y1"]) == (place["cheap"]["cx"], place["cheap"]["cy"])
    assert (line["x2"], line["y2"]) == (place["good"]["cx"], place["good"]["cy"])
    assert [one.text for one in ElementTree.fromstring(str(svg)).iter("text") if one.get("class") == "number"] == ["7"]


def test_a_dumbbell_leads_from_before_to_after() -> None:
    svg = plots.dumbbell(0.25, 0.75, UNIT, name="share")
    assert [(dot.get("class"), dot["cx"]) for dot in drawn(svg, "circle")] == [("before", "25.0%"), (None, "75.0%")]
    assert [(line["x1"], line["x2"]) for line in drawn(svg, "line", "reach")] == [("25.0%", "75.0%")]
    assert drawn(svg, "svg")[0]["aria-label"] == "share: 0.250 before, 0.750 after"


@pytest.mark.parametrize(
    ("value", "shown"), [(9692.0, "9,692"), (31.97, "32"), (0.0101, "0.0101"), (0.0, "0"), (-0.5, "−0.5")]
)
def test_amounts_have_three_digits_that_count(value: float, shown: str) -> None:
    assert wording.amount(value) == shown


def test_ticks_are_written_out() -> None:
    svg = plots.ticks(plots.axis_of([0, 48_000]))
    assert "10,000" in svg
    assert "e+" not in svg


@pytest.mark.parametrize(
    "svg",
    [
        plots.interval(Figure(0.5, 0.4, 0.6, 9), UNIT),
        plots.dumbbell(0.1, 0.2, UNIT),
        plots.beside_chance(Shift(0.1, 0.0, 0.2, 0.5, 0.1), UNIT),
        plots.balance(1, 2, 3),
        plots.crossing(["a", "b"], ["b", "a"], 2),
        plots.columns(["a"], [1], "x", "y"),
        plots.reliability([Bin(0.0, 1.0, 0.5, 0.5, 9)]),
        plots.scatter([Point("now", 1.0, 0.5, 1.0)], "x", "y", "size"),
    ],
    ids=["interval", "dumbbell", "beside chance", "balance", "crossing", "columns", "reliability", "scatter"],
)
def test_every_plot_has_a_title_and_says_its_figures_aloud(svg: str) -> None:
    (plot,) = ElementTree.fromstring(f"<div>{svg}</div>").iter("svg")
    title = plot.find("title")
    assert plot.get("role") == "img"
    assert title is not None
    assert title.text == plot.get("aria-label")
    assert re.search(r"\d", str(title.text))


@pytest.mark.parametrize(
    "svg",
    [
        plots.interval(Figure(0.5, 0.4, 0.6, 9), UNIT, name=HOSTILE),
        plots.scatter([Point(HOSTILE, 1.0, 0.5, 1.0, chosen=True)], HOSTILE, HOSTILE, HOSTILE),
        plots.columns([HOSTILE], [1], HOSTILE, HOSTILE),
        plots.beside_chance(Shift(0.1, 0.0, 0.2, 0.5, 0.1), UNIT, name=HOSTILE),
        plots.dumbbell(0.1, 0.2, UNIT, name=HOSTILE),
    ],
    ids=["interval", "scatter", "columns", "beside chance", "dumbbell"],
)
def test_no_label_can_act(svg: str) -> None:
    page = Page(str(svg))
    assert page.all("script") == page.all("img") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.words or any(HOSTILE in value for _, found in page.elements for value in found.values())
    assert not re.search(r"\bstyle=", str(svg))
