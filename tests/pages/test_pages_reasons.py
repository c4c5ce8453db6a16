import pytest
from hypothesis import given
from hypothesis import strategies as st

from sosie.pages import reasons
from sosie.types import Hit, Product

LAMP = Product("a", category=("Home > Lamps", "Gifts"), brand="Lux", price=100.0, currency="EUR")


def hit(parts: dict[str, float], product: Product | None = None) -> Hit:
    return Hit(product or Product("b"), round(sum(parts.values()), 4), 1, parts)


@pytest.mark.parametrize(
    ("found", "line"),
    [
        (Product("b", category=("Gifts",)), "same category"),
        (Product("b", category=("Home > Lamps > Desk",)), "both in Lamps"),
        (Product("b", category=("Home > Beds",)), "both in Home"),
        (Product("b", brand="LUX"), "same brand"),
        (Product("b", price=100.0, currency="EUR"), "same price"),
        (Product("b", price=109.0, currency="EUR"), "similar price"),
        (Product("b", price=120.0, currency="EUR"), "a little alike in look"),
        (Product("b", price=100.0, currency="USD"), "a little alike in look"),
    ],
    ids=["second path", "deeper", "parent", "brand", "equal price", "near price", "far price", "other currency"],
)
def test_facts_are_told_of_the_product_asked_about(found: Product, line: str) -> None:
    assert reasons(hit({"image": 0.01}, found), LAMP) == line


def test_degrees_follow_from_the_parts() -> None:
    # room = 1 - 0.8 = 0.2: image .5/(.5+.2) = .71, text .25/.45 = .56, colour .05/.25 = .2
    line = reasons(hit({"image": 0.5, "text": 0.25, "colour": 0.05}))
    assert line == "all but the same in look, very alike in description, alike in colours"


def test_a_fact_is_not_said_twice() -> None:
    assert reasons(hit({"category": 0.5}, Product("b", category=("Gifts",))), LAMP) == "same category"


def test_words_found_literally_come_first() -> None:
    assert reasons(hit({"exact": 0.4, "text": 0.2})) == "has the words asked for, alike in description"


def test_nothing_in_common() -> None:
    assert reasons(hit({"image": -0.2, "text": 0.0})) == "hardly alike"


def test_signals_of_ones_own_keep_their_name() -> None:
    assert reasons(hit({"clip": 1.0})) == "all but the same in clip"


@given(
    st.lists(st.tuples(st.floats(0.01, 1), st.floats(-1, 1)), min_size=1, max_size=6),
)
def test_never_claims_more_than_the_cosine(signals: list[tuple[float, float]]) -> None:
    total = sum(weight for weight, _ in signals)
    names = ["image", "colour", "text", "words", "price", "category"]
    parts = {name: weight / total * cosine for name, (weight, cosine) in zip(names, signals, strict=False)}
    line = reasons(Hit(Product("b"), sum(parts.values()), 1, parts))
    for name, (_, cosine) in zip(names, signals, strict=False):
        noun = {"image": "look", "colour": "colours", "text": "description", "words": "wording"}.get(name, name)
        if f"all but the same in {noun}" in line:
            assert cosine >= 0.7 - 1e-9
        if f"very alike in {noun}" in line:
            assert cosine >= 0.4 - 1e-9
    assert line
