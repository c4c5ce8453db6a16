"""Colours: known values, and what must look alike or not."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from sosie.encoders.colour import Colour, cielab, histograms
from sosie.errors import PictureError
from sosie.types import Product, Query


def one(colour: str, page: str = "white", box: tuple[int, int, int, int] = (16, 16, 48, 48)) -> Pillow.Image:
    image = Pillow.new("RGB", (64, 64), page)
    image.paste(colour, box)
    return image


def vectors(tmp_path: Path, *images: Pillow.Image) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    for at, image in enumerate(images):
        image.save(tmp_path / f"{at}.png")
    products = [Product(id=str(at), images=(str(tmp_path / f"{at}.png"),)) for at in range(len(images))]
    return Colour().encode(products)


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [
        ((255, 255, 255), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((255, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 255, 0), (87.73, -86.18, 83.18)),
        ((0, 0, 255), (32.30, 79.19, -107.86)),
        ((128, 128, 128), (53.59, 0, 0)),
    ],
)
def test_cielab_of_known_colours(rgb: tuple[int, int, int], lab: tuple[float, float, float]) -> None:
    assert cielab(np.array(rgb, np.uint8)) == pytest.approx(lab, abs=0.05)


def test_one_colour_falls_into_the_bins_around_it() -> None:
    found = histograms(np.full((1, 32, 32, 3), 255, np.uint8))[0].reshape(7, 9, 9)
    assert found[6, 4, 4] == pytest.approx(1, abs=0.01)
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


def test_the_same_colour_is_alike_and_others_less_so(tmp_path: Path) -> None:
    red, darker, blue, wide = vectors(
        tmp_path, one("#d01020"), one("#b81020"), one("#1020d0"), one("#d01020", box=(10, 20, 54, 44))
    )
    assert red @ wide > 0.98
    assert red @ wide > red @ darker > red @ blue


def test_the_background_counts_less(tmp_path: Path) -> None:
    on_white, on_grey, white_thing = vectors(
        tmp_path, one("#d01020"), one("#d01020", "#c8c8c8"), one("#f0f0f0", "#c8c8c8")
    )
    assert on_white @ on_grey > 0.7
    assert on_white @ on_grey > 2 * (on_white @ white_thing)


def test_rows_are_unit_vectors_or_zeros_and_order_is_kept(tmp_path: Path) -> None:
    one("red").save(tmp_path / "a.png")
    one("blue").save(tmp_path / "b.png")
    (tmp_path / "bad.png").write_text("<html>")
    a, b, bad = (str(tmp_path / name) for name in ("a.png", "b.png", "bad.png"))
    encoder = Colour()
    products = [Product(id=str(at), images=images) for at, images in enumerate([(a,), (), (b, a), (bad,), (a,)])]
    found = encoder.encode(products)
    assert np.linalg.norm(found, axis=1) == pytest.approx([1, 0, 1, 0, 1], abs=1e-6)
    assert np.array_equal(found[0], found[4])
    for row, product in zip(found, products, strict=True):
        np.testing.assert_allclose(encoder.encode([product])[0], row, atol=1e-6)
    assert list(encoder.problems) == [bad]
    assert encoder.encode([]).shape == (0, Colour.dim)


def test_a_question_s_picture(tmp_path: Path) -> None:
    row = vectors(tmp_path, one("green"))[0]
    found = Colour().encode_query(Query(image=tmp_path / "0.png"))
    assert found is not None
    np.testing.assert_allclose(found, row, atol=1e-6)
    assert Colour().encode_query(Query(text="green")) is None
    with pytest.raises(PictureError):
        Colour().encode_query(Query(image=tmp_path / "gone.png"))


def test_saved_and_loaded(tmp_path: Path) -> None:
    Colour().save(tmp_path)
    assert Colour.load(tmp_path).fingerprint == Colour().fingerprint
