"""The page for shops names what there is: attributes, properties and parts of the widget, the client, the forms."""

import inspect
import re
from importlib.resources import files
from pathlib import Path

import pytest

import sosie
from sosie.client import Options
from sosie.engine.exports import FORMS

PAGE = (Path(__file__).parents[2] / "docs" / "shops.md").read_text(encoding="utf-8")
WIDGET = files("sosie.web.widget").joinpath("widget.js").read_text(encoding="utf-8")
CODE = set(re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)))


def section(name):
    return re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)[1]


def rows(text):
    return [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in text.splitlines() if line.startswith("| `")]


def test_attributes_of_the_widget():
    own = re.search(r"observedAttributes = \[(.*?), \.\.\.ASKED\]", WIDGET)[1]
    asked = re.search(r"const ASKED = \[(.*?)\]", WIDGET)[1]
    there = set(re.findall(r'"(\w+)"', own + asked)) - {"lang"}
    assert {name for row in rows(section("The widget")) for name in row} == there


def test_properties_and_parts_of_the_widget():
    assert {word for word in CODE if word.startswith("--sosie-")} == set(re.findall(r"var\((--sosie-[a-z-]+)", WIDGET))
    told = re.search(r"for `::part\(\)`: (.*?)\.", PAGE, re.DOTALL)[1]
    assert set(re.findall(r"`(\w+)`", told)) == set(re.findall(r'made\("\w+", "(\w+)"', WIDGET))


@pytest.mark.parametrize("client", [sosie.Client, sosie.AsyncClient])
def test_methods_of_the_client(client):
    told = {re.match(r"\w+", name)[0] for row in rows(section("The client")) for name in row}
    there = {name for name, _ in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}
    assert told == there - {"close"}


def test_options_of_a_question():
    assert set(Options.__annotations__) <= CODE


def test_forms():
    assert [row[0] for row in rows(section("Exports"))] == list(FORMS)
    for form in FORMS.values():
        assert set(form.columns) <= CODE
