"""Formats in which several rows make one product: Shopify's export, and Vendure's import file.

Every variant becomes an entry of its own, with what the product says in its first row; all of one product share a
group. Rows that only carry more pictures add them to their product.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from sosie.catalog.frames import ROW, Chunk, Table
from sosie.catalog.names import compact
from sosie.catalog.values import CategoryStyle, split_pictures

ID, PICTURES, OPTIONS, AVAILABLE = "#id", "#pictures", "#options", "#available"
RUN = "#run"
Expand = Callable[[pl.DataFrame], pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Layout:
    """A table whose columns are known by its format."""

    table: Table
    given: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # field -> columns
    separate: Mapping[str, str] = field(default_factory=dict)  # column that is never compared -> why
    shown: Mapping[str, str] = field(default_factory=dict)  # column made here -> what it is made of, for a person
    styles: Mapping[str, CategoryStyle] = field(default_factory=dict)  # how categories are written, where known


def recognise_layout(table: Table) -> Layout:
    """Recognise a shop's own format by its columns; any other table comes back as it is."""
    by_name = {compact(name): name for name in reversed(table.columns)}
    handle = by_name.get("handle") or by_name.get("urlhandle", "")
    if (
        handle
        and "title" in by_name
        and {"option1name", "variantprice", "variantsku", "productimageurl"} & set(by_name)
    ):
        return _shopify(table, by_name, handle)
    if {"name", "slug", "optiongroups", "optionvalues", "sku"} <= set(by_name):
        return _vendure(table, by_name)
    prefixed = sum(name.casefold().startswith("g:") for name in table.columns)
    if (
        prefixed > 2
        or len({"imagelink", "availability", "link", "gtin", "mpn", "googleproductcategory"} & set(by_name)) > 3
    ):
        name = table.format if "Merchant" in table.format else f"Google Merchant feed ({table.format})"
        return Layout(replace(table, format=name))
    return Layout(table)


def whole_groups(chunks: Iterator[Chunk], starts: Callable[[pl.DataFrame], pl.Series]) -> Iterator[Chunk]:
    """The same rows in chunks that cut no group; `starts` says which rows begin one. RUN numbers the groups."""
    held: pl.DataFrame | None = None
    dropped = []
    for chunk in chunks:
        frame = chunk.frame if held is None else pl.concat([held, chunk.frame])
        dropped += chunk.dropped
        firsts = starts(frame).arg_true()
        cut = int(firsts[-1]) if len(firsts) else 0
        done, held = frame[:cut], frame[cut:]
        numbers = set(done[ROW].to_list()) if dropped else set()
        yield Chunk(_numbered(done, starts), chunk.rejects, [fault for fault in dropped if fault.row in numbers])
        dropped = [fault for fault in dropped if fault.row not in numbers]
    if held is not None and held.height:
        yield Chunk(_numbered(held, starts), [], dropped)


def _numbered(frame: pl.DataFrame, starts: Callable[[pl.DataFrame], pl.Series]) -> pl.DataFrame:
    return frame.with_columns(starts(frame).cum_sum().cast(pl.Int64).alias(RUN))


def _expanded(table: Table, added: Sequence[str], starts: Callable[[pl.DataFrame], pl.Series], expand: Expand) -> Table:
    columns = (*table.columns, *added)

    def chunks() -> Iterator[Chunk]:
        for chunk in whole_groups(table.chunks(), starts):
            frame = expand(chunk.frame.with_columns(pl.col(table.columns).str.strip_chars()))
            yield Chunk(frame.select([*columns, ROW]), chunk.rejects, chunk.dropped)

    return replace(table, columns=columns, chunks=chunks)


def _inherited(columns: Sequence[str]) -> list[pl.Expr]:
    """In every row of a group what the first row that says something says."""
    return [pl.col(c).filter(pl.col(c) != "").first().over(RUN).fill_null("").alias(c) for c in columns]


def _unique_ids(
    skus: Sequence[str], stems: Sequence[str], options: Sequence[Sequence[str]], runs: Sequence[int]
) -> list[str]:
    """The SKU; where a product has none, or one for several variants, with the options that tell them apart."""
    seen: set[tuple[int, str]] = set()
    alone = {run: count == 1 for run, count in pl.Series(runs).value_counts().iter_rows()} if len(runs) else {}
    out = []
    for sku, stem, values, run in zip(skus, stems, options, runs, strict=True):
        id = sku or stem
        if (run, id) in seen or (not sku and not alone[run]):
            id = " / ".join([id, *values]) if values else id
        seen.add((run, id))
        out.append(id)
    return out


