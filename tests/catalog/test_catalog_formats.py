"""The formats of shops: Shopify, Vendure, Merchant feeds, JSON, Parquet, folders and archives of pictures."""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from sosie.catalog import Source, open_source
from sosie.errors import CatalogueError
from sosie.types import Product, Reject


def items(source: Source) -> tuple[list[Product], list[Reject]]:
    """All products and rejects of a source."""
    read = [item for batch in source.batches() for item in source.read(batch)]
    return [i for i in read if isinstance(i, Product)], [i for i in read if isinstance(i, Reject)]


OLD_SHOPIFY = """\
Handle,Title,Body (HTML),Vendor,Product Category,Type,Tags,Published,Option1 Name,Option1 Value,Option2 Name,\
Option2 Value,Variant SKU,Variant Inventory Tracker,Variant Inventory Qty,Variant Inventory Policy,Variant Price,\
Variant Compare At Price,Variant Barcode,Image Src,Image Position,Variant Image,Status,SEO Title,\
Google Shopping / Gender,Fabric (product.metafields.shopify.fabric)
tee,Tee,<p>Soft &amp; light</p>,Acme,Apparel > Tops,T-Shirts,"summer, cotton",true,Size,S,Colour,Red,TEE-S-R,shopify,3,\
deny,20.00,25.00,'0123,https://x.org/2.jpg,2,https://x.org/red.jpg,active,Buy,unisex,Cotton
tee,,,,,,,,,M,,Blue,TEE-M-B,shopify,0,deny,20.00,,,https://x.org/1.jpg,1,https://x.org/blue.jpg,,,,
tee,,,,,,,,,,,,,,,,,,,https://x.org/red.jpg,3,,,,,
mug,Mug,Holds tea,Acme,,Mugs,,true,Title,Default Title,,,,shopify,0,continue,9,,,https://x.org/mug.jpg,1,,draft,,,
cap,Cap,On heads,Acme,,Hats,,true,Size,S,,,,,,,7,,,,,,active,,,
cap,,,,,,,,,L,,,,,,,8,,,,,,,,,
"""
NEW_SHOPIFY = """\
Title,URL handle,Description,Vendor,Product category,Type,Tags,Published on online store,Status,SKU,Barcode,\
Option1 name,Option1 value,Price,Compare-at price,Inventory tracker,Inventory quantity,\
Continue selling when out of stock,Product image URL,Image position,Variant image URL
Tee,tee,<b>Soft</b>,Acme,Apparel > Tops,Tees,cotton,TRUE,Active,T-1,456,Colour,Red,20,25,shopify,4,deny,\
https://x.org/a.jpg,1,
,tee,,,,,,,,T-2,,,Blue,21,,shopify,0,deny,https://x.org/b.jpg,2,
"""


def test_shopify_with_its_old_headers(tmp_path: Path) -> None:
    file = tmp_path / "products_export.csv"
    file.write_text(OLD_SHOPIFY, encoding="utf-8")
    downloaded = {f"https://x.org/{name}.jpg": f"/pics/{name}" for name in ("1", "2", "red", "blue", "mug")}
    source = open_source(file, downloaded=downloaded)
    assert source.guess.format == "Shopify product export (CSV)"
    assert source.guess.fields["Variant SKU"] == "id"
    products, rejects = items(source)
    assert not rejects
    assert [p.id for p in products] == ["TEE-S-R", "TEE-M-B", "mug", "cap / S", "cap / L"]
    assert [p.group for p in products] == ["tee", "tee", "mug", "cap", "cap"]
    red, blue, mug, *_ = products
    assert (red.title, red.text, red.brand) == ("Tee", "Soft & light", "Acme") == (blue.title, blue.text, blue.brand)
    assert red.category == blue.category == ("Apparel > Tops", "T-Shirts")
    assert (red.price, red.sale_price, blue.price, blue.sale_price) == (25.0, 20.0, 20.0, None)
    assert red.attributes == {
        "Size": "S", "Colour": "Red", "Tags": "summer, cotton", "Gender": "unisex", "Fabric": "Cotton",
    }  # fmt: skip
    assert red.identifiers == {"gtin": "0123", "sku": "TEE-S-R"}
    assert red.images == ("/pics/red", "/pics/1", "/pics/2")
    assert blue.images == ("/pics/blue", "/pics/1", "/pics/2")
    assert (red.available, red.stock, blue.available, mug.available) == (True, 3.0, False, False)
    assert mug.attributes == {}
    assert red.other["SEO Title"] == "Buy"
    assert [row for batch in source.batches() for row in batch.rows.tolist()] == [1, 2, 4, 5, 6]


