import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_up_reports import COMPARISON, UNJUDGED, changed, difference, figure
from PIL import Image
from reading_pages import HOSTILE, Page

from sosie.pages import comparison_page
from sosie.pages.wording import also, bounds, chance, number, signed
from sosie.reports import Case, Changed, Comparison


def numbers_of(report: Comparison) -> list[float]:
    told = [end for one in report.differences for end in (one.a, one.b, one.p_holm)]
    figures = [*(one.difference for one in report.differences), report.overlap, *report.overlap_by.values()]
    told += [end for one in figures for end in (one.value, one.low, one.high)]
    for one in report.changed:
        told += [one.overlap, one.a.value, one.b.value, *(hit.score for hit in (*one.a.hits, *one.b.hits))]
    return told


@pytest.mark.parametrize("report", [COMPARISON, UNJUDGED], ids=["judged", "unjudged"])
def test_every_number_of_the_page_is_one_of_the_report(report: Comparison) -> None:
    told = set(re.findall(r"(?<![\d.])\d+\.\d{3}(?!\d)", Page(comparison_page(report)).told))
    assert len(told) > 5
    assert told <= {f"{abs(value):.3f}" for value in numbers_of(report)} | {"0.001"} | set(
        re.findall(r"\d+\.\d+", report.verdict)
    )


def test_the_verdict_comes_first_its_figures_below_it() -> None:
    source = comparison_page(COMPARISON)
    order = ["image=2 is better than default.", "hit@1 0.825 and 0.846", 'id="all"', 'id="slices"', 'id="overlap"']
    places = [source.index(words) for words in [*order, 'id="changed"', 'id="reproduce"']]
    assert places == sorted(places)
    assert Page(source).told.count("image=2 is better than default") == 1


def test_each_difference_is_told_and_its_winner_named() -> None:
    source = comparison_page(COMPARISON)
    found = re.findall(r'<tr>\n<th scope="row">.*?</tr>', source, re.DOTALL)
    rows = [" ".join(Page(row).told.split()) for row in found]
    for one, row in zip(COMPARISON.differences, rows, strict=False):
        figures = f"{signed(one.difference.value)} {bounds(one.difference, sign=True)}"
        assert f"A {number(one.a)} B {number(one.b)} {figures} p {chance(one.p_holm)} " in row
        assert "181 · 1,514 · 221" in row
    assert [row.rsplit(" ", 2)[-2:] == [side, "better"] for row, side in zip(rows, "BxA", strict=False)] == [
        True, False, True,
    ]  # fmt: skip
    assert rows[2].startswith("category Footwear")


def test_what_other_measures_find_is_told_below_the_verdict() -> None:
    report = replace(COMPARISON, differences=(*COMPARISON.differences, difference("mrr", 0.9, 0.8, 0.001)))
    source = comparison_page(report)
    assert also(report) == "Other measures: A is better by mrr."
    assert source.index("image=2 is better") < source.index(also(report)) < source.index('id="all"')
    assert "Other measures" not in comparison_page(COMPARISON)


def test_both_lists_stand_side_by_side_with_what_is_new_and_gone(tmp_path: Path) -> None:
    photo = tmp_path / "red.jpg"
    Image.new("RGB", (600, 600), (200, 30, 30)).save(photo)
    page = Page(comparison_page(replace(COMPARISON, changed=(changed("abC", "Cda", str(photo)),))))
    assert len(page.all("img")) == 7  # the question once, three answers each
    words = page.told[page.told.index("Questions that changed most") :]
    assert re.findall(r"^(?:gone|new)", words, re.MULTILINE) == ["gone", "new"]
    assert re.findall(r"^(right|wrong)$", words, re.MULTILINE) == ["wrong", "wrong", "right", "right", "wrong", "wrong"]
    assert [one["aria-label"] for one in page.classed("crossing")] == ["places that changed: 1 to 3; 3 to 1"]


def test_without_a_truth_nothing_is_right_or_wrong() -> None:
    page = Page(comparison_page(UNJUDGED))
    assert "No truth was given: answers overlap by 62%." in page.told
    assert page.classed("stamp") == page.classed("versus") == []
    assert "Judged by" not in page.told


def test_categories_that_change_most_come_first() -> None:
    told = Page(comparison_page(COMPARISON)).told
    assert told.index("Belts") < told.index("Footwear", told.index("How much the answers overlap"))


def test_a_comparison_with_nothing_in_it_is_a_page() -> None:
    nothing = replace(UNJUDGED, overlap_by={}, changed=(), notes=(), reproduce={}, queries=0, verdict="")
    page = Page(comparison_page(nothing))
    assert page.all("h1")
    assert page.all("img") == []


def test_nothing_that_a_catalogue_says_can_act() -> None:
    hit = replace(changed("ab", "ba").a.hits[0], id=HOSTILE, title=HOSTILE, picture=HOSTILE)
    turned = Case(HOSTILE, HOSTILE, HOSTILE, 0.0, 1, (hit,))
    source = comparison_page(
        replace(
            COMPARISON,
            a=HOSTILE,
            b=HOSTILE,
            truth=HOSTILE,
            verdict=HOSTILE,
            differences=(difference(HOSTILE, 0.5, 0.6, 0.001), difference("x", 0.5, 0.6, 0.001, f"by={HOSTILE}")),
            overlap_by={HOSTILE: figure(0.5)},
            changed=(Changed(turned, turned, 0.5),),
            notes=(HOSTILE,),
            reproduce={HOSTILE: HOSTILE},
        )
    )
    page = Page(source)
    assert page.all("script") == page.all("img") == page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.words.count(HOSTILE) > 15
    assert " style=" not in source


def test_tables_and_plots_can_be_heard() -> None:
    page = Page(comparison_page(COMPARISON))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in page.all("svg"))
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in page.classed("wide"))
