"""The page of file formats: its tables are the code's, its examples are read."""

import re
import runpy
from pathlib import Path

import pytest

from sosie.catalog import names, open_source
from sosie.types import Product

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "formats.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"<!-- file: (\S+) (.+?) (\d+) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
REVIEWS = re.findall(r"<!-- reviews: \S+ -->\n```csv\n(.*?)```", PAGE, re.DOTALL)


def block(name):
    return re.findall(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", PAGE, re.DOTALL)[0]


def test_fields_of_the_page_are_those_of_the_code():
    assert set(re.findall(r"^\| `(\w+)`", block("fields"), re.MULTILINE)) == set(names.FIELDS)


def test_tables_are_up_to_date():
    assert runpy.run_path(str(DOCS / "generate_formats.py"))["page"](PAGE) == PAGE, "stale: run `make docs`"


def test_every_example_was_found():
    assert len(EXAMPLES) == PAGE.count("<!-- file:") == 9


@pytest.mark.parametrize(("name", "format", "count", "content"), EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_examples_are_read_whole(tmp_path, name, format, count, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    source = open_source(tmp_path / name)
    items = [item for batch in source.batches() for item in source.read(batch)]
    assert source.guess.format == format
    assert [type(item) for item in items] == [Product] * int(count)


def test_the_reviews_of_the_page_belong_to_its_products(tmp_path):
    (tmp_path / "products.csv").write_text(EXAMPLES[0][3], encoding="utf-8")
    (tmp_path / "reviews.csv").write_text(REVIEWS[0], encoding="utf-8")
    source = open_source(tmp_path / "products.csv", reviews=tmp_path / "reviews.csv")
    products = [product for batch in source.batches() for product in source.read(batch)]
    assert [len(product.reviews) for product in products] == [2, 0]
    assert source.leftovers() == []
