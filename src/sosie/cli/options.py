"""Options that several verbs have."""

from pathlib import Path
from typing import Annotated

import typer

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
