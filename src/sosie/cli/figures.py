"""How evaluations, comparisons and tunings look in a terminal: the verdict first, figures with intervals drawn."""

import math
from collections.abc import Iterable, Mapping, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sosie.cli.show import _plain, out, warn
from sosie.pages.plots import Axis, axis_of
from sosie.pages.tuning import is_adopted
from sosie.pages.wording import (
    KINDS,
    also,
    amount,
    better_of,
    bounds,
    chance,
    counted,
    headline,
    is_better,
    number,
    rivals,
    signed,
)
from sosie.reports import Case, Comparison, Difference, Evaluation, Figure, Measured, Slice, Trade, Tuning

WIDTH = 26  # characters of a plot
ROOM = 100  # characters of a line, below which there are no plots
PLOT, VERDICT = " ", ""  # columns without a name
SLICES, CASES, CHANGED = 8, 3, 5  # that are told; a page shows all of them
LABELS = 3  # measures of each label alone


def print_evaluation(report: Evaluation) -> None:
    """The verdict and what was asked, leaks, the main measure beside others, all measures, slices, worst questions."""
    _verdict(report)
    for leak in sorted(report.leaks, key=lambda one: not one.grave):
        mark = "[bold red]grave leak[/]" if leak.grave else "[yellow]leak[/]"
        out.print(f"{mark} {_plain(leak.what)}", soft_wrap=True)
        out.print(f"  {_plain(leak.advice)}", soft_wrap=True)
        if leak.examples:
            shown = "; ".join(f"{one} ↔ {other}" for one, other in leak.examples[:3])
            out.print(f"  [dim]such as {_plain(shown)}[/]", soft_wrap=True)
    if report.leaks:
        out.print()
    if report.baselines:
        out.print(_beside(report))
        out.print()
    out.print(_measures(report))
    out.print()
    told = [one for one in report.slices if one.verdict][:SLICES] or report.slices[:3]
    if told:
        out.print(_slices(report, told))
        out.print()
    for case in report.worst[:CASES]:
        out.print(_case("worst", report.measure, case), soft_wrap=True)
    warn(report.notes)


def print_comparison(report: Comparison) -> None:
    """The verdict, each difference with its interval, how much the answers overlap, what changed most."""
    out.print(f"[bold]{_plain(report.verdict)}[/]", soft_wrap=True)
    if said := also(report):
        out.print(_plain(said), soft_wrap=True)
    asked = f"{report.queries:,} questions" + (f", judged by {report.truth}" if report.truth else "")
    out.print(f"[dim]A = {_plain(report.a)}, B = {_plain(report.b)}; {_plain(asked)}[/]\n", soft_wrap=True)
    if report.differences:
        out.print(_differences(report.differences))
        out.print()
    out.print(_overlaps(report))
    out.print()
    for one in report.changed[:CHANGED]:
        change = f"{report.measure} {number(one.a.value)} → {number(one.b.value)}, " if report.truth else ""
        out.print(f"[dim]changed[/] {_named(one.a)} [dim]· {change}overlap {number(one.overlap)}[/]", soft_wrap=True)
    warn(report.notes)


def print_tuning(report: Tuning) -> None:
    """The verdict, weights before and after, what settings give and cost, the test split, what to do now."""
    out.print(f"[bold]{_plain(report.verdict)}[/]", soft_wrap=True)
    out.print(f"[dim]{report.queries:,} questions, judged by {_plain(report.truth)}[/]\n", soft_wrap=True)
    out.print(_weights(report))
    out.print()
    if report.trades:
        out.print(_trades(report))
        out.print("[dim]front: nothing tried is better, quicker and smaller at once[/]\n", soft_wrap=True)
    for name, figure in report.test.items():
        sign = name == "difference"
        value = signed(figure.value) if sign else number(figure.value)
        shown = f"{report.measure} {value} {_interval(figure, sign=sign)}"
        out.print(f"[dim]test split, {_plain(name)}:[/] {shown}", soft_wrap=True)
    if report.written:
        out.print(f"written to {_plain(report.written)}:", soft_wrap=True)
        for key, setting in report.adopted.items():
            out.print(f"  {_plain(key)} = {_plain(str(setting))}", soft_wrap=True)
        out.print(f"[dim]to use it: sosie build CATALOGUE --config {_plain(report.written)}[/]", soft_wrap=True)
    warn(report.notes)


def _weights(report: Tuning) -> Table:
    table = _table("signal", "weight before", "found")
    for name in sorted(report.before, key=lambda one: (-report.after.get(one, 0.0), one)):
        _row(table, _plain(name), amount(report.before[name]), amount(report.after.get(name, 0.0)))
    return table


