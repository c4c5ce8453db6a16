"""How answers, guesses and reports look in a terminal and as JSON."""

import json
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from sosie.errors import SosieError
from sosie.metrics.calibration import spoken
from sosie.types import CatalogueReport, Hit, Product
from sosie.types import Progress as Report

if TYPE_CHECKING:
    from sosie.catalog import Guess
    from sosie.engine.build import BuildReport
    from sosie.engine.rules import Rules

COLOURS = (
    "cyan",
    "magenta",
    "yellow",
    "green",
    "blue",
    "red",
    "bright_cyan",
    "bright_magenta",
    "bright_yellow",
    "white",
)
BAR = 24  # characters of a score of 1

out = Console(highlight=False, width=None if sys.stdout.isatty() else 120)  # a pipe has no width of its own
err = Console(stderr=True, highlight=False)


def print_json(value: object) -> None:
    """One JSON value on stdout."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
    sys.stdout.write("\n")


def warn(notes: Iterable[str]) -> None:
    """Print warnings on stderr, one a line."""
    for note in notes:
        err.print(f"[yellow]note[/] {_plain(note)}", soft_wrap=True)


def size(count: int) -> str:
    """Bytes as people read them."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= least:
            return f"{count / least:.1f} {unit}"
    return f"{count} bytes"


def price(product: Product) -> str:
    """Price as a shop shows it, the sale price beside it where there is one."""
    if product.price is None:
        return ""
    shown = f"{product.price:,.2f} {product.currency}".strip()
    return shown if product.sale_price is None else f"{shown} → {product.sale_price:,.2f}"


def print_hits(title: str, hits: Sequence[Hit], took_ms: float, alike: str = "") -> None:
    """A table of hits: title, price, score, and the parts as a bar whose colours the last line names.

    Where no hit has a title the category stands for it; a column that none fills is left out.
    With `alike`, the truth that scores were calibrated on, also how many of ten such hits are alike.
    """
    signals = _signals(hits)
    table = Table(
        title=_plain(title), title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim"
    )
    table.add_column("#", justify="right")
    titled = any(hit.product.title for hit in hits)
    table.add_column("id", max_width=20 if titled else 48, overflow="ellipsis", no_wrap=True)
    names = [hit.product.title if titled else next(iter(hit.product.category), "") for hit in hits]
    prices = [price(hit.product) for hit in hits]
    if any(names):
        table.add_column("title" if titled else "category", max_width=40, overflow="ellipsis", no_wrap=True)
    if any(prices):
        table.add_column("price", justify="right", no_wrap=True, min_width=max(map(len, prices)))
    table.add_column("score", justify="right", no_wrap=True, min_width=7)
    if alike:
        table.add_column("alike", justify="right", no_wrap=True, min_width=9)
    table.add_column("why", no_wrap=True)
    for hit, name, cost in zip(hits, names, prices, strict=True):
        likely = [spoken(hit.likely) if hit.likely is not None else ""] if alike else []
        table.add_row(
            str(hit.rank),
            _plain(hit.product.id),
            *([_plain(name)] if any(names) else []),
            *([cost] if any(prices) else []),
            f"{hit.score:.4f}",
            *likely,
            _bar(hit, signals),
        )
    out.print(table)
    if not hits:
        out.print("  no product answers this question; a wider --where or a lower --min-score may.")
    else:
        out.print(_legend(signals, hits), soft_wrap=True)
        if alike:
            out.print(f"[dim]alike: of hits with such a score, by {_plain(alike)}[/]", soft_wrap=True)
    out.print(f"[dim]{len(hits)} {'hit' if len(hits) == 1 else 'hits'} in {took_ms:.1f} ms[/]\n")


def _signals(hits: Sequence[Hit]) -> list[str]:
    total: dict[str, float] = {}
    for hit in hits:
        for signal, part in hit.parts.items():
            total[signal] = total.get(signal, 0.0) + part
    return sorted(total, key=lambda signal: (-total[signal], signal))


def _bar(hit: Hit, signals: Sequence[str]) -> Text:
    bar = Text()
    due = 0.0
    for at, signal in enumerate(signals):
        due += max(hit.parts.get(signal, 0.0), 0.0) * BAR
        bar.append("█" * max(0, round(due) - len(bar)), style=COLOURS[at % len(COLOURS)])
    if hit.pinned:
        bar.append(" pinned", style="dim")
    if hit.missing:
        bar.append(f" no {', '.join(hit.missing)}", style="dim")
    return bar


def _legend(signals: Sequence[str], hits: Sequence[Hit]) -> Text:
    legend = Text()
    for at, signal in enumerate(signals):
        mean = sum(hit.parts.get(signal, 0.0) for hit in hits) / len(hits)
        legend.append("█ ", style=COLOURS[at % len(COLOURS)])
        legend.append(f"{signal} {mean:+.3f}   ", style="dim")
    return legend


