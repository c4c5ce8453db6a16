"""How evaluations and comparisons look in a terminal."""

from rich.table import Table

from sosie.cli.show import _plain, out, warn
from sosie.pages.wording import bounds, chance, headline, number, rivals, signed
from sosie.reports import Comparison, Evaluation


def print_evaluation(report: Evaluation) -> None:
    """Leaks first, then the verdict and the figures."""
    for leak in report.leaks:
        out.print(f"[{'red' if leak.grave else 'yellow'}]leak[/] {_plain(leak.what)} {_plain(leak.advice)}")
    sentence, reach = headline(report.measure, report.metrics[report.measure])
    out.print(f"[bold]{_plain(sentence)}[/] ({reach}). {_plain(rivals(report))}")
    table = Table(box=None)
    table.add_column("measure")
    table.add_column("figure", justify="right")
    for name, figure in report.metrics.items():
        table.add_row(_plain(name), f"{number(figure.value)} \\{bounds(figure)}")
    out.print(table)
    warn(report.notes)


def print_comparison(report: Comparison) -> None:
    """The verdict, then each difference."""
    out.print(f"[bold]{_plain(report.verdict)}[/]")
    table = Table(box=None)
    for column in ("measure", "A", "B", "B − A", "interval", "p"):
        table.add_column(column)
    for one in report.differences:
        name = f"{one.measure} {one.where}".strip()
        table.add_row(
            _plain(name),
            number(one.a),
            number(one.b),
            signed(one.difference.value),
            "\\" + bounds(one.difference, sign=True),
            chance(one.p_holm),
        )
    out.print(table)
    warn(report.notes)
