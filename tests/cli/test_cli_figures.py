"""What evaluations, comparisons and tunings look like in a terminal, narrow and wide."""

import io
import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from made_up_reports import (
    CHECKS,
    COMPARISON,
    EVALUATION,
    OWN,
    PAIRS,
    TITLES,
    TUNING,
    UNJUDGED,
    UNTUNED,
    case,
    changed,
    difference,
    figure,
    metrics,
    rival,
    trade,
)
from reading_pages import HOSTILE
from rich.console import Console

from sosie.cli import figures, show
from sosie.cli.figures import print_comparison, print_evaluation, print_tuning
from sosie.pages.plots import Axis
from sosie.pages.wording import also, amount, bounds, number, signed
from sosie.reports import Comparison, Evaluation, Figure, Slice, Tuning

Told = Callable[[Evaluation | Comparison | Tuning, int], str]
WIDTHS = pytest.mark.parametrize("width", [80, 120])
REPORTS = pytest.mark.parametrize(
    "report",
    [EVALUATION, PAIRS, CHECKS, COMPARISON, UNJUDGED, TUNING, UNTUNED],
    ids=["lists", "pairs", "self-checks", "comparison", "unjudged", "tuning", "nothing gained"],
)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What is printed of a report at a width; plain text, notes included."""

    def prints(report: Evaluation | Comparison | Tuning, width: int = 120) -> str:
        console = Console(width=width, highlight=False, record=True, file=io.StringIO())
        monkeypatch.setattr(figures, "out", console)
        monkeypatch.setattr(show, "err", console)
        match report:
            case Evaluation():
                print_evaluation(report)
            case Comparison():
                print_comparison(report)
            case Tuning():
                print_tuning(report)
        return console.export_text()

    return prints


def rows(text: str, start: str) -> list[str]:
    """The lines of the table whose head starts so."""
    lines = text.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith(start))
    end = next((at for at in range(first, len(lines)) if not lines[at].strip()), len(lines))
    return [line.rstrip() for line in lines[first + 1 : end]]


def tables(text: str) -> list[str]:
    """All lines but sentences, which a terminal wraps itself."""
    return [line.rstrip() for line in text.splitlines() if re.search(r"  \S", line)]


@WIDTHS
@REPORTS
def test_no_table_is_wider_than_the_terminal(told: Told, report: Evaluation, width: int) -> None:
    lines = tables(told(report, width))
    assert len(lines) > 2
    assert max(len(line) for line in lines) <= width


@WIDTHS
def test_every_figure_is_printed_with_its_interval(told: Told, width: int) -> None:
    text = told(EVALUATION, width)
    shown = [*EVALUATION.metrics.values(), *(one.metrics["hit@1"] for one in EVALUATION.baselines)]
    shown += [one.figure for one in EVALUATION.slices if one.verdict]
    for one in shown:
        assert re.search(rf"{number(one.value)}\s+{re.escape(bounds(one))}", text)
    for rivalling in EVALUATION.baselines:
        assert rivalling.difference is not None
        assert signed(rivalling.difference.value) in text


@WIDTHS
@pytest.mark.parametrize("report", [EVALUATION, PAIRS, CHECKS], ids=["lists", "pairs", "self-checks"])
def test_every_number_is_one_of_the_report(told: Told, report: Evaluation, width: int) -> None:
    figures_ = [
        *report.metrics.values(),
        *(one for other in report.baselines for one in other.metrics.values()),
        *(one.difference for one in report.baselines if one.difference),
        *(one.figure for one in report.slices),
        *(one for by in report.labels.values() for one in by.values()),
    ]
    known = [end for one in figures_ for end in (one.value, one.low, one.high)]
    known += [one.rest for one in report.slices] + [one.p for one in report.slices]
    known += [one.p for one in report.baselines if one.p is not None] + [*report.lists.values()]
    known += [one.value for one in report.worst]
    printed = set(re.findall(r"\d+\.\d{3}(?!\d)", told(report, width)))
    assert len(printed) > 3
    assert printed <= {f"{abs(value):.3f}" for value in known} | {"0.001"}


def test_the_verdict_comes_first_then_leaks_the_grave_ones_first(told: Told) -> None:
    text = told(replace(EVALUATION, leaks=(TITLES, OWN)), 120)
    order = ["In 85 of 100 questions", "does not beat words alone and tf-idf", "Don't trust these figures yet"]
    order += [f"grave leak {OWN.what}", f"leak {TITLES.what}", "answered by", "measure ", "questions with", "worst q1"]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "a1 ↔ a2" in text
    assert "1,928 questions, 12 without anything relevant; 7,660 products" in text
    untitled = replace(case(0.0, 0, 1), title="")
    assert "worst q1 · hit@1" in told(replace(EVALUATION, worst=(untitled,)), 120)
    assert "Don't trust" not in told(replace(EVALUATION, leaks=(TITLES,)), 120)


def test_self_checks_claim_nothing_of_quality(told: Told) -> None:
    text = told(CHECKS, 80)
    assert text.startswith("No truth was given")
    assert "of 100" not in text


@WIDTHS
def test_rivals_that_are_better_are_told_from_those_that_are_only_unbeaten(told: Told, width: int) -> None:
    report = replace(
        EVALUATION,
        baselines=(*EVALUATION.baselines, rival("pixels", "baseline", 0.9)),
        beaten_by=("words", "tf-idf", "pixels"),
    )
    standing = {line.split()[0]: line for line in rows(told(report, width), "answered by") if line.startswith("  ")}
    assert standing["pixels"].endswith("better")
    assert standing["words"].endswith("not beaten")
    assert standing["image"].endswith("<0.001")


def test_only_slices_beyond_chance_are_told_where_there_are_some(told: Told) -> None:
    told_of = rows(told(EVALUATION, 120), "questions with")
    assert [line.split()[1] for line in told_of[:2]] == ["Belts", "under"]
    assert told_of[0].endswith("worse")
    assert told_of[1].endswith("better")
    chance = replace(EVALUATION, slices=(Slice("price", "under 12", figure(0.8), 0.8, 1.0, ""),))
    assert "may be chance" in told(chance, 120)


def test_dots_and_intervals_stand_where_their_figures_are() -> None:
    console = Console(width=120)
    axis = Axis(0.0, 1.0, (0.0, 1.0))
    before, figures.out = figures.out, console
    try:
        drawn = figures._drawn(Figure(0.6, 0.4, 0.8, 9), axis, "cyan", mark=0.2)
        ends = figures._drawn(Figure(1.0, 0.0, 1.0, 9), axis, "cyan")
        unknown = figures._drawn(Figure(math.nan, math.nan, math.nan, 0), axis, "cyan")
    finally:
        figures.out = before
    assert drawn is not None
    assert str(drawn) == "     ┊    ─────●─────     "
    assert str(ends) == "─" * 25 + "●"
    assert str(unknown) == " " * 26


def test_plots_are_left_out_where_there_is_no_room_and_have_a_scale_where_there_is(told: Told) -> None:
    for report in (EVALUATION, COMPARISON, TUNING):
        assert "●" not in told(report, 80)
        assert "●" in told(report, 120)
    assert re.search(r"^ +0 +1$", "\n".join(rows(told(EVALUATION, 120), "answered by")), re.MULTILINE)
    assert re.search(r"^ +−0\.\d+ +0\.\d+$", "\n".join(rows(told(COMPARISON, 120), "measure")), re.MULTILINE)


@WIDTHS
def test_each_difference_is_told_with_what_it_is_made_of(told: Told, width: int) -> None:
    text = told(COMPARISON, width)
    lines = rows(text, "measure")
    for one, name in zip(COMPARISON.differences, ("hit@1", "ndcg@10", "category"), strict=True):
        line = next(line for line in lines if line.startswith(name))
        assert re.search(rf"{number(one.a)}\s+{number(one.b)}", line)
        assert signed(one.difference.value) in line
        assert bounds(one.difference, sign=True) in line
        assert "221/1,514/181" in line
    assert "Footwear" in text
    assert [line.split()[-1] for line in lines[:3]] == ["B", "221/1,514/181", "A"]
    assert [line.split()[0] for line in rows(text, "overlap of answers")[:3]] == ["all", "Belts", "Footwear"]
    assert "changed q1 Desk lamp · hit@1 0.000 → 1.000, overlap 0.256" in text


def test_what_other_measures_find_is_told_beside_the_verdict(told: Told) -> None:
    report = replace(
        COMPARISON,
        differences=(
            difference("hit@1", 0.8, 0.81, 0.4),
            difference("mrr", 0.8, 0.9, 0.001),
            difference("ap", 0.9, 0.8, 0.001),
            difference("mrr", 0.9, 0.8, 0.001, "category=Shoes"),
        ),
    )
    assert also(report) == "Other measures: A is better by ap; B is better by mrr."
    assert also(report) in told(report, 80)
    assert also(COMPARISON) == also(UNJUDGED) == ""


def test_a_comparison_without_a_truth_tells_only_of_overlap(told: Told) -> None:
    text = told(UNJUDGED, 80)
    assert "judged by" not in text
    assert "win/tie/loss" not in text
    assert "changed q1 Desk lamp · overlap 0.256" in text


@WIDTHS
def test_a_tuning_tells_what_was_tried_and_what_to_do(told: Told, width: int) -> None:
    text = told(TUNING, width)
    assert text.startswith(TUNING.verdict)
    assert [line.split() for line in rows(text, "signal")] == [
        ["image", "1", "1.85"],
        ["given0", "0.7", "0.7"],
        ["words", "0.3", "0.613"],
        ["colour", "0.5", "0"],
    ]
    lines = rows(text, "settings")
    for one in TUNING.trades:
        line = next(line for line in lines if line.startswith(one.name))
        assert re.search(rf"{number(one.quality.value)}\s+{re.escape(bounds(one.quality))}", line)
        assert re.search(rf"{re.escape(amount(one.ms))}\s+{one.bytes:,}", line)
        assert line.endswith("front") == one.front
        assert ("adopted" in line) == (one.name == "image.dim = 512")
    for name, one in TUNING.test.items():
        assert f"test split, {name}: hit@1 " in text
        assert number(one.value) in text
    assert "  signals.image.weight = 1.85" in text
    assert "sosie build CATALOGUE --config sosie.toml" in text


def test_a_tuning_that_gained_nothing_asks_for_nothing(told: Told) -> None:
    text = told(UNTUNED, 80)
    assert "nothing was written" in text
    assert "--config" not in text
    assert "adopted" not in text
    assert "test split" not in text


@WIDTHS
def test_reports_with_nothing_in_them_are_told(told: Told, width: int) -> None:
    nan = Figure(math.nan, math.nan, math.nan, 0)
    nothing = replace(CHECKS, metrics={}, measure="", worst=(), notes=(), slices=())
    assert "No truth was given" in told(nothing, width)
    undefined = replace(EVALUATION, metrics=metrics(0.8) | {"hit@1": nan}, baselines=(), slices=())
    assert "can’t be told" in told(undefined, width)
    assert told(replace(UNJUDGED, overlap=nan, overlap_by={}, changed=(), notes=()), width)
    assert told(replace(UNTUNED, before={}, after={}, difference=nan, trades=(), notes=()), width)


@WIDTHS
def test_nothing_that_a_catalogue_says_can_act(told: Told, width: int) -> None:
    bad = "[red]x[/red][link=http://evil]" + HOSTILE + "\x1b[2J\x07"
    text = told(
        replace(
            EVALUATION,
            truth=bad,
            baselines=(rival(bad, "signal", 0.5),),
            beaten_by=(bad,),
            slices=(Slice(bad, bad, figure(0.5), 0.5, 0.01, "worse"),),
            leaks=(replace(OWN, what=bad, advice=bad, examples=((bad, bad),)),),
            worst=(replace(case(0.0, 0, 1), query=bad, title=bad),),
            notes=(bad,),
            labels={bad: metrics(0.5)},
        ),
        width,
    )
    text += told(
        replace(
            COMPARISON,
            a=bad,
            verdict=bad,
            truth=bad,
            differences=(difference(bad, 0.5, 0.6, 0.001, f"x={bad}"),),
            overlap_by={bad: figure(0.5)},
            changed=(replace(changed("ab", "ba"), a=replace(case(0.0, 0, 1), query=bad, title=bad)),),
        ),
        width,
    )
    text += told(
        replace(
            TUNING,
            truth=bad,
            verdict=bad,
            before={bad: 1.0},
            after={bad: 2.0},
            adopted={bad: bad},
            trades=(trade(bad, 0.5, 1.0, 9),),
            test={bad: figure(0.5)},
            written=bad,
        ),
        width,
    )
    assert "\x1b" not in text
    assert "\x07" not in text
    assert text.count("[red]x[/red]") > 15  # shown as it stands, not obeyed
