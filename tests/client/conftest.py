"""A little shop behind a service, without networks: words, colour, price and category are all it compares."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

import sosie
from sosie.config import parse_config

SIGNALS = ("image", "text", "attributes", "reviews")
KINDS, COLOURS = ("mug", "bowl", "plate"), ("red", "blue", "yellow", "green")


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """Twelve products, to be read only."""
    home = tmp_path_factory.mktemp("shop")
    rows = ["id,title,price,category,brand,image"]
    for at in range(12):
        kind, colour = KINDS[at // 4], COLOURS[at % 4]
        Image.new("RGB", (48, 48), colour).save(home / f"{at}.png")
        rows.append(f"p{at},{colour} {kind},{5 + at} EUR,Kitchen > {kind}s,Acme,{at}.png")
    (home / "catalogue.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    settings = parse_config({"signals": {name: {"enabled": False} for name in SIGNALS}}, "the test")
    sosie.build(home / "catalogue.csv", home / "store", config=settings)
    return home / "store"


@pytest.fixture
def own_store(store, tmp_path):
    """A copy of the store, to be written to."""
    return Path(shutil.copytree(store, tmp_path / "store"))
