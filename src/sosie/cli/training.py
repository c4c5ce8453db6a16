"""The verb that learns: train."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sosie.cli.measuring import At, Events, Kinds, Labels, Links, Pairs, command_line
from sosie.cli.options import DEFAULT, Json, StoreOption

if TYPE_CHECKING:
    from sosie.engine.shop import Store
    from sosie.evaluate.front import Truth


def train(
    store: StoreOption = DEFAULT,
    recipe: Annotated[
        str,
        typer.Option("--recipe", metavar="NAME|FILE", help="What is trained and how; chosen by the data if left out."),
    ] = "",
    label: Labels = [],  # noqa: B006 - typer wants the default itself
    pairs: Pairs = None,
    links: Links = None,
    kind: Kinds = [],  # noqa: B006
    events: Events = None,
    at: At = "last",
    split: Annotated[
        str, typer.Option("--split", metavar="COLUMN", help="Column that tells train and val; test is never read.")
    ] = "",
    set_: Annotated[
        list[str],
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe, such as loss.name=arcface."),
    ] = [],  # noqa: B006
    start: Annotated[
        Path | None,
        typer.Option("--start", metavar="FOLDER", help="Go on from a trained model, by its recipe if none is named."),
    ] = None,
    shots: Annotated[
        int, typer.Option("--shots", min=0, help="Products of each label that are learnt from, at most; all if 0.")
    ] = 0,
    also: Annotated[
        list[str],
        typer.Option(
            "--also", metavar="STORE:LABEL[:SPLIT]", help="Another catalogue on which it is judged before and after."
        ),
    ] = [],  # noqa: B006
    epochs: Annotated[int, typer.Option("--epochs", min=0, help="Passes over the products; the recipe's if 0.")] = 0,
    minutes: Annotated[
        float,
        typer.Option("--minutes", min=0, help="Take as many epochs as fit, up to the recipe's; all of them if 0."),
    ] = 0.0,
    name: Annotated[str, typer.Option("--name", help="Of the model; the recipe's if left out.")] = "",
    activate: Annotated[
        bool, typer.Option("--activate/--no-activate", help="Switch the store to what was learnt.")
    ] = True,
    preview: Annotated[
        Path | None,
        typer.Option("--preview", metavar="FILE", help="Only write a page of what would be learnt from: look first."),
    ] = None,
    processes: Annotated[int, typer.Option("--processes", min=1, help="That train together on one machine.")] = 1,
    wandb: Annotated[bool, typer.Option("--wandb", help="Also write for Weights & Biases, offline.")] = False,
    as_json: Json = False,
) -> None:
    """Learn from the shop's own data what alike means, and use it."""
    from sosie.cli import show
    from sosie.cli.figures_training import print_recipe, print_training
    from sosie.engine.shop import Store
    from sosie.evaluate.front import Truth
    from sosie.evaluate.task import TaskOptions
    from sosie.train import needed

    try:
        from sosie.train.choosing import choose
        from sosie.train.run import TrainOptions
        from sosie.train.run import train as train_on
    except ModuleNotFoundError as error:
        raise needed(error) from error

    opened = Store(store)
    options_of = TaskOptions(split=split, kinds=tuple(kind), at=at)
    truth = Truth(tuple(label), pairs=pairs, links=links, events=events, options=options_of)
    settings = _settings(set_, epochs) | ({"start": str(start)} if start else {}) | ({"shots": shots} if shots else {})
    named, why, wanted = choose(opened.snapshot, truth, recipe, settings, "--set")
    if preview is not None:
        from sosie.pages import preview_page
        from sosie.train.preview import preview as preview_of

        show.write_page(preview, preview_page(preview_of(opened.snapshot, truth, wanted, command_line())))
        return
    options = TrainOptions(name or Path(named).stem, activate, minutes, processes, wandb, tuple(also), command_line())
    if not as_json:
        print_recipe(named, why, wanted)
    with show.progress() as progress:
        report = train_on(opened, truth, wanted, options, progress)
    show.warn(report.notes)
    if as_json:
        show.print_json(report.as_json())
    else:
        print_training(report)


def _settings(pairs: list[str], epochs: int) -> dict[str, object]:
    """`loss.name=arcface` and its like as nested values."""
    import tomllib

    settings: dict[str, object] = {"epochs": epochs} if epochs else {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not (key and separator):
            raise typer.BadParameter(f"'{pair}' is not KEY=VALUE, such as loss.name=arcface.", param_hint="--set")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        *tables, last = key.strip().split(".")
        inner: dict[str, object] = settings
        for table in tables:
            inner = inner.setdefault(table, {})  # type: ignore[assignment]
        inner[last] = value
    return settings


def search(store: "Store", truth: "Truth", recipe: str, out: Path, minutes: float, as_json: bool) -> None:
    """`tune --train`: short trainings with other rates, losses and sizes."""
    from sosie.cli import show
    from sosie.cli.figures_training import print_search
    from sosie.train import needed

    try:
        from sosie.train.choosing import choose
        from sosie.train.search import search as search_for
    except ModuleNotFoundError as error:
        raise needed(error) from error

    named, _, wanted = choose(store.snapshot, truth, recipe)
    with show.progress() as progress:
        found = search_for(store, truth, wanted, out, minutes, progress)
    if as_json:
        show.print_json(found.as_json())
    else:
        print_search(named, found)
