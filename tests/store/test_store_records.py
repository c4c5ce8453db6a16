import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.store.records import decode_record, encode_record, read_record
from sosie.types import Product, Review

TEXT = st.text(st.characters(), max_size=12)  # lone surrogates included
NUMBER = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**9), 10**9).map(float)
TABLE = st.dictionaries(TEXT, TEXT, max_size=3)
SOME = st.lists(TEXT, max_size=3).map(tuple)
PRODUCTS = st.builds(
    Product,
    id=TEXT,
    title=TEXT,
    text=TEXT,
    category=SOME,
    brand=TEXT,
    price=NUMBER,
    currency=TEXT,
    sale_price=NUMBER,
    attributes=TABLE,
    other=TABLE,
    identifiers=TABLE,
    images=SOME,
    videos=SOME,
    reviews=st.lists(st.builds(Review, TEXT, NUMBER), max_size=2).map(tuple),
    rating=NUMBER,
    rating_count=st.none() | st.integers(0, 10**30),
    available=st.none() | st.booleans(),
    stock=NUMBER,
    url=TEXT,
    language=TEXT,
    group=TEXT,
)


@settings(max_examples=40, deadline=None)
@given(PRODUCTS)
def test_a_record_gives_the_product_back(product: Product) -> None:
    again = decode_record(encode_record(product))
    if product.rating_count is not None and product.rating_count >= 2**64:
        assert again.rating_count == pytest.approx(product.rating_count)
    else:
        assert again == product
    assert type(again.images) is type(again.reviews) is tuple


def test_a_record_says_only_what_the_product_says() -> None:
    assert read_record(encode_record(Product(id="a"))) == {"id": "a"}
    falsy = Product(id="a", price=0.0, stock=0.0, rating_count=0, available=False)
    assert read_record(encode_record(falsy)) == {
        "id": "a",
        "price": 0,
        "stock": 0,
        "rating_count": 0,
        "available": False,
    }


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_missing(number: float) -> None:
    assert decode_record(encode_record(Product(id="a", price=number))).price is None
