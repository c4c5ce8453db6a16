"""How a training looks in a terminal."""

from typing import TYPE_CHECKING

from rich.table import Table

from sosie.cli import show
from sosie.reports import Figure

if TYPE_CHECKING:
    from sosie.train.recipe import Recipe
    from sosie.train.report import TrainReport
    from sosie.train.search import Search


def print_recipe(name: str, why: str, recipe: "Recipe") -> None:
    """What is going to be done."""
    learns = f"{recipe.loss.name} loss, {recipe.epochs} epochs of batches of {recipe.batch}"
    show.err.print(f"recipe [bold]{name}[/] ({why}): {recipe.network}, {learns}", soft_wrap=True)


def print_training(report: "TrainReport") -> None:
    """What came of it."""
    if report.figures or report.also:
        table = Table(box=None, pad_edge=False)
        for heading in ("truth", "measure", "trained", f"before ({report.before})", "difference", "p"):
            table.add_column(heading, overflow="fold")
        for one in (*report.figures, *report.also):
            table.add_row(
                one.truth,
                one.measure,
                _told(one.trained),
                _told(one.before),
                f"{one.difference.value:+.3f} [{one.difference.low:+.3f}, {one.difference.high:+.3f}]",
                f"{one.p:.3g}",
            )
        show.out.print(table)
    show.out.print(
        f"{report.products:,} products, {len(report.epochs)} epochs, {report.seconds / 60:.1f} minutes, "
        f"{report.samples_per_second:,.0f} products/s, {report.waiting:.1%} of it waiting; "
        f"{report.parameters:,} parameters"
    )
    if groups := report.clusters:
        show.out.print(f"{groups.count} clusters, the largest: {', '.join(groups.largest)}")
        if groups.label:
            show.out.print(
                f"as {groups.label} tells {groups.judged:,} products apart: purity {groups.purity:.3f}, NMI "
                f"{groups.nmi:.3f}; k-means on frozen vectors {groups.purity_before:.3f}, {groups.nmi_before:.3f}"
            )
    if light := report.light:
        kept = f" of the teacher's {light.of_teacher:.3f} ({light.share:.1%})" if light.share else ""
        show.out.print(
            f"beside its teacher: {light.measure} {light.value:.3f}{kept}; {light.bytes / 1e6:.1f} of "
            f"{light.bytes_of_teacher / 1e6:.1f} MB; {light.per_second:,.0f} products/s to "
            f"{light.per_second_of_teacher:,.0f}"
        )
    for cut in report.short:
        show.out.print(f"first {cut.dim} numbers in {cut.bits} bits ({cut.bytes:,} bytes a product): {cut.value:.3f}")
    if report.stopped:
        show.out.print(f"stopped early: {report.stopped}")
    if moved := report.moved:
        show.out.print(
            f"of the first {moved.first} look-alikes of {moved.asked:,} products {moved.kept:.0%} stayed; "
            "sosie rollback undoes the switch"
        )
    state = "in use" if report.active else f"not in use; [bold]sosie activate {report.model}[/] switches to it"
    show.out.print(f"model: {report.model} ({state})", soft_wrap=True)


def _told(figure: Figure) -> str:
    return f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]"


def print_search(name: str, found: "Search") -> None:
    """The trials of a search, the best first."""
    table = Table(box=None, pad_edge=False)
    columns = list(found.trials[0].settings)
    for heading in (found.measure, *columns, "seconds"):
        table.add_column(heading)
    for trial in sorted(found.trials, key=lambda trial: -(trial.value or 0.0)):
        value = "no number" if trial.value is None else f"{trial.value:.3f}"
        cells = [_short(trial.settings.get(column)) for column in columns]
        table.add_row(value, *cells, f"{trial.seconds:.0f}", style="bold" if trial is found.best else "")
    show.out.print(table)
    show.out.print(f"{len(found.trials)} trials of {found.epochs} epochs in {found.seconds / 60:.1f} minutes")
    if found.out is None:
        show.out.print(f"nothing was better than the recipe {name} as it is")
    else:
        show.out.print(f"better, on what was kept back: sosie train --recipe {found.out} …", soft_wrap=True)


def _short(value: object) -> str:
    return f"{value:.2g}" if isinstance(value, float) else str(value)
