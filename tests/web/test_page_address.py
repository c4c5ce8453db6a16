"""The address holds the whole question: read, changed and written again."""

import pytest

from sosie.errors import QuestionError
from sosie.web.page.address import LIMIT, MOST, Asked, read_address

WEIGHTS = {"image": 1.0, "text": 0.5}


def read(query):
    from urllib.parse import parse_qsl

    return read_address(parse_qsl(query, keep_blank_values=True), WEIGHTS)


@pytest.mark.parametrize(
    "query",
    [
        "text=red+shoes",
        "like=a&like=b%26c&unlike=d",
        "text=x&picture=" + "0" * 32 + "&crop=100%2C0%2C500%2C1000",
        "text=x&weight.image=0&weight.text=2.5",
        "text=x&only.brand=A&only.brand=B+%26+C&only.screen+size=13",
        "text=x&category=Home+%3E+Mugs&price_from=9.5&price_to=20&where=price+%3C+50",
        "text=x&diversity=0.3&limit=48&lang=zh",
    ],
)
def test_what_is_read_is_written(query):
    assert read(query).address() == f"/?{query}"


def test_what_is_as_by_default_is_left_out():
    assert read("text=&like=&weight.image=1&diversity=0&limit=24&price_from=&utm_source=x") == Asked()
    assert Asked().address() == "/"


def test_weights_are_those_that_differ_from_the_stores():
    assert read("weight.image=1.0&weight.text=0.75").weights == {"text": 0.75}
    assert read("weight.nonsense=1").weights == {"nonsense": 1.0}  # the engine says which signals there are


def test_liked_and_not_liked_exclude_one_another():
    asked = read("like=a&unlike=b")
    assert asked.liking("b") == Asked(like=("a", "b"))
    assert asked.unliking("a") == Asked(unlike=("b", "a"))
    assert asked.liking("a") == asked
    assert asked.without("b") == Asked(like=("a",))


def test_values_of_a_field_come_and_go():
    asked = Asked().toggled("brand", "A").toggled("brand", "B").toggled("size", "1")
    assert (asked.of("brand"), asked.of("size"), asked.of("x")) == (("A", "B"), ("1",), ())
    assert asked.toggled("brand", "A").toggled("brand", "B").toggled("size", "1") == Asked()


def test_another_question_begins_with_its_first_answers():
    assert read("text=x&limit=96").but(text="y").limit == LIMIT
    assert read("text=x&limit=100000").limit == MOST
    assert read("text=x&limit=-3").limit == 1


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("price_from=cheap", "price_from: 'cheap' is no usable number"),
        ("weight.image=nan", "weight.image: 'nan'"),
        ("price_to=inf", "price_to: 'inf'"),
        ("limit=many", "limit: 'many'"),
        ("picture=x&crop=1,2,3", "four whole numbers"),
        ("picture=x&crop=900,0,200,1000", "does not lie in the picture"),
        ("picture=x&crop=0,0,0,10", "does not lie in the picture"),
        ("text=" + "x" * 2001, "longer than 2,000"),
        ("&".join(f"like={at}" for at in range(101)), "at most 100 products"),
    ],
)
def test_what_means_nothing_is_refused(query, said):
    with pytest.raises(QuestionError, match=said):
        read(query)


def test_a_crop_needs_a_picture_and_the_whole_is_none():
    assert read("crop=0,0,500,500").crop is None
    assert read("picture=x&crop=0,0,1000,1000").crop is None
