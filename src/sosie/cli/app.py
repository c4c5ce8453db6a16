"""The verbs: each reads its options, asks the engine, shows the answer."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sosie.errors import QuestionError
from sosie.types import Query

if TYPE_CHECKING:
    from sosie.engine.questions import Answer
    from sosie.engine.shop import Store

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Which of a shop's products are alike, and why.",
)

Catalogue = Annotated[
    Path,
    typer.Argument(
        metavar="CATALOGUE",
        help="Product file (CSV, TSV, JSON lines, Parquet, Shopify, Merchant feed), or a folder of pictures.",
    ),
]
StoreOption = Annotated[Path, typer.Option("--store", envvar="SOSIE_STORE", help="Folder of the store.")]
Json = Annotated[bool, typer.Option("--json", help="Answer as JSON on stdout.")]
Mapped = Annotated[
    list[str],
    typer.Option("--map", metavar="FIELD=COLUMN", help="Which column holds a field, where the guess is wrong."),
]
Ignored = Annotated[
    list[str],
    typer.Option("--ignore", metavar="COLUMN", help="Keep a column for filters, but never compare or search it."),
]
Images = Annotated[
    Path | None,
    typer.Option("--images", metavar="DIR", help="Folder of the pictures, when they are not beside the catalogue."),
]
Reviews = Annotated[Path | None, typer.Option("--reviews", metavar="FILE", help="Reviews in a file of their own.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many products.")]
Offset = Annotated[int, typer.Option("--offset", min=0, help="Skip the first ones.")]
Where = Annotated[
    str, typer.Option("--where", metavar="FILTER", help="Such as \"price < query.price and brand in ('A','B')\".")
]
Weights = Annotated[str, typer.Option("--weights", metavar="S=W,…", help="Weights of signals, such as image=2,text=1.")]
Category = Annotated[str, typer.Option("--category", metavar="PATH", help="Only products of this category and below.")]
Diversity = Annotated[
    float, typer.Option("--diversity", min=0.0, max=1.0, help="Trade score for difference among the hits.")
]
MinScore = Annotated[float | None, typer.Option("--min-score", help="Leave out hits below.")]
Variants = Annotated[bool, typer.Option("--variants", help="Name each hit's variants.")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a self-contained page with pictures.")
]

DEFAULT = Path("sosie.store")


@app.command()
def demo(
    what: Annotated[str, typer.Argument(help="Nothing, or 'fashion' for 70,000 pictures.")] = "",
    folder: Annotated[Path, typer.Option("--folder", help="Where the demonstration is kept.")] = Path("sosie-demo"),
) -> None:
    """Fetch a real catalogue, build a store and show what it answers."""
    from sosie.cli.demo import run_demo

    run_demo(what, folder)


@app.command()
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


@app.command()
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


@app.command()
def info(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """What a store holds."""
    from sosie.cli import show
    from sosie.engine.shop import Store

    facts = Store(store).info()
    if as_json:
        show.print_json(facts)
    else:
        show.print_facts(str(store), facts)


@app.command()
def rollback(store: StoreOption = DEFAULT, as_json: Json = False) -> None:
    """Go back to the generation before the last one."""
    from sosie.cli import show
    from sosie.store import LocalStore

    number = LocalStore(store).rollback()
    if as_json:
        show.print_json({"generation": number})
    else:
        show.out.print(f"{store}: back at generation {number}")


@app.command()
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
    query = Query(
        like=(id,), where=where, weights=_weights(weights), category=category, limit=limit, offset=offset,
        diversity=diversity, min_score=min_score, variants=variants,
    )  # fmt: skip
    _ask(store, query, lambda opened: f"like {id}  {opened[id].title}", html, as_json)


@app.command()
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
    query = Query(
        text=text, image=image, like=tuple(like), unlike=tuple(unlike), where=where, weights=_weights(weights),
        category=category, limit=limit, offset=offset, diversity=diversity, min_score=min_score, variants=variants,
    )  # fmt: skip
    words = [f"“{text}”"] * bool(text) + [str(image)] * (image is not None)
    words += [f"like {id}" for id in like] + [f"unlike {id}" for id in unlike]
    _ask(store, query, lambda _: ", ".join(words), html, as_json)


@app.command()
def neighbours(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .parquet, .csv or .jsonl file.")],
    k: Annotated[int, typer.Option("--k", min=1, max=1000, help="How many a product.")] = 50,
    store: StoreOption = DEFAULT,
    as_json: Json = False,
) -> None:
    """Every product's nearest neighbours, as a file."""
    _write(store, out, as_json, lambda opened, progress: opened.neighbours(out, k, progress))


@app.command()
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
        show.write_page(html, hits_page(title(opened), [Section(asked, answer.hits)]))
    if as_json:
        show.print_json({"hits": [show.hit_as_json(hit) for hit in answer.hits], "took_ms": round(answer.took_ms, 3)})
    else:
        show.print_hits(title(opened), answer.hits, answer.took_ms)


def _write(folder: Path, out: Path, as_json: bool, write: Callable[..., Path]) -> None:
    from sosie.cli import show
    from sosie.engine.shop import Store

    start = time.perf_counter()
    opened = Store(folder)
    with show.progress() as progress:
        written = write(opened, progress)
    seconds = time.perf_counter() - start
    if as_json:
        show.print_json({"file": str(written), "products": len(opened), "seconds": round(seconds, 3)})
    else:
        show.out.print(f"{written}: {len(opened):,} products in {seconds:.1f} s")


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        field, separator, column = pair.partition("=")
        if not (field and separator and column):
            raise typer.BadParameter(f"'{pair}' is not FIELD=COLUMN, such as title=Name.", param_hint="--map")
        mapping[field.strip()] = column.strip()
    return mapping


def _weights(text: str) -> dict[str, float] | None:
    if not text:
        return None
    weights = {}
    for pair in text.split(","):
        signal, separator, value = pair.partition("=")
        try:
            weights[signal.strip()] = float(value)
        except ValueError:
            raise QuestionError(f"--weights: '{pair}' is not SIGNAL=NUMBER, such as image=2.") from None
        if not separator:
            raise QuestionError(f"--weights: '{pair}' is not SIGNAL=NUMBER, such as image=2.")
    return weights


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