def _trades(report: Tuning) -> Table:
    now = report.trades[0]
    axis = _axis([one.quality for one in report.trades], (0.0, 1.0))
    table = _table("settings", PLOT, report.measure, "95% interval", "− now’s", "p", "ms", "bytes", VERDICT)
    for one in report.trades:
        style = "bold" if one is now else "green" if is_adopted(one, report) else "cyan"
        compared = one is not now and one.difference is not None
        _row(
            table,
            _plain(one.name),
            _drawn(one.quality, axis, style, now.quality.value),
            number(one.quality.value),
            _interval(one.quality),
            signed(one.difference.value) if compared and one.difference else "",
            chance(one.p_holm) if compared else "",
            amount(one.ms),
            f"{one.bytes:,}",
            _merit(one, report),
        )
    _scale(table, axis, "")
    return table


def _merit(one: Trade, report: Tuning) -> str:
    adopted = "[green]adopted[/]" if is_adopted(one, report) else ""
    return f"{adopted} {'[dim]front[/]' if one.front else ''}".strip()


def _verdict(report: Evaluation) -> None:
    main = report.metrics.get(report.measure)
    if main is None or not report.truth:
        out.print("[bold]No truth was given: these checks show what is broken, not how good the answers are.[/]")
    else:
        sentence, reach = headline(report.measure, main)
        out.print(f"[bold]{_plain(sentence)}[/]{f' ({reach})' if reach else ''}.", soft_wrap=True)
        if said := rivals(report):
            out.print(_plain(said), soft_wrap=True)
    grave = sum(leak.grave for leak in report.leaks)
    if grave:
        verb = "inflates" if grave == 1 else "inflate"
        out.print(f"[bold red]Don't trust these figures yet:[/] {counted(grave, 'leak')} {verb} them.")
    left_out = f", {report.without_relevant:,} without anything relevant" if report.without_relevant else ""
    asked = (
        f"{report.queries:,} {'pairs' if report.reliability else 'questions'}{left_out}; {report.gallery:,} products"
    )
    by = f"{report.truth}; " if report.truth else ""
    out.print(f"[dim]{_plain(by)}{asked}[/]\n", soft_wrap=True)


def _beside(report: Evaluation) -> Table:
    measure = report.measure
    own = report.metrics[measure]
    axis = _axis([own, *(one.metrics[measure] for one in report.baselines)], (0.0, 1.0))
    table = _table("answered by", PLOT, measure, "95% interval", "fused − it", "p", VERDICT)
    _row(table, "[bold]fused[/]", _drawn(own, axis, "bold"), f"[bold]{number(own.value)}[/]", _interval(own))
    for kind, heading in KINDS.items():
        some = sorted(
            (one for one in report.baselines if one.kind == kind), key=lambda one: -one.metrics[measure].value
        )
        if some:
            _row(table, f"[dim]{heading}[/]")
        for one in some:
            _row(table, *_rival(one, measure, axis, _standing(one, report), own.value))
    _scale(table, axis, "")
    return table


def _standing(one: Measured, report: Evaluation) -> str:
    """How one stands that the fused answer doesn't beat by more than chance; else nothing."""
    if one.name not in report.beaten_by:
        return ""
    return "better" if is_better(one) else "not beaten"


def _rival(one: Measured, measure: str, axis: Axis, standing: str, mark: float) -> Sequence[str | Text | None]:
    figure = one.metrics[measure]
    return (
        f"  {_plain(one.name)}",
        _drawn(figure, axis, "yellow" if standing else "cyan", mark),
        number(figure.value),
        _interval(figure),
        signed(one.difference.value) if one.difference else "",
        chance(one.p),
        f"[yellow]{standing}[/]" if standing else "",
    )


def _measures(report: Evaluation) -> Table:
    """All measures of the fused answer, beside the strongest signal and the strongest baseline by the main one."""
    beside = [
        max(some, key=lambda one: one.metrics[report.measure].value)
        for kind in KINDS
        if (some := [one for one in report.baselines if one.kind == kind])
    ]
    table = _table("measure", "fused" if report.truth else "share", "95% interval", "n", *(one.name for one in beside))
    for name, figure in report.metrics.items():
        others = [number(one.metrics[name].value) if name in one.metrics else "" for one in beside]
        _row(table, _plain(name), number(figure.value), _interval(figure), f"{figure.n:,}", *others)
    for name, value in report.lists.items():
        _row(table, _plain(name), number(value))
    for label, figures in report.labels.items():
        _row(table, f"[dim]by {_plain(label)} alone[/]")
        for name, figure in [*figures.items()][:LABELS]:
            _row(table, f"  {_plain(name)}", number(figure.value), _interval(figure), f"{figure.n:,}")
    return table


