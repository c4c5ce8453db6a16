"""`sosie bring`, as a shell sees it, and what a build makes of the encoder."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

sys.path.append(str(Path(__file__).parents[1] / "encoders"))
from brought_models import DIM, onnx_pictures, onnx_texts

from sosie.cli.app import app
from sosie.errors import EncoderError

ROWS = "id,title,image\n" + "".join(f"{at},red shoes {at},{at}.png\n" for at in range(9))


def sosie(*words):
    done = CliRunner().invoke(app, list(map(str, words)))
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


@pytest.fixture
def shop(tmp_path, monkeypatch):
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "catalogue.csv").write_text(ROWS)
    pixels = np.random.default_rng(0).integers(0, 256, (9, 24, 24, 3), np.uint8)
    for at, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"{at}.png")
    return tmp_path


def test_a_model_is_brought_built_with_and_asked(shop):
    onnx_pictures(shop / "model.onnx")
    done = sosie("bring", "model.onnx", "--signal", "image", "--out", "models/look", "--pixels", "imagenet")
    assert done.exit_code == 0
    assert "24 x 24 RGB, nchw, pixels imagenet" in done.stdout
    assert '[signals.image] encoder = "models/look"' in done.stdout
    onnx_texts(shop / "texts")
    done = sosie("bring", "texts/model.onnx", "--signal", "text", "--out", "models/words", "--json")
    assert json.loads(done.stdout)["dim"] == DIM
    (shop / "sosie.toml").write_text('signals.image.encoder="models/look"\nsignals.text.encoder="models/words"\n')
    done = sosie("build", "catalogue.csv", "--config", "sosie.toml", "--json")
    assert json.loads(done.stdout)["encoded"]["image"] == 9
    for name in ("models", "model.onnx", "texts"):  # the store keeps what it needs
        (shop / name).rename(shop / f"{name}-moved")
    done = sosie("search", "--text", "red shoes", "--image", "3.png", "--json")
    best = json.loads(done.stdout)["hits"][0]
    assert best["id"] == "3"
    assert {"image", "text"} <= best["parts"].keys()


def test_what_is_not_clear_is_asked_for(shop):
    onnx_pictures(shop / "model.onnx")
    with pytest.raises(EncoderError, match="--pixels"):
        sosie("bring", "model.onnx", "--signal", "image", "--out", "models/look")
    assert sosie("bring", "model.onnx", "--signal", "smell", "--out", "models/look").exit_code == 2
    assert sosie("bring", "model.onnx", "--signal", "image").exit_code == 2


def test_a_store_is_switched_once_the_difference_was_seen(shop):
    assert sosie("build", "catalogue.csv").exit_code == 0
    onnx_pictures(shop / "model.onnx")
    sosie("bring", "model.onnx", "--signal", "image", "--out", "models/look", "--pixels", "imagenet")
    looked = sosie("activate", "models/look")
    assert looked.exit_code == 0
    assert "look-alikes of 9 products" in looked.stdout
    assert "not switched" in looked.stdout
    assert json.loads(sosie("info", "--json").stdout)["version"].startswith("1.")
    told = json.loads(sosie("activate", "models/look", "--json").stdout)
    assert (told["switched"], told["moved"]["asked"]) == (False, 9)
    done = sosie("activate", "models/look", "--yes")
    assert "version 2.0, 9 products" in done.stdout
    assert "was in use already" in sosie("activate", "models/look", "--yes").stdout
    assert sosie("rollback").exit_code == 0
    assert json.loads(sosie("info", "--json").stdout)["version"].startswith("1.")
