"""How the health of a store, drift and a calibration look in a terminal."""

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from sosie.cli.figures import PLOT, VERDICT, WIDTH, _interval, _roomy, _row, _table
from sosie.cli.show import _plain, out, warn
from sosie.pages.wording import chance, number
from sosie.reports import (
    Bin,
    CalibrationReport,
    DriftReport,
    FactDrift,
    HealthReport,
    Remark,
    Repetition,
    Shift,
    Shown,
    SignalDrift,
    SignalHealth,
)

HUBS, REPETITIONS, STRANGE = 5, 5, 3  # that are told; a page shows more
STYLES = {"drift": "[bold red]drift[/]", "slight": "[yellow]slight[/]", "": "[green]chance[/]"}


def print_health(report: HealthReport) -> None:
    """The verdict, figures of each signal, what to look at, hubs, equal vectors, signals beside each other, drift."""
    out.print(f"[bold]{_plain(report.verdict)}[/]", soft_wrap=True)
    out.print(f"[dim]{_plain(report.store)} {report.version}: {report.products:,} products[/]\n", soft_wrap=True)
    out.print(_signals(report.signals))
    out.print()
    _look([*(remark for one in report.signals for remark in one.remarks), *report.remarks])
    for one in report.signals:
        if one.hubs and (one.kind == "fused" or _has(one, "hubs")):
            title = f"most often among the first ten{'' if one.kind == 'fused' else f' by {one.name}'}"
            _shown(title, "lists", one.hubs[:HUBS])
        if _has(one, "duplicates"):
            _shown(
                "the same in every signal" if one.kind == "fused" else f"the same {one.name}", "products", one.largest
            )
    if report.repetitions:
        out.print(_repetitions(report.repetitions[:REPETITIONS]))
        out.print()
    if report.drift is not None:
        print_drift(report.drift)
    warn(report.notes)


def print_drift(report: DriftReport) -> None:
    """The verdict, what drifted and by how much beside random halves of one build, the strangest new products."""
    out.print(f"[bold]{_plain(report.verdict)}[/]", soft_wrap=True)
    out.print(
        f"[dim]{_plain(report.old)} {report.old_version} → {_plain(report.new)} {report.new_version}: "
        f"{report.kept:,} products in both, {report.fresh:,} new, {report.gone:,} gone[/]\n",
        soft_wrap=True,
    )
    out.print(_drifts(report.signals))
    out.print()
    if report.facts:
        out.print(_facts(report.facts))
        for fact in report.facts:
            if fact.verdict:
                out.print(f"[dim]{_plain(fact.name)}[/] {_plain(fact.what)}", soft_wrap=True)
        out.print()
    _look(report.remarks)
    for one in report.signals:
        if one.strange and one.verdict:
            _shown(f"new products least like any by {one.name}", "nearest", one.strange[:STRANGE])
    warn(report.notes)


def print_calibration(report: CalibrationReport) -> None:
    """The verdict, what scores stand for, how true that is of pairs held out."""
    out.print(f"[bold]{_plain(report.verdict)}[/]", soft_wrap=True)
    asked = f"{report.pairs:,} pairs" + (f" of {report.questions:,} products asked about" if report.questions else "")
    out.print(
        f"[dim]{_plain(report.truth)}; {asked}, {report.alike:.1%} of them alike. {_plain(report.holds_for)}[/]\n",
        soft_wrap=True,
    )
    if report.marks:
        table = _table("stated", "from a score of")
        for said, score in report.marks.items():
            _row(table, f"{said} alike", f"{score:.4f}")
        out.print(table)
        out.print()
    out.print(_reliability(report.reliability))
    out.print()
    table = _table("of pairs held out", "", "95% interval")
    _row(table, "expected calibration error", number(report.ece.value), _interval(report.ece))
    _row(table, "Brier score", number(report.brier.value), _interval(report.brier))
    _row(table, "Brier score, the same stated of all", number(report.base))
    for method, loss in sorted(report.losses.items(), key=lambda one: one[1]):
        chosen = "  chosen" if method == report.method else ""
        _row(table, f"log loss of {method}", f"{loss:.4f}", chosen)
    out.print(table)
    out.print("\nKept with the store: each hit now tells how many of ten such are alike.", soft_wrap=True)
    warn(report.notes)


def _has(one: SignalHealth, kind: str) -> bool:
    return any(remark.kind == kind for remark in one.remarks)


def _look(remarks: Iterable[Remark]) -> None:
    told = ""
    for remark in remarks:
        out.print(f"[yellow]look[/] {_plain(remark.what)}", soft_wrap=True)
        if remark.advice != told:
            out.print(f"  {_plain(remark.advice)}", soft_wrap=True)
        told = remark.advice
    if told:
        out.print()


