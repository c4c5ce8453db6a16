"""A small shop without pictures, built once: no network has to be opened for a test of a page."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sosie.config import parse_config
from sosie.engine.build import BuildOptions, build_store

ROWS = """id,title,description,price,brand,category,color
sku-1,red cotton shirt,Soft and light.,12 EUR,Alma,Clothes > Shirts,red
sku-2,blue cotton shirt,Soft and warm.,10 EUR,Korn,Clothes > Shirts,blue
sku-3,red linen dress,"Light, with pockets.",9 EUR,Flachs,Clothes > Dresses,red
sku-4,steel bottle,Keeps tea hot.,8 EUR,Kessel,Kitchen > Bottles,steel
"""


@dataclass(frozen=True)
class Shop:
    catalogue: Path
    folder: Path


@pytest.fixture(scope="session")
def shop(tmp_path_factory):
    home = tmp_path_factory.mktemp("shop")
    (home / "catalogue.csv").write_text(ROWS, encoding="utf-8")
    settings = parse_config({"signals": {"text": {"enabled": False}}}, "test")
    build_store(home / "catalogue.csv", home / "sosie.store", BuildOptions(config=settings))
    (home / "catalogue.csv").write_text(ROWS.replace("Keeps tea hot", "Keeps soup hot"), encoding="utf-8")
    build_store(home / "catalogue.csv", home / "sosie.store")  # a delta
    return Shop(home / "catalogue.csv", home / "sosie.store")
