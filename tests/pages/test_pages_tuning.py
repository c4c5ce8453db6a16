import math
import re
from dataclasses import replace

import pytest
from made_up_reports import TUNING, UNTUNED, figure, trade
from reading_pages import HOSTILE, Page

from sosie.pages import tuning_page
from sosie.pages.tuning import is_adopted, split_verdict
from sosie.pages.wording import amount, bounds, number, signed
from sosie.reports import Figure, Tuning


def rows(source: str, css: str) -> list[str]:
    """The words of each row of a table, plots left out."""
    (table,) = re.findall(rf'<table class="{css}">.*?<tbody>(.*?)</tbody>', source, re.DOTALL)
    return [" ".join(Page(row).told.split()) for row in re.findall(r"<tr.*?</tr>", table, re.DOTALL)]


def figures_of(report: Tuning) -> list[Figure]:
    return [
        report.difference,
        *report.test.values(),
        *(one.quality for one in report.trades),
        *(one.difference for one in report.trades if one.difference),
    ]


@pytest.mark.parametrize("report", [TUNING, UNTUNED], ids=["gained", "nothing gained"])
def test_every_number_of_the_page_is_one_of_the_report(report: Tuning) -> None:
    told = set(re.findall(r"(?<![\d.])\d+\.\d{3}(?!\d)", Page(tuning_page(report)).told))
    known = [end for one in figures_of(report) for end in (one.value, one.low, one.high)]
    known += [report.p, *(one.p_holm for one in report.trades if one.p_holm is not None), *report.after.values()]
    assert len(told) > 10
    assert told <= {f"{abs(value):.3f}" for value in known} | set(re.findall(r"\d+\.\d+", report.verdict))


def test_the_verdict_comes_first_and_what_to_do_after_it() -> None:
    source = tuning_page(TUNING)
    assert Page(source).all("h1")
    places = [source.index(f'id="{id}"') for id in ("written", "gain", "weights", "trades", "reproduce")]
    assert places == sorted(places)
    heading = source.index("Other weights are better on questions they were not chosen on.")
    assert heading < source.index("hit@1 +0.0312 [+0.0191, +0.0421], p = 0.0024.") < places[0]
    assert "They are in sosie.toml." in source


def test_what_was_written_is_named() -> None:
    told = Page(tuning_page(TUNING)).told
    assert "sosie build CATALOGUE --config sosie.toml" in told
    for key, value in TUNING.adopted.items():
        assert re.search(rf"{re.escape(key)}\s+{value}", told), key
    nothing = Page(tuning_page(UNTUNED)).told
    assert "Nothing: no setting is better by more than chance" in nothing
    assert "--config" not in nothing
    assert "found, but not adopted" in nothing


def test_the_test_split_is_told_before_and_after() -> None:
    told = Page(tuning_page(TUNING)).told
    for one in TUNING.test.values():
        assert number(abs(one.value)) in told
    assert "test split" not in Page(tuning_page(UNTUNED)).told


def test_weights_stand_beside_their_signal_the_heaviest_first() -> None:
    source = tuning_page(TUNING)
    weights = rows(source[source.index('id="weights"') : source.index('id="trades"')], "forest")
    assert weights == [
        "image before 1 after 1.85",
        "given0 before 0.7 after 0.7",
        "words before 0.3 after 0.613",
        "colour before 0.5 after 0",
    ]


def test_each_way_is_told_with_its_cost() -> None:
    ways = rows(tuning_page(TUNING), "forest ways")
    for at, (one, row) in enumerate(zip(TUNING.trades, ways, strict=True), 1):
        assert row.startswith(f"{at} {one.name} {number(one.quality.value)} {bounds(one.quality)}")
        assert f"{amount(one.ms)} ms {one.bytes:,} bytes" in row
        assert row.endswith("front") == one.front
        assert ("adopted" in row) == (one.name == "image.dim = 512")
        if at > 1 and one.difference:
            assert signed(one.difference.value) in row


def test_only_settings_as_written_count_as_adopted() -> None:
    assert is_adopted(TUNING.trades[2], TUNING)
    assert not is_adopted(trade("now", 0.9, 1.0, 1), TUNING)
    assert not is_adopted(trade("other", 0.9, 1.0, 1, image_dim=256), TUNING)


def test_a_verdict_is_split_into_words_and_figures() -> None:
    assert split_verdict("No gain (a 1); nothing was written.") == ("No gain", "a 1", "Nothing was written.")
    assert split_verdict("No gain at all.") == ("No gain at all", "", "")
    assert split_verdict("No gain (so far).") == ("No gain (so far)", "", "")


def test_a_tuning_with_nothing_in_it_is_a_page() -> None:
    nan = Figure(math.nan, math.nan, math.nan, 0)
    nothing = replace(
        UNTUNED, before={}, after={}, difference=nan, p=math.nan, trades=(), notes=(), reproduce={}, verdict=""
    )
    page = Page(tuning_page(nothing))
    assert "–" in page.told
    assert page.classed("ways") == []


def test_nothing_that_was_tried_can_act() -> None:
    bad = replace(
        TUNING,
        store=HOSTILE,
        truth=HOSTILE,
        measure=HOSTILE,
        before={HOSTILE: 1.0},
        after={HOSTILE: 2.0},
        adopted={HOSTILE: HOSTILE},
        trades=(trade(HOSTILE, 0.5, 1.0, 9), trade(HOSTILE, 0.6, 0.5, 3, front=True)),
        test={"before": figure(0.5), HOSTILE: figure(0.5)},
        verdict=HOSTILE,
        written=HOSTILE,
        notes=(HOSTILE,),
        reproduce={HOSTILE: HOSTILE},
    )
    source = tuning_page(bad)
    page = Page(source)
    assert page.all("script") == page.all("img") == page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.words.count(HOSTILE) > 8
    assert " style=" not in source


def test_plots_and_tables_can_be_heard() -> None:
    page = Page(tuning_page(TUNING))
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in page.all("svg"))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert "share of image: 0.400 before, 0.585 after" in {one.get("aria-label") for one in page.all("svg")}
    named = {one["id"] for _, one in page.elements if "id" in one}
    assert {one["aria-labelledby"] for _, one in page.elements if "aria-labelledby" in one} <= named
