"""Which recipe is taken where none is named."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shop_of import shop_of

from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.evaluate.front import Truth
from sosie.train import choosing
from sosie.train.choosing import choose

TOLD = Truth(("kind",))
SIZE = 12


def shop(folder: Path, pictured: int, side: int = 80, titled: int = SIZE, on: tuple[str, ...] = ("words",)) -> Store:
    """Products of which the first have pictures and the last have titles."""
    columns: dict[str, list[object]] = {"kind": [at % 3 for at in range(SIZE)]}
    columns["title"] = [f"thing {at} of wood" if at >= SIZE - titled else "" for at in range(SIZE)]
    images = []
    for at in range(pictured):
        file = folder / f"{at}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((side, side, 3), 20 * at, np.uint8)).save(file)
        images.append(str(file))
    columns["image"] = [*images, *[""] * (SIZE - pictured)]
    return shop_of(folder, columns, {}, on=on, ignore=("kind",))


@pytest.mark.parametrize(
    ("pictured", "titled", "name", "why"),
    [
        (SIZE, SIZE, "pictures", "the products have pictures"),
        (6, SIZE, "pictures", "the products have pictures"),
        (1, SIZE, "text-cnn", "few products have pictures"),
        (1, 1, "pictures", "the products have pictures"),  # as few have words
        (0, SIZE, "text-cnn", "the products have no pictures"),
    ],
)
def test_it_suits_what_most_products_have(tmp_path: Path, pictured: int, titled: int, name: str, why: str) -> None:
    chosen = choose(shop(tmp_path, pictured, titled=titled).snapshot, TOLD)
    assert (chosen.name, chosen.why) == (name, why)
    assert chosen.recipe.network == {"pictures": "efficientnet-lite0"}.get(name, name)


def test_many_tiny_pictures_want_a_network_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = shop(tmp_path / "tiny", SIZE, side=28).snapshot
    assert choose(tiny, TOLD).name == "pictures"  # too few to learn to see from
    monkeypatch.setattr(choosing, "MANY", SIZE)
    assert choose(tiny, TOLD).name == "tiny-pictures"
    assert choose(shop(tmp_path / "large", SIZE).snapshot, TOLD).name == "pictures"


def test_where_nothing_is_told_pictures_learn_from_words(tmp_path: Path) -> None:
    both = shop(tmp_path / "both", SIZE, on=("image", "words")).snapshot
    assert choose(both, Truth()).name == "two-towers"
    assert choose(both, TOLD).name == "pictures"
    assert choose(shop(tmp_path / "wordless", SIZE, titled=0, on=("image",)).snapshot, Truth()).name == "pictures"


def test_what_is_named_is_taken_with_its_settings(tmp_path: Path) -> None:
    snapshot = shop(tmp_path, SIZE).snapshot
    chosen = choose(snapshot, TOLD, "head", {"epochs": 3, "loss": {"temperature": 0.5}})
    assert (chosen.name, chosen.why, chosen.recipe.epochs) == ("head", "as told", 3)
    assert (chosen.recipe.loss.name, chosen.recipe.loss.temperature) == ("supcon", 0.5)
    with pytest.raises(TrainingError, match="did you mean 'epochs'"):
        choose(snapshot, TOLD, "head", {"epoch": 3}, "--set")
