"""Cells: money, categories, pictures, pairs, availability, ratings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosie.catalog.money import decimal_comma, parse_money
from sosie.catalog.products import parse_reviews
from sosie.catalog.values import (
    CategoryStyle,
    category_style,
    parse_available,
    parse_category,
    parse_count,
    parse_facets,
    parse_pairs,
    parse_rating,
    rating_scale,
    split_pictures,
)
from sosie.types import Review


@pytest.mark.parametrize(
    ("cell", "amount", "currency"),
    [
        ("$12", 12, "USD"),
        ("1.299,00 €", 1299, "EUR"),
        ("1.299 €", 1299, "EUR"),
        ("¥199", 199, "CNY"),
        ("￥1,299.50", 1299.5, "CNY"),
        ("199元", 199, "CNY"),
        ("12 USD", 12, "USD"),
        ("usd 12.50", 12.5, "USD"),
        ("1 299,00 kr", 1299, "kr"),
        ("1\u00a0299,00\u202f€", 1299, "EUR"),
        ("1,299.00", 1299, ""),
        ("12,5", 12.5, ""),
        ("12,50", 12.5, ""),
        ("1,299", 1299, ""),
        ("1.299", 1.299, ""),
        ("1,234,567", 1234567, ""),
        ("1.234.567,89", 1234567.89, ""),
        ("CHF 1'299.00", 1299, "CHF"),
        ("£0.99", 0.99, "GBP"),
        ("R$ 10,00", 10, "BRL"),
        ("HK$ 88", 88, "HKD"),
        ("₹1,49,999", 149999, "INR"),
        ("12,-", 12, ""),
        ("$10.00 - $15.00", 10, "USD"),
        ("10–15 €", 10, "EUR"),
        ("Rs. 450", 450, "INR"),
        ("1e-05", 1e-05, ""),
        ("0", 0, ""),
        (".5", 0.5, ""),
    ],
)
def test_money_is_read_as_people_write_it(cell: str, amount: float, currency: str) -> None:
    assert parse_money(cell) == (pytest.approx(amount), currency)


@pytest.mark.parametrize("cell", ["", " - ", "n/a", "NaN", "无", "null"])
def test_no_price_is_no_fault(cell: str) -> None:
    assert parse_money(cell) == (None, "")


@pytest.mark.parametrize("cell", ["call us", "-5", "free", "inf", "9" * 400, "$"])
def test_what_is_no_amount_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"amount|below zero|finite"):
        parse_money(cell)


def test_a_column_decides_what_three_digits_behind_a_mark_mean() -> None:
    german = ["12,50", "1.299", "1,299"]
    assert decimal_comma(german)
    assert [parse_money(cell, comma=True)[0] for cell in german] == [12.5, 1299, 1.299]
    assert not decimal_comma(["12.50", "1,299"])


@given(cents=st.integers(0, 10**9), sign=st.sampled_from(["", "$", "€ "]))
def test_amounts_in_both_styles_agree(cents: int, sign: str) -> None:
    english = f"{sign}{cents / 100:,.2f}"
    german = english.replace(",", "_").replace(".", ",").replace("_", ".")
    assert parse_money(english)[0] == pytest.approx(cents / 100)
    assert parse_money(german, comma=True)[0] == pytest.approx(cents / 100)


@pytest.mark.parametrize(
    ("cells", "style", "paths"),
    [
        (["A > B", "A > C"], CategoryStyle(">", ""), ("A > B",)),
        (["A/B|C/D", "A/B"], CategoryStyle("/", "|"), ("A > B", "C > D")),
        (["Toys|Games|Cards", "Toys"], CategoryStyle("|", ""), ("Toys > Games > Cards",)),
        (["Clothing, Shoes & Jewelry > Men"] * 9, CategoryStyle(">", ""), ("Clothing, Shoes & Jewelry > Men",)),
        (["Men > Tops, Sale > Tops", "Sale > Tops", "Men"], CategoryStyle(">", ","), ("Men > Tops", "Sale > Tops")),
        (["Red, round", "Blue, square"], CategoryStyle("", ""), ("Red, round",)),
        (["Shoes, Men", "Men", "Men, Shoes"], CategoryStyle("", ","), ("Shoes", "Men")),
        (["家居 > 床品"], CategoryStyle(">", ""), ("家居 > 床品",)),
        (["T-shirts", "Trousers"], CategoryStyle("", ""), ("T-shirts",)),
    ],
)
def test_categories_become_paths(cells: list[str], style: CategoryStyle, paths: tuple[str, ...]) -> None:
    assert category_style(cells) == style
    assert parse_category(cells[0], style) == paths


@pytest.mark.parametrize(
    ("cell", "paths"),
    [
        ('["Clothing", "Men", "Shirts"]', ("Clothing > Men > Shirts",)),
        ('[["A", "B"], ["C"]]', ("A > B", "C")),
        ('["A > B", "A", "C"]', ("A > B", "C")),
        ("['Home', 'Kitchen']", ("Home > Kitchen",)),
        ("n/a", ()),
    ],
)
def test_lists_become_paths(cell: str, paths: tuple[str, ...]) -> None:
    assert parse_category(cell, CategoryStyle(">", "")) == paths


@pytest.mark.parametrize(
    ("cell", "pictures"),
    [
        ("a.jpg|b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg; b.jpg", ["a.jpg", "b.jpg"]),
        ("a.jpg, b.png", ["a.jpg", "b.png"]),
        ("portrait, blue.jpg", ["portrait, blue.jpg"]),
        ('["a.jpg", "b.jpg"]', ["a.jpg", "b.jpg"]),
        ('[{"src": "a.jpg"}, {"url": "b.jpg"}]', ["a.jpg", "b.jpg"]),
        ("https://x.org/a.jpg https://x.org/b.jpg", ["https://x.org/a.jpg", "https://x.org/b.jpg"]),
        ("https://x.org/a,w=1.jpg,https://x.org/b.jpg", ["https://x.org/a,w=1.jpg", "https://x.org/b.jpg"]),
        ("https://x.org/a.jpg?x=1;y=2", ["https://x.org/a.jpg?x=1;y=2"]),
        ("two words.jpg", ["two words.jpg"]),
        (" ", []),
    ],
)
def test_several_pictures_in_a_cell(cell: str, pictures: list[str]) -> None:
    assert split_pictures(cell) == pictures


@pytest.mark.parametrize(
    ("cell", "pairs"),
    [
        ("材质=棉;尺寸=1.5米", {"材质": "棉", "尺寸": "1.5米"}),
        ("a=1; b = two words", {"a": "1", "b": "two words"}),
        ('{"Colour": "red", "Sizes": ["S", "M"]}', {"Colour": "red", "Sizes": "S, M"}),
        ('[{"name": "Fit", "value": "slim"}]', {"Fit": "slim"}),
        ("note=a; b, c", {"note": "a; b, c"}),
        ("just words", None),
        ("", None),
    ],
)
def test_cells_of_pairs(cell: str, pairs: dict[str, str] | None) -> None:
    assert parse_pairs(cell) == pairs


def test_facets_keep_repeats_in_order() -> None:
    assert parse_facets("category:A|category:B|colour:red") == {"category": ["A", "B"], "colour": ["red"]}


@pytest.mark.parametrize(
    ("cell", "available"),
    [
        ("in stock", True), ("in_stock", True), ("out of stock", False), ("OutOfStock", False),
        ("https://schema.org/InStock", True), ("preorder", True),
        ("有货", True), ("缺货", False), ("下架", False), ("12", True), ("0", False), ("n/a", None),
    ],
)  # fmt: skip
def test_availability(cell: str, available: bool | None) -> None:
    assert parse_available(cell) is available


def test_an_unknown_availability_is_refused() -> None:
    with pytest.raises(ValueError, match="maybe"):
        parse_available("maybe")


def test_counts() -> None:
    assert parse_count("1,234 ratings") == 1234
    assert parse_count("-3") == -3
    with pytest.raises(ValueError, match="not a number"):
        parse_count("many")


@pytest.mark.parametrize(
    ("cell", "scale", "rating"),
    [
        ("4", 5, 4),
        ("8", 10, 4),
        ("80", 100, 4),
        ("4.5/5", 10, 4.5),
        ("8 out of 10", 5, 4),
        ("90%", 5, 4.5),
        ("★★★☆☆", 5, 3),
    ],
)
def test_ratings_are_brought_to_five(cell: str, scale: float, rating: float) -> None:
    assert parse_rating(cell, scale) == pytest.approx(rating)


def test_ratings_outside_their_scale_are_refused() -> None:
    assert rating_scale(["3", "9.5"]) == 10
    with pytest.raises(ValueError, match="outside"):
        parse_rating("7", 5)
    with pytest.raises(ValueError, match="outside"):
        parse_rating("-1", 5)


def test_reviews_of_a_cell() -> None:
    assert parse_reviews('[{"text": "Good", "rating": 4}, "Fine"]') == [Review("Good", 4.0), Review("Fine")]
    assert parse_reviews("Warm || <b>Soft</b>") == [Review("Warm"), Review("Soft")]