def _slices(report: Evaluation, slices: Sequence[Slice]) -> Table:
    main = report.metrics.get(report.measure)
    axis = _axis([one.figure for one in slices] + ([main] if main else []), (0.0, 1.0))
    table = _table("questions with", PLOT, report.measure, "95% interval", "others", "n", "p", VERDICT)
    styles: Mapping[str, str] = {"worse": "red", "better": "green", "": "dim"}
    for one in slices:
        style = styles[one.verdict]
        _row(
            table,
            f"[dim]{_plain(one.by)}[/] {_plain(one.value)}",
            _drawn(one.figure, axis, style, main.value if main else None),
            number(one.figure.value),
            _interval(one.figure),
            number(one.rest),
            f"{one.figure.n:,}",
            chance(one.p),
            f"[{style}]{one.verdict or 'may be chance'}[/]",
        )
    _scale(table, axis, "")
    return table


def _differences(differences: Sequence[Difference]) -> Table:
    axis = _axis([Figure(0.0, 0.0, 0.0, 0), *(one.difference for one in differences)], None)
    table = _table("measure", "A", "B", PLOT, "B − A", "95% interval", "p", "win/tie/loss", "better")
    for one in differences:
        better = better_of(one)
        style = {"A": "magenta", "B": "green"}.get(better, "dim")
        _row(
            table,
            f"[dim]{_plain(one.where.replace('=', ' ', 1))}[/]" if one.where else _plain(one.measure),
            number(one.a),
            number(one.b),
            _drawn(one.difference, axis, style, 0.0),
            signed(one.difference.value),
            _interval(one.difference, sign=True),
            chance(one.p_holm),
            f"{one.win:,}/{one.tie:,}/{one.loss:,}",
            f"[{style}]{better}[/]" if better else "",
        )
    _scale(table, axis, "", "", "")
    return table


def _overlaps(report: Comparison) -> Table:
    figures = {"all": report.overlap} | dict(sorted(report.overlap_by.items(), key=lambda one: one[1].value))
    axis = _axis(figures.values(), (0.0, 1.0))
    table = _table("overlap of answers", PLOT, "rbo", "95% interval", "n")
    for name, figure in figures.items():
        style = "bold" if name == "all" else "cyan"
        drawn = _drawn(figure, axis, style, report.overlap.value)
        _row(table, _plain(name), drawn, number(figure.value), _interval(figure), f"{figure.n:,}")
    _scale(table, axis, "")
    return table


def _case(what: str, measure: str, case: Case) -> str:
    right = sum(hit.grade > 0 for hit in case.hits)
    told = f"{measure} {number(case.value)}, {right} of {len(case.hits)} answers right, {case.relevant:,} relevant"
    return f"[dim]{what}[/] {_named(case)} [dim]· {told}[/]"


def _named(case: Case) -> str:
    return _plain(f"{case.query} {case.title}".strip() if case.title != case.query else case.query)


def _table(*names: str) -> Table:
    """A table whose first column gives way where there is little room; plots are left out where there is less."""
    table = Table(box=None, pad_edge=False, collapse_padding=not _roomy(), header_style="dim")
    for at, name in enumerate(names):
        if name == PLOT and not _roomy():
            continue
        left = at == 0 or name in (PLOT, VERDICT)
        table.add_column(_plain(name).strip(), justify="left" if left else "right", no_wrap=at > 0, overflow="fold")
    return table


def _row(table: Table, *cells: str | Text | None) -> None:
    table.add_row(*(cell for cell in cells if cell is not None))


def _roomy() -> bool:
    return out.width >= ROOM


def _axis(figures: Iterable[Figure], bounds_: tuple[float, float] | None) -> Axis:
    ends = [end for one in figures for end in (one.low, one.value, one.high) if math.isfinite(end)]
    return axis_of(ends, bounds=bounds_ if all(0 <= end <= 1 for end in ends) else None)


def _drawn(figure: Figure, axis: Axis, style: str, mark: float | None = None) -> Text | None:
    """A dot with its interval, in WIDTH characters; nothing where there is no room."""
    if not _roomy():
        return None
    cells = [" "] * WIDTH
    if mark is not None and math.isfinite(mark):
        cells[_cell(axis, mark)] = "┊"
    if math.isfinite(figure.low) and math.isfinite(figure.high):
        for at in range(_cell(axis, figure.low), _cell(axis, figure.high) + 1):
            cells[at] = "─"
    if math.isfinite(figure.value):
        cells[_cell(axis, figure.value)] = "●"
    return Text("".join(cells), style=style)


def _scale(table: Table, axis: Axis, *before: str) -> None:
    """A last row that tells the ends of the plot, which stands after the columns `before`."""
    if _roomy():
        low, high = (f"{end:g}".replace("-", "−") for end in (axis.low, axis.high))
        _row(table, *before, Text(low + high.rjust(WIDTH - len(low)), style="dim"))


def _cell(axis: Axis, value: float) -> int:
    return round(axis.at(value) / 100 * (WIDTH - 1))


def _interval(figure: Figure, *, sign: bool = False) -> str:
    return escape(bounds(figure, sign=sign))
