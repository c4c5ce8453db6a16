"""The verbs that ask a store: each reads its options, asks the engine, shows the answer."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sosie.cli.options import (
    DEFAULT,
    Category,
    Diversity,
    Html,
    Json,
    Limit,
    MinScore,
    Offset,
    StoreOption,
    Variants,
    Weights,
    Where,
)
from sosie.types import Query

if TYPE_CHECKING:
    from sosie.engine.questions import Answer
    from sosie.engine.shop import Store


def similar(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of a product.")],
    store: StoreOption = DEFAULT,
    limit: Limit = 10,
    offset: Offset = 0,
    where: Where = "",
    weights: Weights = "",
    category: Category = "",
    diversity: Diversity = 0.0,
    min_score: MinScore = None,
    variants: Variants = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Look-alikes of a product."""
    from sosie.scoring import read_weights

    query = Query(
        like=(id,), where=where, weights=read_weights(weights), category=category, limit=limit, offset=offset,
        diversity=diversity, min_score=min_score, variants=variants,
    )  # fmt: skip
    _ask(store, query, lambda opened: f"like {id}  {opened[id].title}", html, as_json)


def search(
    text: Annotated[str, typer.Option("--text", help="Words.")] = "",
    image: Annotated[Path | None, typer.Option("--image", metavar="FILE", help="A picture from anywhere.")] = None,
    like: Annotated[list[str], typer.Option("--like", metavar="ID", help="A product liked.")] = [],  # noqa: B006
    unlike: Annotated[list[str], typer.Option("--unlike", metavar="ID", help="A product not liked.")] = [],  # noqa: B006
    store: StoreOption = DEFAULT,
    limit: Limit = 10,
    offset: Offset = 0,
    where: Where = "",
    weights: Weights = "",
    category: Category = "",
    diversity: Diversity = 0.0,
    min_score: MinScore = None,
    variants: Variants = False,
    html: Html = None,
    as_json: Json = False,
) -> None:
    """Products for words, a picture, products liked and unliked, in any mixture."""
    from sosie.scoring import read_weights

    query = Query(
        text=text, image=image, like=tuple(like), unlike=tuple(unlike), where=where, weights=read_weights(weights),
        category=category, limit=limit, offset=offset, diversity=diversity, min_score=min_score, variants=variants,
    )  # fmt: skip
    words = [f"“{text}”"] * bool(text) + [str(image)] * (image is not None)
    words += [f"like {id}" for id in like] + [f"unlike {id}" for id in unlike]
    _ask(store, query, lambda _: ", ".join(words), html, as_json)


def neighbours(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .parquet, .csv or .jsonl file.")],
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="How many a product.")] = 50,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Every product's nearest neighbours, as a file."""
    _write(store, out, as_json, lambda opened, progress: opened.neighbours(out, k, progress))


def export(
    form: Annotated[str, typer.Argument(metavar="FORM", help="shopify, woocommerce, magento or jsonl.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="What the shop then imports.")],
    k: Annotated[int, typer.Option("--k", min=1, max=50, help="How many a product.")] = 10,
    where: Where = "",
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Every product's look-alikes as a shop imports them; pins and blocks count."""
    _write(store, out, as_json, lambda opened, progress: opened.export(out, form, k, where, progress))


def matrix(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="An .npz file that SciPy or NumPy loads.")],
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="How many a row beyond 20,000 products.")] = 50,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """The similarity matrix, as a file."""
    _write(store, out, as_json, lambda opened, progress: opened.matrix(out, k, progress))


def _ask(folder: Path, query: Query, title: "Callable[[Store], str]", html: Path | None, as_json: bool) -> None:
    from sosie.cli import show
    from sosie.engine.plain import hit_as_json
    from sosie.engine.shop import Store

    opened = Store(folder)
    answer: Answer = opened.ask(query)
    show.warn(answer.notes)
    if html:
        from sosie.pages import Section, hits_page

        asked = (
            opened[query.like[0]]
            if query == replace(query, text="", image=None, like=query.like[:1], unlike=())
            else query
        )
        note = f"alike: by {answer.alike}" if answer.alike else ""
        show.write_page(html, hits_page(title(opened), [Section(asked, answer.hits, note)]))
    if as_json:
        told = {"alike": answer.alike} if answer.alike else {}
        hits = [hit_as_json(hit) for hit in answer.hits]
        show.print_json({"hits": hits, **told, "took_ms": round(answer.took_ms, 3)})
    else:
        show.print_hits(title(opened), answer.hits, answer.took_ms, answer.alike)


def _write(folder: Path, out: Path, as_json: bool, write: Callable[..., object]) -> None:
    from sosie.cli import show
    from sosie.engine.shop import Store

    start = time.perf_counter()
    opened = Store(folder)
    with show.progress() as progress:
        written = write(opened, progress)
    seconds = time.perf_counter() - start
    products = written if isinstance(written, int) else len(opened)
    if as_json:
        show.print_json({"file": str(out), "products": products, "seconds": round(seconds, 3)})
    else:
        show.out.print(f"{out}: {products:,} products in {seconds:.1f} s")