def print_facts(title: str, facts: Mapping[str, object]) -> None:
    """What a store holds, one fact a line."""
    table = Table(
        title=_plain(title), title_justify="left", title_style="bold", box=None, pad_edge=False, show_header=False
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines = [f"{key}: {_inline(inner)}" for key, inner in value.items() if inner]
            table.add_row(_plain(name), _plain("\n".join(lines)))
        else:
            table.add_row(_plain(name), _plain(_inline(value)))
    out.print(table)


def print_rules(rules: "Rules", known: Container[str]) -> None:
    """Pins and blocks, one a line; products that are gone are named as such."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("beside", "", "product"):
        table.add_column(name, overflow="fold")
    for what, listed in (("pinned", rules.pins), ("blocked", rules.blocks)):
        for id, others in listed.items():
            beside = "every product" if id == "*" else _named(id, known)
            table.add_row(_plain(beside), what, _plain(", ".join(_named(one, known) for one in others)))
    if table.row_count:
        out.print(table)
    else:
        out.print("nothing is pinned or blocked")


def _named(id: str, known: Container[str]) -> str:
    return id if id in known else f"{id} (gone)"


def _inline(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {inner}" for key, inner in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def print_guess(guess: "Guess") -> None:
    """What was recognised in a catalogue, shown before the work begins."""
    read = [guess.format, guess.encoding, guess.delimiter and f"delimiter {guess.delimiter!r}"]
    err.print(f"[bold]reading[/] {_plain(', '.join(str(part) for part in read if part))}", soft_wrap=True)
    fields = ", ".join(f"{column} → {field}" for column, field in guess.fields.items())
    for name, value in (
        ("fields", fields),
        ("compared", ", ".join(guess.attributes)),
        ("kept, not compared", ", ".join(f"{column} ({why})" for column, why in guess.ignored.items())),
    ):
        if value:
            err.print(f"  [dim]{name}:[/] {_plain(value)}", soft_wrap=True)
    warn(guess.notes)


def print_build(report: "BuildReport") -> None:
    """What a build did."""
    changes = report.changes
    encoded = ", ".join(f"{signal} {count:,}" for signal, count in report.encoded.items() if count)
    out.print(
        f"[bold]{report.store}[/]: {report.products:,} products in {report.seconds:.1f} s "
        f"([green]{changes.added:,} added[/], {changes.changed:,} changed, {changes.removed:,} removed, "
        f"{changes.unchanged:,} unchanged)",
        soft_wrap=True,
    )
    out.print(f"  [dim]encoded:[/] {encoded or 'nothing'}", soft_wrap=True)
    if report.rejects:
        what = f"{report.rejected:,} rows and {report.dropped:,} single fields could not be used"
        out.print(f"  [yellow]{what}[/]: {report.rejects}", soft_wrap=True)


def print_report(report: CatalogueReport) -> None:
    """What is wrong with a catalogue, what harms most first."""
    out.print(
        f"[bold]{report.products:,} products[/], {report.rejected:,} rows that can't be used, "
        f"{report.pictures:,} pictures ({report.examined:,} opened)"
    )
    for finding in report.findings:
        out.print(
            f"\n[bold]{_plain(finding.wrong)}[/]  [dim]{finding.count:,} × weight {finding.weight:.2f}[/]",
            soft_wrap=True,
        )
        out.print(f"  {_plain(finding.advice)}", soft_wrap=True)
        cases = [
            f"row {case.row} {case.id}" + (f" ({case.value})" if case.value else "") for case in finding.examples[:5]
        ]
        more = f" … and {finding.count - len(cases):,} more" if finding.count > len(cases) else ""
        out.print(f"  [dim]{_plain('; '.join(cases))}{more}[/]", soft_wrap=True)
    if not report.findings:
        out.print("nothing found that would harm look-alikes.")
    warn(report.notes)


def write_page(file: Path, page: str) -> None:
    """Write a page beside, then put it in place. Raises SosieError where that can't be done."""
    partial = file.with_name(file.name + ".partial")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        partial.replace(file)
    except OSError as error:
        raise SosieError(f"{file}: can't be written ({error.strerror}).") from error


@contextmanager
def progress() -> Iterator[Report]:
    """A bar a stage on stderr, and a line for each step that a stage tells; lines alone where it is no terminal.

    What a stage tells stands behind a colon, the step first: "training: epoch 3 of 16, loss 2.310".
    """
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", table_column=None),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
        tasks: dict[str, TaskID] = {}
        steps = _Steps()

        def report(stage: str, done: int, total: int | None) -> None:
            name = stage.partition(": ")[0]
            if name not in tasks:
                tasks[name] = bars.add_task(stage, total=total)
            bars.update(tasks[name], completed=done, total=total, description=stage)
            for line in steps.ended(stage, done == total):
                err.print(line, highlight=False)

        yield report


class _Steps:
    """Steps that stages tell: what was told last of each is a line, once the next begins or all is done."""

    def __init__(self) -> None:
        self._last: dict[str, str] = {}  # by the name of the stage

    def ended(self, stage: str, done: bool) -> list[str]:
        """Lines for what has ended by what a stage tells now."""
        name, _, told = stage.partition(": ")
        if not told:
            return []
        before = self._last.pop(name, stage)
        lines = [before] if _step(before) != _step(stage) else []
        if done:
            return [*lines, stage]
        self._last[name] = stage
        return lines


def _step(stage: str) -> str:
    return stage.partition(", ")[0]


def _plain(text: str) -> str:
    # A catalogue's text may hold rich markup or terminal escapes: neither may act.
    return "".join(ch for ch in text if ch.isprintable() or ch == "\n").replace("[", r"\[")
