"""The verbs that make a store and look into it: each reads its options, asks the engine, shows the answer."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.options import DEFAULT, Catalogue, Html, Ignored, Images, Json, Mapped, Reviews, StoreOption


def demo(
    what: Annotated[str, typer.Argument(help="Nothing, or 'fashion' for 70,000 pictures.")] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where the demonstration is kept.")] = Path("sosie-demo"),
) -> None:
    """Fetch a real catalogue, build a store and show what it answers."""
    from sosie.cli.demo import run_demo

    run_demo(what, folder)


def build(
    catalogue: Catalogue,
    store: StoreOption = DEFAULT,
    map_: Mapped = [],  # noqa: B006 - typer wants the default itself
    ignore: Ignored = [],  # noqa: B006
    images: Images = None,
    reviews: Reviews = None,
    vectors: Annotated[
        list[str], typer.Option("--vectors", metavar="NAME=FILE[:COLUMN]", help="Vectors made elsewhere, as a signal.")
    ] = [],  # noqa: B006
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="Settings, a sosie.toml.")] = None,
    download_images: Annotated[
        bool | None,
        typer.Option(
            "--download-images/--no-download-images", help="Fetch pictures that the catalogue gives as addresses."
        ),
    ] = None,
    allow_private: Annotated[
        bool | None,
        typer.Option(
            "--allow-private-addresses/--public-addresses", help="Fetch also from addresses inside your network."
        ),
    ] = None,
    max_rejects: Annotated[
        str,
        typer.Option(
            "--max-rejects", metavar="SHARE", help="Stop when more rows than this can't be used; such as 20%."
        ),
    ] = "",
    allow_removals: Annotated[
        bool, typer.Option("--allow-removals", help="Let the file remove more than 20% of the products.")
    ] = False,
    refit: Annotated[bool, typer.Option("--refit", help="Fit anew what was fitted on the catalogue.")] = False,
    as_json: Json = False,
) -> None:
    """Build a store from a catalogue, or bring an existing one up to date."""
    from sosie.cli import show
    from sosie.config import read_config
    from sosie.engine.build import BuildOptions, build_store

    options = BuildOptions(
        mapping=_mapping(map_) or None,
        ignore=ignore or None,
        images=images,
        reviews=reviews,
        vectors=vectors or None,
        config=read_config(config) if config else None,
        download_images=download_images,
        allow_private=allow_private,
        max_rejects=_share(max_rejects),
        allow_removals=allow_removals,
        refit=refit,
    )
    with show.progress() as progress:
        report = build_store(catalogue, store, options, progress=progress, on_guess=show.print_guess)
    show.warn(report.notes)
    if as_json:
        show.print_json(report.as_json())
    else:
        show.print_build(report)


def check(
    catalogue: Catalogue,
    map_: Mapped = [],  # noqa: B006
    ignore: Ignored = [],  # noqa: B006
    images: Images = None,
    reviews: Reviews = None,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """What is wrong with a catalogue, and what to do about it."""
    from sosie.cli import show
    from sosie.cli.checking import check_catalogue

    with show.progress() as progress:
        report = check_catalogue(catalogue, _mapping(map_), tuple(ignore), images, reviews, progress)
    if html:
        from sosie.pages import check_page

        show.write_page(html, check_page(report))
    if as_json:
        show.print_json(asdict(report))
    else:
        show.print_report(report)


def info(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """What a store holds."""
    from sosie.cli import show
    from sosie.engine.shop import Store

    facts = Store(store).info()
    if as_json:
        show.print_json(facts)
    else:
        show.print_facts(str(store), facts)


def rollback(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """Go back to the generation before the last one."""
    from sosie.cli import show
    from sosie.store import LocalStore

    number = LocalStore(store).rollback()
    if as_json:
        show.print_json({"generation": number})
    else:
        show.out.print(f"{store}: back at generation {number}")


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, separator, column = pair.partition("=")
        if not (field and separator and column):
            raise typer.BadParameter(f"'{pair}' is not FIELD=COLUMN, such as title=Name.", param_hint="--map")
        mapping[field.strip()] = column.strip()
    return mapping


def _share(text: str) -> float | None:
    if not text:
        return None
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(
            f"'{text}' is not a share between 0 and 1, or 0% and 100%.", param_hint="--max-rejects"
        )
    return share
