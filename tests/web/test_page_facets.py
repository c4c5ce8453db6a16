"""Counts beside filters, against a plain count over the products themselves."""

import pytest

import sosie
from sosie.errors import QuestionError
from sosie.web.page.address import Asked
from sosie.web.page.facets import narrow


@pytest.fixture(scope="module")
def snapshot(store):
    return sosie.open(store).snapshot


@pytest.fixture(scope="module")
def products(snapshot):
    return snapshot.products(range(snapshot.size))


def counted(products, field):
    found = {}
    for product in products:
        value = product.attributes.get(field, "")
        if value:
            found[value] = found.get(value, 0) + 1
    return found


def facet(narrowed, field):
    one = next(one for one in narrowed.facets if one.field == field)
    return {choice.value: choice.count for choice in one.choices}


def test_counts_are_those_of_the_other_filters(snapshot, products):
    narrowed = narrow(snapshot, Asked(only=(("color", ("red", "blue")),), price_to=20))
    kept = [one for one in products if one.price <= 20]
    assert facet(narrowed, "color") == counted(kept, "color")
    both = [one for one in kept if one.attributes["color"] in ("red", "blue")]
    assert narrowed.total == len(both)
    assert sum(one.count for one in narrowed.below) == len(both)
    assert narrowed.of == len(products)


def test_chosen_values_come_first_and_stay_where_nothing_has_them(snapshot):
    narrowed = narrow(snapshot, Asked(only=(("color", ("Blue", "pink")),)))
    first, second, *others = next(one for one in narrowed.facets if one.field == "color").choices
    assert {(one.value, one.chosen) for one in (first, second)} == {("blue", True), ("pink", True)}
    assert not any(one.chosen for one in others)
    assert dict(facet(narrowed, "color"))["pink"] == 0


def test_categories_level_by_level(snapshot):
    top = narrow(snapshot, Asked())
    assert [(one.value, one.count) for one in top.below] == [("Home", 30)]
    home = narrow(snapshot, Asked(category="Home"))
    assert {one.value: one.count for one in home.below} == {"Home > Shirts": 10, "Home > Mugs": 10, "Home > Lamps": 10}
    mugs = narrow(snapshot, Asked(category="Home > Mugs"))
    assert (mugs.above, mugs.below, mugs.total) == ((("Home", "Home"), ("Mugs", "Home > Mugs")), (), 10)


def test_prices_are_spread_beside_the_other_filters(snapshot, products):
    prices = narrow(snapshot, Asked(price_from=15, category="Home > Mugs")).prices
    mugs = [one.price for one in products if one.category == ("Home > Mugs",)]
    assert (prices.low, prices.high, sum(prices.bins), prices.currency) == (min(mugs), max(mugs), len(mugs), "EUR")
    assert len(prices.edges) == len(prices.bins) + 1


@pytest.mark.parametrize("value", ["it's", 'a "b"', "back\\slash", "\\'", "') or price > 0 or brand in ('"])
def test_a_value_is_only_a_value(snapshot, value):
    assert narrow(snapshot, Asked(only=(("brand", (value,)),))).total == 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked(where="price <"), "filter"),
        (Asked(where="price < 5) or (price > 0"), "filter"),  # half a filter doesn't join with the one beside it
        (Asked(only=(("nonsense", ("x",)),)), "there is no field 'nonsense'"),
        (Asked(where="price < query.price"), "query.price needs a product"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(snapshot, asked, said):
    with pytest.raises(QuestionError, match=said):
        narrow(snapshot, asked)


def test_a_filter_beside_the_product_asked_about(snapshot, products):
    liked = products[4]
    narrowed = narrow(snapshot, Asked(like=(liked.id,), where="price < query.price and color != query.color"))
    wanted = [
        one for one in products if one.price < liked.price and one.attributes["color"] != liked.attributes["color"]
    ]
    assert narrowed.total == len(wanted)
