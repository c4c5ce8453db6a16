"""How likely a hit is alike: a column of the table, a line of the page, a value of the JSON; nothing where unknown."""

import re

import pytest

from sosie.cli import show
from sosie.engine.plain import hit_as_json
from sosie.pages import Section, hits_page
from sosie.types import Hit, Product


def hits(*likely):
    return [
        Hit(Product(f"p{rank}", title=f"lamp {rank}"), 0.5, rank, {"image": 0.5}, likely=share)
        for rank, share in enumerate(likely, 1)
    ]


def words(page):
    return " ".join(re.sub(r"<style>.*?</style>|<[^>]*>", " ", page, flags=re.DOTALL).split())


def test_the_page_says_it_of_each_hit_that_has_it():
    section = Section(Product("a"), hits(0.82, 0.97, None), "alike: by label class")
    told = words(hits_page("x", [section]))
    assert re.findall(r"(\d+ of \d+) with such a score are alike", told) == ["8 of 10", "97 of 100"]
    assert "by label class" in told
    assert "are alike" not in words(hits_page("x", [Section(Product("a"), hits(None, None))]))


@pytest.fixture
def table():
    def printed(*arguments):
        with show.out.capture() as captured:
            show.print_hits("like p0", *arguments)
        return captured.get()

    return printed


def test_the_table_has_a_column_and_says_by_what(table):
    told = table(hits(0.82, 0.06), 1.0, "label class")
    assert "8 of 10" in told
    assert "1 of 10" in told
    assert "by label class" in told
    assert "alike" not in table(hits(None, None), 1.0)


def test_json_has_the_share_only_where_it_is_known():
    known, unknown = (hit_as_json(hit) for hit in hits(0.8217, None))
    assert known["likely"] == 0.8217
    assert "likely" not in unknown
