"""Real catalogues, read from the folder that SOSIE_DATA names."""

import os
from pathlib import Path

import pytest

from sosie.catalog import Source, open_source
from sosie.types import Product, Reject

DATA = Path(os.environ.get("SOSIE_DATA", "/nonexistent"))
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="SOSIE_DATA names no folder with the real catalogues")


def items(source: Source) -> tuple[list[Product], list[Reject]]:
    """All products and rejects of a source."""
    read = [item for batch in source.batches() for item in source.read(batch)]
    return [i for i in read if isinstance(i, Product)], [i for i in read if isinstance(i, Reject)]


def test_magento() -> None:
    source = open_source(DATA / "magento/products.csv", reviews=DATA / "magento/reviews.csv")
    products, rejects = items(source)
    assert len(products) == 2_046
    assert not rejects
    assert len({p.group for p in products}) == 199
    by_id = {p.id: p for p in products}
    hoodie = by_id["MH01-XS-Gray"]
    assert hoodie.category == ("Men > Tops > Hoodies & Sweatshirts", "Collections > Eco Friendly")
    assert hoodie.attributes == {"color": "Gray", "size": "XS"}
    assert len(hoodie.images) == 3
    assert len({image for p in products for image in p.images if Path(image).is_file()}) == 723
    assert len(by_id["24-MB01"].reviews) > 1
    assert len(source.leftovers()) == 152


def test_chinese() -> None:
    products, rejects = items(open_source(DATA / "chinese/products.csv"))
    assert len(products) == 834
    assert not rejects
    assert products[0].category == ("居家 > 床品件套",)
    assert products[0].attributes["材质"] == "100%棉"
    assert products[0].price == 919.0
    assert sum(p.language in {"zh", "mixed"} for p in products) > 800


def test_myntra_without_its_label() -> None:
    file = DATA / "myntra/products.csv"
    (full, *_), _ = items(open_source(file))
    (hidden, *_), rejects = items(open_source(file, ignore=["articleType"]))
    assert full.category == ("Apparel > Topwear > Shirts",)
    assert hidden.category == ("Apparel > Topwear",)
    assert hidden.other["articleType"] == "Shirts"
    assert hidden.other["split"] == "train"
    assert "Shirts" not in hidden.attributes.values()
    assert not rejects


def test_grocery_pictures_leak_nothing() -> None:
    products, rejects = items(open_source(DATA / "grocery/images.csv"))
    assert len(products) == 5_421
    assert not rejects
    assert all(not p.attributes and not p.title and not p.text and not p.category for p in products)
    assert products[0].id == "images/train/00_Golden-Delicious_001.jpg"
    assert all(Path(p.images[0]).is_file() for p in products[::100])
