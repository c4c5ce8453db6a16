"""The demonstrations, on a small archive in place of the one that is fetched; what a table shows without titles."""

import gzip
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from sosie.cli import demo, show
from sosie.config import Config
from sosie.engine.build import BuildOptions
from sosie.errors import CatalogueError
from sosie.types import Hit, Product


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(width=120, highlight=False, record=True, file=io.StringIO())
    monkeypatch.setattr(show, "out", console)
    return console


def archive(folder: Path, size: int) -> Path:
    """Pictures of squares and of stripes as MNIST has them: labels 8 and 9."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    pictures = generator.integers(0, 30, (size, 28, 28), dtype=np.uint8)
    pictures[::2, 8:20, 8:20] = 220
    pictures[1::2, ::4] = 220
    labels = (np.arange(size) % 2 + 8).astype(np.uint8)
    with gzip.open(folder / "train-images-idx3-ubyte.gz", "wb") as out:
        out.write(struct.pack(">IIII", 2051, size, 28, 28) + pictures.tobytes())
    with gzip.open(folder / "train-labels-idx1-ubyte.gz", "wb") as out:
        out.write(struct.pack(">II", 2049, size) + labels.tobytes())
    return folder


def test_fashion_asks_what_a_catalogue_without_titles_can_answer(
    tmp_path: Path, console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive(tmp_path / demo.FASHION_FOLDER, 60)
    config = Config.model_validate({"signals": {"image": {"enabled": False}}})
    monkeypatch.setattr(demo, "BuildOptions", lambda images: BuildOptions(images=images, config=config))
    demo.run_demo("fashion", tmp_path)
    told = console.export_text()
    assert "fashion: 60 products" in told
    assert "no product answers" not in told
    assert told.count("hits in") == 6  # four products, words, a photo
    assert "a photo of " in told
    assert "a photo of \n" not in told
    assert str(tmp_path / "fashion.html") in told.replace("\n", "")
    assert f"sosie serve --store {tmp_path / 'fashion'}" in told.replace("\n", "")
    page = (tmp_path / "fashion.html").read_text()
    assert page.count("data:image/") >= 6


def test_an_unknown_demonstration_is_told() -> None:
    with pytest.raises(CatalogueError, match="sosie demo fashion"):
        demo.run_demo("shoes", Path("nowhere"))


def columns(console: Console, *products: Product) -> list[str]:
    show.print_hits("like a", [Hit(product, 0.5, 1, {"image": 0.5}, (), ()) for product in products], 1.0)
    return console.export_text().splitlines()[1].split()


def test_a_table_shows_the_columns_that_something_fills(console: Console) -> None:
    shirt = Product("a", category=("Shirt",))
    assert columns(console, shirt, Product("b")) == ["#", "id", "category", "score", "why"]
    assert columns(console, shirt, Product("b", title="Boot")) == ["#", "id", "title", "score", "why"]
    assert columns(console, Product("b", title="Boot", price=3.0)) == ["#", "id", "title", "price", "score", "why"]
    assert columns(console, Product("b")) == ["#", "id", "score", "why"]