# Vendure


def _vendure(table: Table, by_name: Mapping[str, str]) -> Layout:
    name, slug, sku = by_name["name"], by_name["slug"], by_name["sku"]
    groups, values = by_name["optiongroups"], by_name["optionvalues"]
    own = {
        "sku",
        "optionvalues",
        "price",
        "taxcategory",
        "stockonhand",
        "trackinventory",
        "variantassets",
        "variantfacets",
    }
    shared = [c for c in table.columns if compact(c) not in own and not c.casefold().startswith("variant")]

    def starts(frame: pl.DataFrame) -> pl.Series:
        named = frame[name].str.strip_chars() != ""
        return named | (pl.int_range(frame.height, eager=True) == 0)

    def expand(frame: pl.DataFrame) -> pl.DataFrame:
        frame = frame.with_columns(_inherited(shared))
        cut = [value.split("|") if value else [] for value in frame[values].to_list()]
        names = [[group.split(":")[0] for group in cell.split("|")] for cell in frame[groups].to_list()]
        pairs = [_json(dict(zip(keys, said, strict=False))) for keys, said in zip(names, cut, strict=True)]
        ids = _unique_ids(frame[sku].to_list(), frame[slug].to_list(), cut, frame[RUN].to_list())
        return frame.with_columns(pl.Series(ID, ids, pl.String), pl.Series(OPTIONS, pairs, pl.String))

    given = _present(by_name, {
        "title": ("name",), "text": ("description",), "group": ("slug",), "price": ("price",),
        "stock": ("stockonhand",), "images": ("variantassets", "assets"), "facets": ("facets", "variantfacets"),
        "sku": ("sku",),
    })  # fmt: skip
    separate = dict.fromkeys(
        [c for c in table.columns if compact(c) in {"optiongroups", "optionvalues", "taxcategory", "trackinventory"}],
        "read into the variants",
    )
    expanded = _expanded(replace(table, format=f"Vendure import ({table.format})"), (ID, OPTIONS), starts, expand)
    shown = {ID: sku, OPTIONS: f"{groups}, {values}"}
    return Layout(expanded, {**given, "id": (ID,), "options": (OPTIONS,)}, separate, shown)


# Shopify

_KEPT = ("googleshoppinggender", "googleshoppingagegroup", "googleshoppingcondition", "tags")


def _shopify(table: Table, by_name: Mapping[str, str], handle: str) -> Layout:
    of = by_name.get

    def own(name: str) -> bool:
        short = compact(name)
        value = short.startswith("option") and not short.endswith("name")
        variant = (
            "variant",
            "sku",
            "barcode",
            "price",
            "compareat",
            "cost",
            "charge",
            "inventory",
            "continue",
            "weight",
        )
        return value or short.startswith((*variant, "image", "productimage", "unitprice", "requires", "fulfillment"))

    shared = [c for c in table.columns if not own(c)]
    sku, price = of("variantsku") or of("sku"), of("variantprice") or of("price")
    source, position = of("imagesrc") or of("productimageurl"), of("imageposition")
    picture = of("variantimage") or of("variantimageurl")
    names = [c for number in "123" if (c := of(f"option{number}name"))]
    values = [c for number in "123" if (c := of(f"option{number}value"))]
    telling = [c for c in (sku, price, picture, of("variantbarcode") or of("barcode"), *values[:1]) if c]

    def starts(frame: pl.DataFrame) -> pl.Series:
        key = frame[handle].str.strip_chars()
        return ((key != key.shift(1)) & (key != "")).fill_null(True) | (pl.int_range(frame.height, eager=True) == 0)

    def expand(frame: pl.DataFrame) -> pl.DataFrame:
        pictures = _galleries(frame, source, position, picture)
        frame = frame.with_columns(pl.Series(PICTURES, pictures, pl.String), *_inherited(shared))
        # Rows that only carry pictures are no variants; a product without any variant keeps its first row.
        variant = pl.any_horizontal(*(pl.col(c) != "" for c in telling))
        first = (pl.int_range(pl.len()).over(RUN) == 0) & ~variant.any().over(RUN)
        frame = frame.filter(variant | first)
        said = list(zip(*(frame[c].to_list() for c in values), strict=True)) if values else [()] * frame.height
        keys = list(zip(*(frame[c].to_list() for c in names), strict=True)) if names else [()] * frame.height
        pairs = [
            {
                key: value
                for key, value in zip(named, spoken, strict=False)
                if key and value and value != "Default Title"
            }
            for named, spoken in zip(keys, said, strict=True)
        ]
        skus = frame[sku].str.strip_prefix("'").to_list() if sku else [""] * frame.height
        told = [[value for value in spoken if value and value != "Default Title"] for spoken in said]
        ids = _unique_ids(skus, frame[handle].to_list(), told, frame[RUN].to_list())
        return frame.with_columns(
            pl.Series(ID, ids, pl.String),
            pl.Series(OPTIONS, list(map(_json, pairs)), pl.String),
            _on_sale(by_name).alias(AVAILABLE),
        )

    given = _present(by_name, {
        "title": ("title",), "text": ("bodyhtml", "description"), "brand": ("vendor",), "group": (compact(handle),),
        "category": ("productcategory", "type", "customproducttype", "standardproducttype"),
        "price": ("variantprice", "price"), "list_price": ("variantcompareatprice", "compareatprice"),
        "gtin": ("variantbarcode", "barcode"), "mpn": ("googleshoppingmpn",), "sku": ("variantsku", "sku"),
        "stock": ("variantinventoryqty", "inventoryquantity"),
    })  # fmt: skip
    given |= {"id": (ID,), "images": (PICTURES,), "options": (OPTIONS,), "available": (AVAILABLE,)}
    read = {c for columns in given.values() for c in columns}
    separate = {
        c: "the shop's own handling"
        for c in table.columns
        if c not in read
        and compact(c) not in _KEPT
        and "metafields" not in c
        and not c.startswith("Google Shopping / Custom")
    }
    shown = {
        ID: sku or handle,
        PICTURES: ", ".join(filter(None, (source, picture))),
        OPTIONS: ", ".join(values),
        AVAILABLE: ", ".join(filter(None, map(of, ("status", "published")))),
    }
    named = replace(table, format=f"Shopify product export ({table.format})")
    expanded = _expanded(named, (ID, PICTURES, OPTIONS, AVAILABLE), starts, expand)
    return Layout(expanded, given, separate, shown)