def _signals(signals: Sequence[SignalHealth]) -> Table:
    table = _fitting(
        ("signal", "have it", "directions", "dimension", "hub skew", "equal", VERDICT), ("weight", "top hub", "unseen")
    )
    for one in signals:
        kinds = ", ".join(dict.fromkeys(remark.kind for remark in one.remarks))
        _row(
            table,
            f"[bold]{one.name}[/]" if one.kind == "fused" else _plain(one.name),
            f"{1 - one.missing:.0%}",
            f"{one.directions:.0f} of {one.dim:,}",
            "" if one.intrinsic is None else f"{one.intrinsic:.1f}",
            "" if one.hub_skew is None else f"{one.hub_skew:.2f}",
            f"{one.duplicates:,}",
            *_if_roomy(
                f"{one.weight:g}",
                f"{one.hubs[0].value:,.0f} lists" if one.hubs else "",
                "" if one.unseen is None else f"{one.unseen:.1%}",
            ),
            f"[yellow]{_plain(kinds)}[/]" if kinds else "[green]ok[/]",
        )
    return table


def _fitting(names: Sequence[str], more: Sequence[str]) -> Table:
    """A table; `more` are columns before the last one, where there is room."""
    return _table(*names[:-1], *_if_roomy(*more), names[-1])


def _if_roomy(*cells: str) -> tuple[str, ...]:
    return cells if _roomy() else ()


def _shown(title: str, value: str, products: Sequence[Shown]) -> None:
    table = _table(title, "title", value)
    table.columns[1].justify = "left"
    for one in products:
        _row(table, _plain(one.id), _plain(one.title), f"{one.value:,.4g}")
    out.print(table)
    out.print()


def _repetitions(repetitions: Sequence[Repetition]) -> Table:
    names = ("two signals", "alignment", "correlation", "same neighbours", VERDICT)
    table = _fitting(names, ("products",))
    for one in repetitions:
        _row(
            table,
            _plain(f"{one.a} – {one.b}"),
            number(one.cka),
            number(one.correlation),
            f"{one.overlap:.0%}",
            *_if_roomy(f"{one.products:,}"),
            "[yellow]repeat[/]" if one.repeats else "",
        )
    return table


def _drifts(signals: Sequence[SignalDrift]) -> Table:
    names = ("drift of", "neighbours", "mmd² × 1000", "random halves", "told apart", "p", VERDICT)
    table = _fitting(names, ("products", "cosine"))
    for one in signals:
        blank = [""] * (5 + len(_if_roomy("", "")))
        _row(table, f"[bold]{_plain(one.name)}[/]", *blank, STYLES[one.verdict] if _tested(one) else "")
        if one.kept:
            cosine = "" if one.cosine is None else number(one.cosine.value)
            kept = "" if one.overlap is None else f"{one.overlap.value:.0%} kept"
            _row(table, " themselves", kept, *_shift(one.moved, 1_000), *_if_roomy(f"{one.kept:,}", cosine))
        if one.fresh:
            _row(table, " new ones", "", *_shift(one.new, 1_000), *_if_roomy(f"{one.fresh:,}", ""))
    return table


def _tested(one: SignalDrift) -> bool:
    return one.moved is not None or one.new is not None


def _facts(facts: Sequence[FactDrift]) -> Table:
    table = _table("new products by", "stability index", "random halves", "p", VERDICT)
    for one in facts:
        value, interval, _, p = _shift(one.shift, 1)
        _row(table, _plain(one.name), value, interval, p, STYLES[one.verdict])
    return table


def _shift(shift: Shift | None, unit: float) -> tuple[str, str, str, str]:
    """Its value, 95% of random splits, how often old and new are told apart, and p."""
    if shift is None:
        return "", "", "", ""
    low, high = number(unit * shift.low), number(unit * shift.high)
    return number(unit * shift.value), rf"\[{low}, {high}]", f"{50 * (1 + shift.size):.0f} of 100", chance(shift.p)


def _reliability(bins: Sequence[Bin]) -> Table:
    """What was stated beside what was found, a bar a bin."""
    table = _table("stated", PLOT, "found", "pairs")
    for one in bins:
        filled, mark = round(one.found * (WIDTH - 1)), round(one.stated * (WIDTH - 1))
        bar = Text(("█" * filled).ljust(WIDTH), style="cyan")
        drawn = Text.assemble(bar[:mark], ("┊", "bold"), bar[mark + 1 :]) if _roomy() else None
        _row(table, number(one.stated), drawn, number(one.found), f"{one.n:,}")
    return table
