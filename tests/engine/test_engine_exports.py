"""Lists that shops import: the demo catalogues and a Shopify export, in each form."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest

import sosie
from sosie.config import parse_config
from sosie.engine.exports import RELATED
from sosie.errors import QuestionError

ROOT = Path(__file__).parents[2]
OFF = parse_config({"signals": {name: {"enabled": False} for name in ("image", "text", "colour")}}, "the test")


def built(catalogue, folder):
    return sosie.build(catalogue, folder, config=OFF)


@pytest.fixture(scope="module")
def shopify(tmp_path_factory):
    return built(ROOT / "examples" / "shopify.csv", tmp_path_factory.mktemp("shopify") / "store")


@pytest.fixture
def own(shopify, tmp_path):
    return sosie.open(shutil.copytree(shopify.folder, tmp_path / "store"))


def rows(file):
    with file.open(encoding="utf-8", newline="") as source:
        return list(csv.DictReader(source))


def first_of_group(store):
    """The products that stand for their variants, by handle."""
    found = {}
    for row, alive in enumerate(store.snapshot.alive):
        if alive:
            product = store.snapshot.products([row])[0]
            found.setdefault(product.group, product)
    return found


def test_shopify_products_by_handle(shopify, tmp_path):
    written = shopify.export(tmp_path / "related.csv", "shopify", k=2)
    told = rows(tmp_path / "related.csv")
    known = first_of_group(shopify)
    assert list(told[0]) == ["Handle", "Title", RELATED]
    assert [row["Handle"] for row in told] == list(known)
    assert written == len(told)
    for row in told:
        product = known[row["Handle"]]
        assert row["Title"] == product.title
        assert row[RELATED].split(", ") == [hit.product.group for hit in shopify.similar(product.id, limit=2)]
        assert row["Handle"] not in row[RELATED].split(", ")


def test_pins_blocks_and_the_filter_count(own, tmp_path):
    handle, product = next(iter(first_of_group(own).items()))
    hits = own.similar(product.id, limit=20)
    last, first = hits[-1].product, hits[0].product
    own.pin(product.id, [last.id])
    own.block(product.id, [first.id])
    own.export(tmp_path / "related.csv", "shopify", k=3, where="price > 0")
    told = {row["Handle"]: row[RELATED].split(", ") for row in rows(tmp_path / "related.csv")}
    assert told[handle][0] == last.group
    assert first.group not in told[handle]
    assert own.export(tmp_path / "none.csv", "shopify", where="price < 0") == 0
    assert (tmp_path / "none.csv").read_text(encoding="utf-8").strip() == f"Handle,Title,{RELATED}"


def test_woocommerce_and_magento_by_sku(tmp_path):
    lines = ["id,sku,title,price"] + [f"{at},S-{at},{kind} kettle,{at} EUR" for at, kind in enumerate("abcd", 1)]
    lines[2] = lines[2].replace("S-2", '"S,2"')
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    store = built(tmp_path / "shop.csv", tmp_path / "store")
    assert store["1"].identifiers["sku"] == "S-1"
    store.export(tmp_path / "woo.csv", "woocommerce")
    store.export(tmp_path / "magento.csv", "magento")
    woo, magento = rows(tmp_path / "woo.csv")[0], rows(tmp_path / "magento.csv")[0]
    wanted = [hit.product.identifiers["sku"] for hit in store.similar("1") if hit.product.id != "2"]
    assert woo == {"SKU": "S-1", "Upsells": ", ".join(wanted)}
    assert magento == {"sku": "S-1", "related_skus": ",".join(wanted), "related_position": "1,2"}


def test_json_lines_have_every_variant(shopify, tmp_path):
    shopify.export(tmp_path / "lists.jsonl", "jsonl", k=2)
    told = [json.loads(line) for line in (tmp_path / "lists.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(told) == len(shopify)
    wanted = [{"id": hit.product.id, "score": hit.score} for hit in shopify.similar(told[0]["id"], limit=2)]
    assert told[0]["similar"] == wanted


@pytest.mark.parametrize(("form", "more"), [("etsy", {}), ("shopify", {"k": 0}), ("shopify", {"where": "nope >"})])
def test_what_can_not_be_is_told_and_leaves_the_file(shopify, tmp_path, form, more):
    (tmp_path / "related.csv").write_text("before")
    with pytest.raises(QuestionError):
        shopify.export(tmp_path / "related.csv", form, **more)
    assert (tmp_path / "related.csv").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["related.csv"]


def test_the_demo_catalogue(tmp_path):
    data = Path(os.environ.get("SOSIE_DATA", ROOT.parent / "shared" / "data"))
    catalogue = data / "demo-catalogues" / "vendure.csv"
    if not catalogue.is_file():
        pytest.skip("NO DATA: set SOSIE_DATA to the folder that holds demo-catalogues; the export is tested without.")
    store = built(catalogue, tmp_path / "store")
    assert store.export(tmp_path / "related.csv", "shopify", k=4) == 54
    told = {row["Handle"]: row[RELATED].split(", ") for row in rows(tmp_path / "related.csv")}
    assert set(told) == {product.group for product in map(store.__getitem__, store.table()["id"])}
    assert all(len(others) == 4 and len(set(others)) == 4 and set(others) <= set(told) for others in told.values())
