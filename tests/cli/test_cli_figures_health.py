"""What health, drift and calibrations look like in a terminal, narrow and wide."""

import io
import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from made_up_reports import CALIBRATION, DRIFT, HEALTH, signal_health
from rich.console import Console

from sosie.cli import figures, figures_health, show
from sosie.cli.figures_health import print_calibration, print_health
from sosie.pages.wording import bounds, number
from sosie.reports import CalibrationReport, HealthReport, Remark, Shown

Told = Callable[[HealthReport | CalibrationReport, int], str]
WIDTHS = pytest.mark.parametrize("width", [80, 120])


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What is printed of a report at a width; plain text, notes included."""

    def prints(report: HealthReport | CalibrationReport, width: int) -> str:
        console = Console(width=width, highlight=False, record=True, file=io.StringIO())
        for module, name in ((figures, "out"), (figures_health, "out"), (show, "err")):
            monkeypatch.setattr(module, name, console)
        if isinstance(report, HealthReport):
            print_health(report)
        else:
            print_calibration(report)
        return console.export_text()

    return prints


def line_of(text: str, start: str) -> str:
    return next(line.rstrip() for line in text.splitlines() if line.startswith(start))


@WIDTHS
@pytest.mark.parametrize("report", [HEALTH, CALIBRATION], ids=["health", "calibration"])
def test_no_table_is_wider_than_the_terminal(told: Told, report: HealthReport, width: int) -> None:
    lines = [line.rstrip() for line in told(report, width).splitlines() if re.search(r"\S  +\S", line)]
    assert len(lines) > 8
    assert max(len(line) for line in lines) <= width


@WIDTHS
def test_each_signal_has_its_figures_and_what_to_look_at(told: Told, width: int) -> None:
    text = told(HEALTH, width)
    assert text.startswith(HEALTH.verdict)
    for one, last in zip(HEALTH.signals, ("ok", "duplicates", "ok"), strict=True):
        line = line_of(text, one.name)
        assert "38 of 256" in line
        assert line.endswith(last)
        assert (" 0.71 " in line, " 18.6 " in line) == (one.hub_skew is not None,) * 2
        assert ("63 lists" in line) == (one.hub_skew is not None and width >= figures.ROOM)
    for remark in (*HEALTH.signals[1].remarks, *HEALTH.remarks, *DRIFT.remarks):
        assert f"look {remark.what}" in text
        assert remark.advice in text
    assert HEALTH.notes[0] in text
    assert DRIFT.notes[0] in text


def test_hubs_of_the_fused_answer_are_shown_and_equal_vectors_where_they_are_many(told: Told) -> None:
    text = told(HEALTH, 100)
    assert line_of(text, "h1").split() == ["h1", "Lamp", "h1", "63"]
    assert text.count("Lamp h1") == 1
    assert text.count("Lamp s1") == 1
    hubby = signal_health("image", Remark("hubs", "A hub.", "Look."))
    text = told(replace(HEALTH, signals=(*HEALTH.signals[:1], hubby), drift=None), 100)
    assert "most often among the first ten by image" in text
    assert "Lamp s1" not in text


@WIDTHS
def test_signals_beside_each_other_are_told_those_most_alike_first(told: Told, width: int) -> None:
    text = told(HEALTH, width)
    line = line_of(text, "text – words")
    figures_ = ["0.943", "0.812", "85%"] + ["2,000"] * (width >= figures.ROOM)
    assert line.split() == ["text", "–", "words", *figures_, "repeat"]
    assert text.count("image – s") == figures_health.REPETITIONS - 1


@WIDTHS
def test_drift_is_told_beside_random_halves(told: Told, width: int) -> None:
    text = told(HEALTH, width)
    assert DRIFT.verdict in text
    assert "9,312 products in both, 271 new, 45 gone" in text
    after = text[text.index("drift of") :]
    assert line_of(after, "image").endswith("drift")
    themselves, new = line_of(after, " themselves").split(), line_of(after, " new ones").split()
    assert themselves[:10] == ["themselves", "88%", "kept", "2.100", "[−1.300,", "1.900]", "51", "of", "100", "0.031"]
    assert themselves[10:] == (["2,000", "0.971"] if width >= figures.ROOM else [])
    assert new[:9] == ["new", "ones", "84.100", "[−1.100,", "2.400]", "64", "of", "100", "0.002"]
    assert line_of(after, "text") == "text"  # nothing could be tested: no verdict
    assert "category More belts than before." in after
    assert re.search(r"0\.311\s+\[0\.004, 0\.033\]\s+0\.002\s+slight", after)
    assert "Lamp n1" in after


@WIDTHS
def test_a_calibration_tells_what_scores_stand_for_and_how_true_that_is(told: Told, width: int) -> None:
    text = told(CALIBRATION, width)
    assert text.startswith(CALIBRATION.verdict)
    assert "6,820 pairs of 341 products asked about, 61.9% of them alike" in text
    for said, score in CALIBRATION.marks.items():
        assert line_of(text, f"{said} alike").split()[-1] == f"{score:.4f}"
    for name, figure in (("expected calibration error", CALIBRATION.ece), ("Brier score ", CALIBRATION.brier)):
        assert re.search(rf"{number(figure.value)}\s+{re.escape(bounds(figure))}", line_of(text, name))
    assert "chosen" in line_of(text, "log loss of beta")
    assert text.count("chosen") == 1
    for one in CALIBRATION.reliability:
        line = line_of(text, number(one.stated))
        assert line.split()[-2:] == [number(one.found), f"{one.n:,}"]
        assert ("┊" in line) == (width >= figures.ROOM)
    if width >= figures.ROOM:
        assert line_of(text, "0.792").count("█") in (19, 20)  # of the 25 that stand for 1
    assert CALIBRATION.notes[0] in text


def test_nothing_that_a_catalogue_says_can_act(told: Told) -> None:
    evil = "\x1b[31mred[bold] [/] [link=x]"
    seen = "[31mred[bold] [/] [link=x]"
    shown = (Shown(evil, evil, "", 3.0),)
    remark = Remark("duplicates", evil, evil)
    signal = replace(signal_health("image", remark), name=evil, hubs=shown, largest=shown)
    fact = replace(DRIFT.facts[0], name=evil, what=evil)
    drift = replace(DRIFT, old=evil, signals=(replace(DRIFT.signals[0], name=evil, strange=shown),), facts=(fact,))
    repeats = (replace(HEALTH.repetitions[0], a=evil),)
    report = replace(
        HEALTH, store=evil, verdict=evil, notes=(evil,), signals=(signal,), drift=drift, repetitions=repeats
    )
    calibration = replace(CALIBRATION, truth=evil, holds_for=evil, verdict=evil, notes=(evil,))
    for one in (report, calibration):
        text = told(one, 200)
        assert "\x1b" not in text
        assert text.count(seen) >= 4
