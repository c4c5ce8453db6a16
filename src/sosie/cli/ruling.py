"""The verbs of merchandisers: what is always shown beside a product, and what never."""

from typing import TYPE_CHECKING, Annotated

import typer

from sosie.cli.options import DEFAULT, Json, StoreOption

if TYPE_CHECKING:
    from sosie.engine.rules import Rules

Id = Annotated[str, typer.Argument(metavar="ID", help="The product beside which they are shown.")]
Others = Annotated[list[str], typer.Argument(metavar="OTHER…", help="Ids of the products that are pinned, in order.")]


def pin(
    id: Id,
    others: Others = [],  # noqa: B006 - typer wants the default itself
    remove: Annotated[bool, typer.Option("--remove", help="Take pins back; all of the product without OTHER.")] = False,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show products first among the look-alikes of another, after those that are pinned already.

    Pins outlive builds, merges, other encoders and roll-backs. A filter of the question still holds.
    """
    from sosie.engine.shop import Store

    opened = Store(store)
    if not others and not remove:
        raise typer.BadParameter("name the products to be pinned.", param_hint="OTHER")
    rules = opened.unpin(id, others or None) if remove else opened.pin(id, others)
    _tell(rules, as_json, f"{id}: {_listed(rules.pins.get(id, ()), 'pinned')}")


def block(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID…", help="A product and those never shown beside it; with --anywhere the latter."),
    ],
    anywhere: Annotated[bool, typer.Option("--anywhere", help="Beside every product.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take blocks back; all of ID without others.")] = False,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Never show products, nor their variants, among the look-alikes of another or, with --anywhere, of any.

    Blocks outlive builds, merges, other encoders and roll-backs. They are stronger than pins.
    """
    from sosie.engine.rules import ANYWHERE
    from sosie.engine.shop import Store

    opened = Store(store)
    id, others = (ANYWHERE, ids) if anywhere else (ids[0], ids[1:])
    if not others and not remove:
        raise typer.BadParameter("name the products to be blocked, or --anywhere.", param_hint="ID")
    rules = opened.unblock(id, others or None) if remove else opened.block(id, others)
    _tell(rules, as_json, f"{'every product' if anywhere else id}: {_listed(rules.blocks.get(id, ()), 'blocked')}")


def rules(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """What is pinned and blocked beside which product."""
    from sosie.cli import show
    from sosie.engine.shop import Store

    opened = Store(store)
    found = opened.rules
    if as_json:
        show.print_json(found.as_json())
    else:
        show.print_rules(found, opened)


def _tell(rules: "Rules", as_json: bool, sentence: str) -> None:
    from sosie.cli import show

    if as_json:
        show.print_json(rules.as_json())
    else:
        show.out.print(sentence, markup=False)


def _listed(ids: tuple[str, ...], what: str) -> str:
    return f"{', '.join(ids)} {what}" if ids else f"nothing is {what} any more"
