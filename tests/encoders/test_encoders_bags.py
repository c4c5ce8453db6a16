"""Category, attributes and price: who is nearer to whom."""

from collections.abc import Sequence
from itertools import pairwise
from math import exp

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.encoders.attributes import Attributes
from sosie.encoders.category import Category
from sosie.encoders.price import Price
from sosie.types import Encoder, Product


def _cosines(encoder: Encoder, query: Product, others: Sequence[Product]) -> list[float]:
    vectors = encoder.encode([query, *others])
    return [float(cosine) for cosine in vectors[1:] @ vectors[0]]


def _in(*paths: str) -> Product:
    return Product("x", category=paths)


TREE = ["Shoes > Boots > Warm", "Shoes > Boots > Light", "Shoes > Sandals", "Toys > Cars", "Toys > Dolls"]


@pytest.fixture
def category() -> Category:
    encoder = Category()
    encoder.fit(_in(path) for path in TREE)
    return encoder


def test_siblings_are_closer_than_cousins_and_these_closer_than_strangers(category: Category) -> None:
    same, sibling, cousin, stranger = _cosines(
        category, _in(TREE[0]), [_in(TREE[0]), _in(TREE[1]), _in(TREE[2]), _in(TREE[3])]
    )
    assert same == pytest.approx(1)
    assert same > sibling + 0.1 > cousin + 0.2
    assert cousin > 0.1
    assert stranger == 0


def test_a_shared_level_is_worth_more_when_it_is_rare() -> None:
    encoder = Category()
    encoder.fit([_in("Common > A"), _in("Common > B"), *[_in("Common > C")] * 50, _in("Rare > A"), _in("Rare > B")])
    common, rare = (_cosines(encoder, _in(f"{top} > A"), [_in(f"{top} > B")])[0] for top in ("Common", "Rare"))
    assert rare > common + 0.1


def test_any_of_several_paths_is_enough(category: Category) -> None:
    both, other = _cosines(category, _in(TREE[0]), [_in(TREE[3], TREE[0]), _in(TREE[3], TREE[4])])
    assert both > 0.5
    assert other == 0


def test_categories_unseen_when_fitted_are_told_apart(category: Category) -> None:
    parent, sibling, same, stranger = _cosines(
        category,
        _in("Food > Tea > Green"),
        [_in("Food > Tea"), _in("Food > Tea > Black"), _in("food > téa>GREEN"), _in("X")],
    )
    assert same == pytest.approx(1, abs=1e-5)
    assert min(parent, sibling) > 0.4
    assert abs(stranger) < 0.3


def test_a_thousand_categories_stay_apart() -> None:
    products = [_in(f"Top {i % 10} > Middle {i % 100} > Leaf {i}") for i in range(1000)]
    encoder = Category()
    encoder.fit(products)
    vectors = encoder.encode(products)
    cosines = vectors @ vectors.T
    top = np.arange(1000) % 10
    shared = (top[:, None] == top) & ~np.eye(1000, dtype=bool)
    assert cosines[shared].min() > np.quantile(cosines[top[:, None] != top], 0.99) - 0.2
    assert np.abs(cosines[top[:, None] != top]).mean() < 0.1


def _with(brand: str = "", **attributes: str) -> Product:
    return Product("x", brand=brand, attributes=attributes)


def test_a_shared_rare_value_is_worth_more_than_a_common_one() -> None:
    products = [_with(colour="black", fabric="wool")] * 80 + [_with(colour="lime", fabric="silk")] * 4
    encoder = Attributes()
    encoder.fit([*products, _with(colour="lime", fabric="wool"), _with(colour="black", fabric="silk")])
    rare, common = _cosines(
        encoder,
        _with(colour="lime", fabric="wool"),
        [_with(colour="lime", fabric="felt"), _with(colour="red", fabric="wool")],
    )
    assert rare > common > 0.1


def test_a_cell_may_hold_several_values_and_words_count_in_part() -> None:
    encoder = Attributes()
    encoder.fit([_with(colour=value) for value in ("red", "blue", "dark blue", "green|red", "green") for _ in range(5)])
    several, word, nothing = _cosines(
        encoder, _with(colour="blue"), [_with(colour="green|blue"), _with(colour="dark blue"), _with(colour="red")]
    )
    assert 0.5 < several < 0.95
    assert 0.1 < word < 0.7
    assert abs(nothing) < 1e-6


def test_the_same_word_in_another_attribute_is_something_else() -> None:
    encoder = Attributes()
    encoder.fit([_with(brand="Orange", colour="red"), _with(brand="Apple", colour="orange")] * 5)
    assert _cosines(encoder, _with(brand="Orange"), [_with(colour="orange")])[0] == pytest.approx(0, abs=1e-6)