def _galleries(frame: pl.DataFrame, source: str | None, position: str | None, picture: str | None) -> list[str]:
    """The pictures of each row as a JSON list: the variant's own, then its product's but for other variants' own."""
    blank = [""] * frame.height
    sources = frame[source].to_list() if source else blank
    places = frame[position].to_list() if position else blank
    variants = frame[picture].to_list() if picture else blank
    runs = frame[RUN].to_list()
    gallery: dict[int, list[tuple[float, str]]] = {}
    others: dict[int, set[str]] = {}
    for run, refs, place, own in zip(runs, sources, places, variants, strict=True):
        for ref in split_pictures(refs):  # the new export may list several
            gallery.setdefault(run, []).append((float(place) if place.isdecimal() else float("inf"), ref))
        others.setdefault(run, set()).update(filter(None, [own]))
    ordered = {run: [ref for _, ref in sorted(refs, key=lambda r: r[0])] for run, refs in gallery.items()}
    out = []
    for run, own in zip(runs, variants, strict=True):
        mine = [ref for ref in ordered.get(run, []) if ref == own or ref not in others[run]] or ordered.get(run, [])
        out.append(json.dumps(list(dict.fromkeys([own, *mine] if own else mine)), ensure_ascii=False))
    return out


def _on_sale(by_name: Mapping[str, str]) -> pl.Expr:
    """Say "no" for what is not published, "yes" for what sells without stock, "" where the stock decides."""

    def says(names: Sequence[str], *words: str) -> pl.Expr:
        columns = [by_name[name] for name in names if name in by_name]
        return pl.any_horizontal(pl.lit(False), *(pl.col(c).str.to_lowercase().is_in(words) for c in columns))

    hidden = says(["status"], "draft", "archived") | says(["published", "publishedononlinestore"], "false")
    endless = says(["variantinventorypolicy", "continuesellingwhenoutofstock"], "continue", "true")
    tracker = by_name.get("variantinventorytracker") or by_name.get("inventorytracker")
    if tracker:
        endless = endless | (pl.col(tracker) == "")
    return pl.when(hidden).then(pl.lit("no")).when(endless).then(pl.lit("yes")).otherwise(pl.lit(""))


def _present(by_name: Mapping[str, str], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    found = {field: tuple(by_name[name] for name in names if name in by_name) for field, names in wanted.items()}
    return {field: columns for field, columns in found.items() if columns}


def _json(pairs: Mapping[str, str]) -> str:
    return json.dumps({key.strip(): value.strip() for key, value in pairs.items() if value.strip()}, ensure_ascii=False)
