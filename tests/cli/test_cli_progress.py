"""What is told while something long runs: a bar a stage, a line a step."""

import io
import re

import pytest
from rich.console import Console

from sosie.cli import show

TOLD = [
    ("reading", 1, 2),
    ("reading", 2, 2),
    ("training: epoch 1 of 2, loss 3.100", 1, 4),
    ("training: epoch 1 of 2, loss 2.900, best hit@1 0.500", 2, 4),
    ("training: epoch 2 of 2, loss 2.000, best hit@1 0.500", 3, 4),
    ("training: epoch 2 of 2, loss 1.900, best hit@1 0.750", 4, 4),
]
LINES = [TOLD[3][0], TOLD[5][0]]  # what was told last of each epoch


def told_on(monkeypatch: pytest.MonkeyPatch, terminal: bool, twice: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=120, color_system=None)
    monkeypatch.setattr(show, "err", console)
    with show.progress() as progress:
        for told in TOLD * (1 + twice):
            progress(*told)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())


def test_off_a_terminal_each_step_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_on(monkeypatch, terminal=False).splitlines() == LINES


def test_a_stage_that_begins_again_tells_its_steps_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_on(monkeypatch, terminal=False, twice=True).splitlines() == LINES * 2


def test_on_a_terminal_the_lines_stay_above_one_bar_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = told_on(monkeypatch, terminal=True)
    lines = [line.strip() for line in re.split(r"[\r\n]+", shown)]
    for line in LINES:
        assert line in lines
    last = [line for line in lines if "/" in line and "training" in line]
    assert last  # a bar, with how far it is
    assert "4/4" in last[-1]
    assert len({re.sub(r":.*", "", line.lstrip("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ")) for line in last}) == 1