def test_attributes_of_nothing_but_different_values_weigh_little() -> None:
    products = [_with(serial=f"n{i}", colour=("red", "blue")[i % 2]) for i in range(200)]
    encoder = Attributes()
    encoder.fit(products)
    alike, unlike = _cosines(encoder, products[0], [products[2], products[1]])
    assert alike > 0.8
    assert unlike < 0.4


def test_order_of_attributes_does_not_matter() -> None:
    a = Product("1", attributes={"a": "1", "b": "2"})
    b = Product("1", attributes={"b": "2", "a": "1"})
    assert Attributes().content(a) == Attributes().content(b)


def _at(price: float | None, category: str = "", currency: str = "EUR") -> Product:
    return Product("x", price=price, currency=currency, category=(category,) if category else ())


def _prices(middle: float, spread: float, category: str, currency: str = "EUR") -> list[Product]:
    steps = np.random.default_rng(0).normal(0, spread, 200)
    return [_at(middle * exp(step), category, currency) for step in steps]


@pytest.fixture
def price() -> Price:
    encoder = Price()
    encoder.fit([*_prices(20, 0.3, "Mugs"), *_prices(1000, 1.0, "Sofas")])
    return encoder


def test_a_near_price_is_more_alike_than_a_far_one(price: Price) -> None:
    cosines = _cosines(price, _at(20, "Mugs"), [_at(p, "Mugs") for p in (20, 21, 24, 30, 45, 90)])
    assert cosines[0] == pytest.approx(1, abs=1e-5)
    assert all(a > b + 0.005 for a, b in pairwise(cosines))
    assert cosines[-1] < 0.2


def test_cosine_follows_the_distance_in_spreads(price: Price) -> None:
    # One spread apart is 1 / (1 + 1), two are 1 / (1 + 4).
    cosines = _cosines(price, _at(20, "Mugs"), [_at(20 * exp(0.3 * spreads), "Mugs") for spreads in (1, 2, 3)])
    np.testing.assert_allclose(cosines, [1 / 2, 1 / 5, 1 / 10], atol=0.06)


def test_a_ratio_means_less_where_prices_differ_more(price: Price) -> None:
    mug = _cosines(price, _at(20, "Mugs"), [_at(30, "Mugs")])[0]
    sofa = _cosines(price, _at(1000, "Sofas"), [_at(1500, "Sofas")])[0]
    assert sofa > mug + 0.2


def test_a_dear_mug_is_not_a_dear_sofa(price: Price) -> None:
    assert _cosines(price, _at(20, "Mugs"), [_at(1000, "Sofas")])[0] < 0.4


def test_currencies_are_not_compared_without_a_rate() -> None:
    products = [*_prices(20, 0.5, "Mugs"), *_prices(20, 0.5, "Mugs", "USD")]
    encoder = Price()
    encoder.fit(products)
    assert _cosines(encoder, _at(20, "Mugs"), [_at(20, "Mugs", "USD")]) == [0]
    assert not encoder.encode([_at(20, "Mugs", "CHF")]).any()
    rated = Price({"EUR": 1.0, "usd": 0.5})
    rated.fit(products)
    same, other = _cosines(rated, _at(20, "Mugs"), [_at(40, "Mugs", "USD"), _at(20, "Mugs", "USD")])
    assert same == pytest.approx(1, abs=1e-5)
    assert other < same


def test_a_price_without_currency_counts_in_the_main_one() -> None:
    encoder = Price()
    encoder.fit([*_prices(20, 0.5, "Mugs"), _at(20, "Mugs", "USD"), _at(20, "Mugs", "")])
    euro, dollar = _cosines(encoder, _at(20, "Mugs", ""), [_at(20, "Mugs"), _at(20, "Mugs", "USD")])
    assert (euro, dollar) == (pytest.approx(1, abs=1e-5), 0)


@pytest.mark.parametrize("value", [None, 0.0, -5.0, float("nan"), float("inf")])
def test_what_is_no_price_is_missing(price: Price, value: float | None) -> None:
    assert price.content(_at(value)) == ""
    assert not price.encode([_at(value)]).any()


def test_equal_prices_everywhere_do_not_break_the_scale() -> None:
    encoder = Price()
    encoder.fit([_at(9.99, "Mugs")] * 50)
    near, far = _cosines(encoder, _at(9.99, "Mugs"), [_at(10.0, "Mugs"), _at(99.0, "Mugs")])
    assert near > 0.9
    assert far < 0.1


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(1e-6, 1e12), min_size=2, max_size=2), st.lists(st.floats(1e-6, 1e12), min_size=1, max_size=20)
)
def test_any_prices_give_unit_vectors(pair: list[float], catalogue: list[float]) -> None:
    encoder = Price()
    encoder.fit(_at(value) for value in catalogue)
    vectors = encoder.encode([_at(value) for value in pair])
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
