"""Stores whose pictures or texts are encoded by functions of the caller."""

import numpy as np
import pytest
from PIL import Image

import sosie
from sosie.config import parse_config
from sosie.errors import EncoderError

ROWS = "id,title,image\n" + "".join(f"{at},shirt {'x' * at},{at}.png\n" for at in range(9))


def look(pixels):
    return pixels.reshape(len(pixels), 4, 6, 4, 6, 3).mean((2, 4)).reshape(len(pixels), -1) - 120.0


def lengths(texts):
    return [[len(text) % 5, len(text) % 3 - 1.5] for text in texts]


def encoders(version="1"):
    return [
        sosie.function_encoder("image", 48, look, "look", version, size=24),
        sosie.function_encoder("text", 2, lengths, "lengths", version),
    ]


@pytest.fixture
def shop(tmp_path):
    for at, one in enumerate(np.random.default_rng(0).integers(0, 256, (10, 4, 4, 3), np.uint8)):
        Image.fromarray(one.repeat(6, 0).repeat(6, 1)).save(tmp_path / f"{at}.png")
    (tmp_path / "catalogue.csv").write_text(ROWS)
    return tmp_path


@pytest.fixture
def built(shop):
    return sosie.build(shop / "catalogue.csv", shop / "store", encoders=encoders())


def test_vectors_are_what_the_functions_say(built, shop):
    pixels = np.stack([np.asarray(Image.open(shop / f"{at}.png").resize((24, 24))) for at in range(9)])
    raw = look(pixels)
    raw /= np.linalg.norm(raw, axis=1, keepdims=True)
    centred = raw - raw.mean(0)
    expected = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    np.testing.assert_allclose(built.vectors("image", [str(at) for at in range(9)]), expected, atol=1e-4)
    assert built.search(image=shop / "4.png")[0].product.id == "4"


def test_what_needs_no_function_works_without_and_the_rest_says_which(built, shop):
    opened = sosie.open(shop / "store")
    assert len(opened.similar("3")) == 8
    with pytest.raises(EncoderError, match=r"'image' .* function 'look', version 1, .*sosie\.open"):
        opened.search(image=shop / "4.png")
    with pytest.raises(EncoderError, match=r"'text' .* function 'lengths'"):
        opened.search("shirt")
    again = sosie.open(shop / "store", encoders=encoders())
    assert again.search(image=shop / "4.png")[0].product.id == "4"
    with pytest.raises(EncoderError, match="was not made by the one passed"):
        sosie.open(shop / "store", encoders=encoders("2")).search(image=shop / "4.png")


def test_a_later_build_goes_on_with_them(built, shop):
    (shop / "catalogue.csv").write_text(ROWS + "9,shirt new,9.png\n")
    with pytest.raises(EncoderError, match="Pass it again"):
        sosie.build(shop / "catalogue.csv", shop / "store")
    again = sosie.build(shop / "catalogue.csv", shop / "store", encoders=encoders())
    assert again.report.encoded["image"] == 1
    assert again.search(image=shop / "9.png")[0].product.id == "9"


def test_another_version_encodes_all_anew(built, shop):
    before = built.vectors("text")
    changed = [encoders()[0], sosie.function_encoder("text", 3, lambda t: [[len(x), 1, 2] for x in t], "lengths", "2")]
    again = sosie.build(shop / "catalogue.csv", shop / "store", encoders=changed)
    assert again.vectors("text").shape == (9, 3) != before.shape
    assert again.report.encoded["text"] == 9
    assert again.report.encoded.get("image", 0) == 0


def test_the_settings_take_over_again_with_refit(built, shop):
    off = parse_config({"signals": {"image": {"enabled": False}}}, "test")
    again = sosie.build(shop / "catalogue.csv", shop / "store", refit=True, config=off)
    assert again.vectors("text").shape[1] == 384


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (lambda texts: 1 / 0, r"'bad' failed on 9 inputs \(ZeroDivisionError"),
        (lambda texts: np.zeros((len(texts), 3)), r"gave \(9, 3\); \(9, 2\) was expected"),
        (lambda texts: "no numbers", "'bad' failed"),
    ],
)
def test_what_a_function_does_wrong_is_told(shop, function, told):
    bad = sosie.function_encoder("text", 2, function, "bad")
    with pytest.raises(EncoderError, match=told):
        sosie.build(shop / "catalogue.csv", shop / "store", encoders=[bad, encoders()[0]])


def test_signals_are_those_that_there_are(shop):
    with pytest.raises(EncoderError, match="image and text, not 'price'"):
        sosie.function_encoder("price", 2, lengths, "lengths")
    with pytest.raises(EncoderError, match="'text' has two"):
        sosie.build(shop / "catalogue.csv", shop / "store", encoders=[*encoders(), encoders()[1]])
