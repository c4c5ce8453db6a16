"""The command line as a whole: every verb, in the order in which people meet them."""

import typer

from sosie.cli import asking, bringing, building, health, keeping, measuring, ruling, serving, training

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which of a shop's products are alike, and why.",
)

for verb in (
    building.demo,
    building.check,
    building.build,
    building.info,
    asking.similar,
    asking.search,
    asking.neighbours,
    asking.export,
    asking.matrix,
    measuring.evaluate,
    measuring.compare,
    measuring.tune,
    training.train,
    bringing.bring,
    bringing.activate,
    health.calibrate,
    health.health,
    ruling.pin,
    ruling.block,
    ruling.rules,
    serving.serve,
    serving.key,
    building.rollback,
    keeping.merge,
    keeping.backup,
    keeping.restore,
    keeping.gc,
):
    app.command()(verb)
