from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.filters import evaluate, parse_filter
from sosie.store.columns import NUMBERS, TEXTS, Columns, ColumnsBuilder
from sosie.store.joined import Joined
from sosie.store.records import encode_record, read_record
from sosie.store.strings import StringsFile
from sosie.types import Column, Product


def columns_of(*products: Product) -> Columns:
    builder = ColumnsBuilder()
    builder.add([read_record(encode_record(product)) for product in products])
    return builder.finish()


def plain(column: Column) -> list[object]:
    if column.vocabulary is None:
        return [None if value != value else float(value) for value in column.values]
    return [None if code < 0 else column.vocabulary[code] for code in column.values]


def joined_columns(base: Columns, *later: Product) -> Mapping[str, Column]:
    joined = Joined(base)
    joined.add([read_record(encode_record(product)) for product in later])
    return joined.at(base.rows + len(later))


A = Product(
    id="a",
    price=3.5,
    brand="Moss",
    category=("A > B", "C"),
    available=True,
    attributes={"size": "38", "fit": "1"},
    other={"label": "x"},
    identifiers={"gtin": "00123"},
    group="g",
)
B = Product(id="b", sale_price=1.0, brand="Fern", available=False, attributes={"size": "4e1", "fit": "wide"}, stock=0.0)
C = Product(id="c", rating=4.5, rating_count=7, currency="EUR", language="en", attributes={"size": "", "brand": "no"})


def test_every_field_is_a_column() -> None:
    columns = columns_of(A, B, C)
    assert list(columns) == [*NUMBERS, *TEXTS, "size", "fit", "label", "gtin"]
    expected: dict[str, list[object]] = {
        "price": [3.5, None, None],
        "sale_price": [None, 1.0, None],
        "rating": [None, None, 4.5],
        "rating_count": [None, None, 7.0],
        "stock": [None, 0.0, None],
        "available": ["true", "false", None],
        "brand": ["Moss", "Fern", None],
        "currency": [None, None, "EUR"],
        "language": [None, None, "en"],
        "category": ["A > B | C", None, None],
        "group": ["g", None, None],
        "size": [38.0, 40.0, None],
        "fit": ["1", "wide", None],
        "label": ["x", None, None],
        "gtin": [123.0, None, None],
    }
    assert {name: plain(column) for name, column in columns.items()} == expected


def test_filters_read_them() -> None:
    columns = columns_of(A, B, C)

    def rows(where: str) -> list[int]:
        return np.flatnonzero(evaluate(parse_filter(where), columns, 3)).tolist()

    assert rows("price < 4") == [0]
    assert rows("available") == [0]
    assert rows("not available") == [1, 2]
    assert rows("size >= 39") == [1]
    assert rows("category = 'A'") == [0]
    assert rows("brand in ('fern', 'moss') and stock is missing") == [0]


@pytest.mark.parametrize("word", ["nan", "inf", "1_000", "12345678901234567890", "", "0x10", "1,5"])
def test_what_float_would_take_but_is_no_number(word: str) -> None:
    columns = columns_of(Product(id="a", attributes={"x": word or "-"}), Product(id="b", attributes={"x": "2"}))
    assert plain(columns["x"]) == [word or "-", "2"]


def test_brands_stay_texts_even_if_all_are_numbers() -> None:
    assert plain(columns_of(Product(id="a", brand="7"))["brand"]) == ["7"]


def test_the_first_of_equal_names_counts() -> None:
    both = Product(id="a", attributes={"x": "1"}, other={"x": "2"}, identifiers={"x": "3"})
    assert plain(columns_of(both)["x"]) == [1.0]


def test_a_delta_can_turn_numbers_into_texts() -> None:
    """The base's own words come back as they were written, not as numbers print."""
    base = columns_of(Product(id="a", attributes={"size": "38.0"}), Product(id="b"))
    delta = Product(id="c", attributes={"size": "XL"}), Product(id="d", attributes={"size": "38.0"})
    joined = joined_columns(base, *delta)
    assert plain(base["size"]) == [38.0, None]
    assert plain(joined["size"]) == ["38.0", None, "XL", "38.0"]


def test_a_vocabulary_without_new_words_is_the_same_object() -> None:
    base = columns_of(A, B)
    joined = joined_columns(base, Product(id="x", brand="Fern"))
    assert joined["brand"].vocabulary is base["brand"].vocabulary
    assert joined.get("nothing") is None


WORDS = st.sampled_from(["", "1", "2.50", "red", "blue"])
PRODUCTS = st.lists(
    st.builds(
        Product,
        id=st.just("x"),
        price=st.none() | st.sampled_from([0.0, 1.5]),
        brand=st.sampled_from(["", "3", "Moss"]),
        attributes=st.dictionaries(st.sampled_from(["size", "colour"]), WORDS),
        other=st.dictionaries(st.sampled_from(["size", "label"]), WORDS),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(
    before=PRODUCTS, after=st.lists(PRODUCTS, max_size=4), asked=st.sets(st.sampled_from(["size", "brand", "label"]))
)
def test_joined_columns_are_those_of_all_rows(
    tmp_path_factory: pytest.TempPathFactory, before: list[Product], after: list[list[Product]], asked: set[str]
) -> None:
    """However the rows came, and whatever was asked for meanwhile."""
    folder = tmp_path_factory.mktemp("columns")
    columns_of(*before).save(folder)
    growing = Joined(Columns.open(folder))
    rows = list(before)
    states = []
    for some in after:
        growing.add([read_record(encode_record(product)) for product in some])
        rows += some
        joined, whole = growing.at(len(rows)), columns_of(*rows)
        for name in asked & set(whole):
            assert plain(joined[name]) == plain(whole[name])
        states.append((joined, whole))
    if states:
        joined, whole = states[-1]
        for name in whole:
            assert plain(joined[name]) == plain(whole[name])
            assert joined[name].values.dtype == whole[name].values.dtype
    for joined, whole in states:
        assert set(joined) == set(whole)
        for name in whole:
            assert [said is None for said in plain(joined[name])] == [said is None for said in plain(whole[name])]


def test_columns_in_files(tmp_path: Path) -> None:
    columns_of(A, B, C).save(tmp_path)
    again = Columns.open(tmp_path)
    assert {name: plain(column) for name, column in again.items()} == {
        name: plain(column) for name, column in columns_of(A, B, C).items()
    }
    assert again["brand"] is again["brand"]


@pytest.mark.parametrize("spooled", [False, True], ids=["memory", "disk"])
def test_words_are_numbered_alike_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spooled: bool
) -> None:
    monkeypatch.setattr("sosie.store.columns.BLOCK", 3)
    monkeypatch.setattr("sosie.store.columns.WORDS_BLOCK", 2)
    sizes = ["b", "a", "b", "c", "", "a", "a", "c", "d", "e", "b"]
    builder = ColumnsBuilder(StringsFile(tmp_path, "spool") if spooled else None)
    for at in range(0, len(sizes), 2):
        builder.add({"id": "x", "attributes": {"size": size}} for size in sizes[at : at + 2])
    columns = builder.finish()
    columns.save(tmp_path)
    for column in (columns["size"], Columns.open(tmp_path)["size"]):
        assert column.vocabulary == ("b", "a", "c", "d", "e")
        assert plain(column) == [size or None for size in sizes]