def test_shopify_with_its_new_headers(tmp_path: Path) -> None:
    file = tmp_path / "products_export.csv"
    file.write_text(NEW_SHOPIFY, encoding="utf-8")
    source = open_source(file, downloaded={"https://x.org/a.jpg": "/a", "https://x.org/b.jpg": "/b"})
    (one, two), rejects = items(source)
    assert not rejects
    assert (one.id, two.id, one.group, two.group) == ("T-1", "T-2", "tee", "tee")
    assert (one.price, one.sale_price, two.price) == (25.0, 20.0, 21.0)
    assert (one.images, two.images) == (("/a", "/b"), ("/a", "/b"))
    assert (two.title, two.attributes["Colour"], two.available) == ("Tee", "Blue", False)
    assert one.identifiers == {"gtin": "456", "sku": "T-1"}


def test_a_product_of_shopify_is_whole_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "products_export.csv"
    file.write_text(OLD_SHOPIFY, encoding="utf-8")
    whole = items(open_source(file))
    monkeypatch.setattr("sosie.catalog.encoding.BLOCK", 600)
    assert items(open_source(file)) == whole


VENDURE = """\
name   ,slug ,description,assets       ,facets                          ,optionGroups,optionValues,sku,price,stockOnHand
Laptop ,laptop,"Fast, light",a.jpg|b.jpg,category:Tech|category:PC|brand:Ac|colour:grey,size|RAM,13 in|8GB,L1,999.00,10
       ,     ,           ,             ,                                ,           ,15 in|8GB,L2,1099.00,0
Chair  ,chair,Comfy      ,             ,category:Home                   ,colour     ,mint       ,C1,10   ,1
       ,     ,           ,             ,                                ,           ,pearl      ,C1,10   ,1
"""


def test_vendure_import_files(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "images" / name).write_bytes(b"x")
    file = tmp_path / "products.csv"
    file.write_text(VENDURE, encoding="utf-8")
    source = open_source(file, images=tmp_path / "images")
    products, rejects = items(source)
    assert not rejects
    assert [p.id for p in products] == ["L1", "L2", "C1", "C1 / pearl"]
    assert [p.group for p in products] == ["laptop", "laptop", "chair", "chair"]
    laptop = products[1]
    assert (laptop.title, laptop.text, laptop.brand) == ("Laptop", "Fast, light", "Ac")
    assert laptop.category == ("Tech > PC",)
    assert laptop.attributes == {"size": "15 in", "RAM": "8GB", "colour": "grey"}
    assert [Path(image).name for image in laptop.images] == ["a.jpg", "b.jpg"]
    assert (laptop.price, laptop.stock, laptop.available) == (1099.0, 0.0, False)


RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:g="http://base.google.com/ns/1.0"><channel><title>Shop</title><link>https://s.org</link>
{items}
</channel></rss>"""
ITEM = """<item><g:id>{n}</g:id><g:title>Lamp {n}</g:title><g:description>&lt;p&gt;Warm&lt;/p&gt;</g:description>
<g:link>https://s.org/{n}</g:link><g:image_link>https://s.org/{n}.jpg</g:image_link>
<g:additional_image_link>https://s.org/{n}b.jpg</g:additional_image_link>
<g:additional_image_link>https://s.org/{n}c.jpg</g:additional_image_link>
<g:availability>in stock</g:availability><g:price>12.00 EUR</g:price><g:sale_price>10.00 EUR</g:sale_price>
<g:brand>Lumo</g:brand><g:gtin>0401</g:gtin><g:mpn>M{n}</g:mpn><g:item_group_id>G</g:item_group_id>
<g:product_type>Home &gt; Light</g:product_type><g:google_product_category>594</g:google_product_category>
<g:color>red</g:color><g:condition>new</g:condition><g:custom_label_0>x</g:custom_label_0>
<g:shipping><g:country>DE</g:country><g:price>5 EUR</g:price></g:shipping></item>"""


def assert_merchant(source: Source) -> None:
    """What both forms of the feed say of its first product."""
    first = items(source)[0][0]
    assert (first.id, first.title, first.text, first.brand, first.group) == ("1", "Lamp 1", "Warm", "Lumo", "G")
    assert (first.price, first.sale_price, first.currency, first.available) == (12.0, 10.0, "EUR", True)
    assert first.category == ("Home > Light",)
    assert first.identifiers == {"gtin": "0401", "mpn": "M1"}
    assert first.attributes == {"color": "red", "condition": "new"}
    assert first.url == "https://s.org/1"
    assert source.guess.format.startswith("Google Merchant feed")


def test_merchant_feed_as_rss(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(RSS.format(items="".join(ITEM.format(n=n) for n in range(1, 4))), encoding="utf-8")
    source = open_source(file)
    assert_merchant(source)
    assert set(source.picture_urls()) == {f"https://s.org/{n}{mark}.jpg" for n in (1, 2, 3) for mark in ("", "b", "c")}


def test_merchant_feed_as_tsv(tmp_path: Path) -> None:
    fields = {
        "id": "1", "title": "Lamp 1", "description": "<p>Warm</p>", "link": "https://s.org/1",
        "image_link": "https://s.org/1.jpg", "availability": "in_stock", "price": "12.00 EUR",
        "sale_price": "10.00 EUR", "brand": "Lumo", "gtin": "0401", "mpn": "M1",
        "item_group_id": "G", "product_type": "Home > Light", "color": "red", "condition": "new", "custom_label_0": "x",
    }  # fmt: skip
    file = tmp_path / "feed.txt"
    file.write_text("\t".join(fields) + "\n" + "\t".join(fields.values()) + "\n", encoding="utf-8")
    assert_merchant(open_source(file))


def test_merchant_feed_as_atom(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(
        '<feed xmlns="http://www.w3.org/2005/Atom" xmlns:g="http://base.google.com/ns/1.0"><title>Shop</title>'
        '<entry><g:id>1</g:id><title>Lamp</title><link href="https://s.org/1"/>'
        "<g:price>1,50 EUR</g:price></entry></feed>",
        encoding="utf-8",
    )
    (product,), _ = items(open_source(file))
    assert (product.id, product.title, product.url, product.price) == ("1", "Lamp", "https://s.org/1", 1.5)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (RSS.format(items=ITEM.format(n=1) + "<item><g:id>2</g:id>")[:-30], "not valid XML after product 1"),
        ("<rss><channel></channel></rss>", "no <item>"),
        ("<!DOCTYPE html><html><body>Sorry</body></html>", "web page"),
        (
            '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>'
            "<rss><channel><item><id>&lol2;</id></item></channel></rss>",
            "entities or a document type",
        ),
    ],
)
def test_broken_and_hostile_feeds_are_named(content: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError, match=said):
        items(open_source(file))


RECORDS = [
    {
        "id": "007",
        "title": "Lamp",
        "price": 12.10,
        "categories": ["Home", "Light"],
        "specs": {"Watt": 40, "Dimmable": True},
    },
    {
        "id": 12345678901234567890,
        "title": "Café ☕",
        "price": "¥5",
        "images": ["a.jpg", "b.jpg"],
        "specs": {"Watt": 60},
    },
]


@pytest.mark.parametrize("form", ["lines", "list", "wrapped"])
def test_json(form: str, tmp_path: Path) -> None:
    file = tmp_path / "products.json"
    lines = [json.dumps(record, ensure_ascii=False) for record in RECORDS]
    listed = json.dumps(RECORDS, indent=2)
    file.write_text(
        {"lines": "\n\n".join(lines), "list": listed, "wrapped": f'{{"products": {listed}}}'}[form], encoding="utf-8"
    )
    source = open_source(file)
    assert source.guess.format == ("JSON lines" if form == "lines" else "JSON")
    (lamp, cafe), rejects = items(source)
    assert not rejects
    assert (lamp.id, lamp.price, lamp.category) == ("007", 12.1, ("Home > Light",))
    assert lamp.attributes == {"Watt": "40", "Dimmable": "true"}
    assert (cafe.id, cafe.title, cafe.price, cafe.currency) == ("12345678901234567890", "Café ☕", 5.0, "CNY")
    assert [Path(image).name for image in cafe.images] == ["a.jpg", "b.jpg"]


def test_lines_that_are_no_json_are_rejected_with_their_rows(tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    deep = "[" * 100_000
    file.write_text(
        f'{{"id": "1", "title": "a"}}\n{{"id": "2",\n[1]\n{deep}\n{{"id": "5", "title": "b"}}\n', encoding="utf-8"
    )
    products, rejects = items(open_source(file))
    assert [p.id for p in products] == ["1", "5"]
    assert [r.row for r in rejects] == [2, 3, 4]
    assert all(r.fatal and r.reason for r in rejects)


def test_fields_that_come_late_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sosie.catalog.records.KNOWN", 2)
    file = tmp_path / "products.jsonl"
    lines = [{"id": str(n), "title": "x"} for n in range(3)] + [{"id": "9", "title": "y", "material": "oak"}]
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    source = open_source(file)
    assert items(source)[0][-1].attributes == {"material": "oak"}
    assert source.guess.attributes == ()


def test_a_json_list_that_breaks_off_is_named(tmp_path: Path) -> None:
    file = tmp_path / "products.json"
    file.write_text(json.dumps(RECORDS)[:-20], encoding="utf-8")
    with pytest.raises(CatalogueError, match="not valid JSON after record 1"):
        items(open_source(file))


def test_a_giant_line_of_json_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "products.jsonl"
    file.write_text('{"id": "1"}\n{"id": "2", "title": "' + "x" * (30 << 20) + '"}\n{"id": "3"}\n', encoding="utf-8")
    products, rejects = items(open_source(file))
    assert [p.id for p in products] == ["1", "3"]
    assert [r.row for r in rejects] == [2]


def test_parquet(tmp_path: Path) -> None:
    file = tmp_path / "products.parquet"
    pl.DataFrame(
        {
            "id": [7.0, None, 9.0],
            "title": ["Lamp", "Chair", None],
            "price": [12.5, 3.0, None],
            "tags": [["a", "b"], [], None],
            "in_stock": [True, False, None],
            "vector": [[0.1, 0.2]] * 3,
            "thumb": [b"x"] * 3,
        }
    ).write_parquet(file)
    source = open_source(file)
    products, rejects = items(source)
    assert [(p.id, p.title, p.price, p.available) for p in products] == [
        ("7", "Lamp", 12.5, True),
        ("9", "", None, None),
    ]
    assert products[0].attributes == {"tags": "a, b"}
    assert [(r.row, r.reason) for r in rejects] == [(2, "the row has no id")]
    assert any("vector" in note and "--vectors" in note for note in source.guess.notes)


def test_parquet_keeps_leading_zeros(tmp_path: Path) -> None:
    file = tmp_path / "products.parquet"
    pl.DataFrame({"id": ["007", "7"], "title": ["a", "b"]}).write_parquet(file)
    assert [p.id for p in items(open_source(file))[0]] == ["007", "7"]


def test_damaged_parquet_is_named(tmp_path: Path) -> None:
    file = tmp_path / "products.parquet"
    file.write_bytes(b"PAR1" + b"x" * 100)
    with pytest.raises(CatalogueError, match="not a Parquet file"):
        open_source(file)


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    for name in ("shoes/boots/a.jpg", "shoes/b.PNG", "train/hats/c.webp", "d.jpg", ".hidden/e.jpg", "shoes/notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    products, _ = items(open_source(tmp_path))
    assert [(p.id, p.category, p.other) for p in products] == [
        ("d.jpg", (), {}),
        ("shoes/b.PNG", ("shoes",), {}),
        ("shoes/boots/a.jpg", ("shoes > boots",), {}),
        ("train/hats/c.webp", ("hats",), {"split": "train"}),
    ]
    assert all(Path(p.images[0]).is_file() for p in products)
    assert all(not p.title and not p.attributes for p in products)


def test_a_changed_picture_changes_its_stamp(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (before,) = open_source(tmp_path).batches()
    (tmp_path / "b.jpg").write_bytes(b"longer")
    (after,) = open_source(tmp_path).batches()
    assert (before.stamps == after.stamps).tolist() == [True, False]


def test_a_folder_without_pictures_names_the_file_it_holds(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("id,title\n1,a\n")
    with pytest.raises(CatalogueError, match=r"products\.csv: name that file"):
        open_source(tmp_path)


@pytest.mark.parametrize("packed", [False, True])
def test_labelled_archives(packed: bool, tmp_path: Path) -> None:
    pixels, labels = np.zeros((3, 4, 4), np.uint8), np.array([2, 0, 2], np.uint8)
    contents = {
        "train-images-idx3-ubyte": struct.pack(">iIII", 0x803, *pixels.shape) + pixels.tobytes(),
        "train-labels-idx1-ubyte": struct.pack(">iI", 0x801, 3) + labels.tobytes(),
    }
    for name, content in contents.items():
        (tmp_path / (name + ".gz" * packed)).write_bytes(gzip.compress(content) if packed else content)
    products, _ = items(open_source(tmp_path))
    archive = "train-images-idx3-ubyte" + ".gz" * packed
    assert [(p.id, p.category) for p in products] == [
        (f"{archive}#0", ("2",)),
        (f"{archive}#1", ("0",)),
        (f"{archive}#2", ("2",)),
    ]
    assert products[0].other == {"label": "2", "split": "train"}
    assert products[1].images == (f"{tmp_path}/{archive}#1",)
    (one,) = [p for p in items(open_source(tmp_path / archive))[0] if p.id.endswith("#1")]
    assert one == products[1]


def test_cifar_binary(tmp_path: Path) -> None:
    record = np.zeros((2, 3073), np.uint8)
    record[:, 0] = [3, 5]
    (tmp_path / "data_batch_1.bin").write_bytes(record.tobytes())
    (tmp_path / "batches.meta.txt").write_text("airplane\nautomobile\nbird\ncat\ndeer\ndog\n")
    products, _ = items(open_source(tmp_path))
    assert [p.category for p in products] == [("cat",), ("dog",)]


def test_a_feed_in_an_encoding_that_xml_readers_lack_is_named(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_bytes('<?xml version="1.0" encoding="gb18030"?><rss><item><id>灯</id></item></rss>'.encode("gb18030"))
    with pytest.raises(CatalogueError, match="save it as UTF-8"):
        items(open_source(file))
