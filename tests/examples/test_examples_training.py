"""The examples of training run on small shops, are short, and learn something."""

import re
import runpy
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from sosie.config import parse_config
from sosie.encoders import load_encoder

EXAMPLES = Path(__file__).parents[2] / "examples"
SIGNALS = ("image", "colour", "text", "words", "price", "category", "attributes", "reviews")
KINDS, COLOURS = ("kettle", "jacket", "pillow", "hammer"), ("red", "blue", "green", "black", "white")
TINTS = ((40, 40), (40, 200), (200, 40), (200, 200))  # green and blue of a kind
SHAPES, PICTURES, SIDE = 4, 60, 32


def only(*signals):
    """Settings by which no network has to be opened."""
    return parse_config({"signals": {name: {"enabled": name in signals} for name in SIGNALS}}, "the test")


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def archive(tmp_path):
    """Two files in the layout of CIFAR-10's binary version: a quarter of each picture is lighter; it tells the kind."""
    folder = tmp_path / "archive"
    folder.mkdir()
    draw = np.random.default_rng(0)
    for name in ("data_batch_1.bin", "test_batch.bin"):
        labels = np.arange(PICTURES) % SHAPES
        pixels = np.broadcast_to(draw.integers(0, 180, (PICTURES, 3, 1, 1)), (PICTURES, 3, SIDE, SIDE)).copy()
        half = SIDE // 2
        for one, shape in zip(pixels, labels.tolist(), strict=True):
            down, right = shape // 2 * half, shape % 2 * half
            one[:, down : down + half, right : right + half] += 70
        records = np.hstack([labels[:, None], pixels.reshape(PICTURES, -1)])
        (folder / name).write_bytes(records.astype(np.uint8).tobytes())
    (folder / "batches.meta.txt").write_text("\n".join(f"shape {at}" for at in range(SHAPES)))
    return folder


@pytest.fixture
def catalogue(tmp_path):
    """The title tells the kind, and so does the picture, by its colour."""
    rows = ["id,title,type,price,image"]
    for at in range(120):
        kind, colour = at % len(KINDS), COLOURS[at // len(KINDS) % len(COLOURS)]
        Image.new("RGB", (SIDE, SIDE), ((40, 90, 160)[at % 3], *TINTS[kind])).save(tmp_path / f"{at}.png")
        rows.append(f"sku-{at},{colour} {KINDS[kind]} no {at},{KINDS[kind]},{at + 1} EUR,{at}.png")
    file = tmp_path / "catalogue.csv"
    file.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return file


def main_of(name):
    return runpy.run_path(str(EXAMPLES / f"{name}.py"))["main"]


def losses(said):
    return [float(loss) for loss in re.findall(r"^epoch \d+  \D+ ([\d.]+)  hit@1", said, re.MULTILINE)]


def test_the_classic_network_on_an_archive(archive, tmp_path, capsys):
    store = tmp_path / "store"
    small = {"epochs": 6, "rate": 3e-3, "batch": 16, "dim": 16, "augmentation": {"flip": 0.0}}
    main_of("cnn")(archive, store, only("colour"), options={"widths": [8, 16], "hidden": 32}, **small)
    said = capsys.readouterr().out
    lines = losses(said)
    assert len(lines) == 6
    assert lines[-1] < lines[0]
    assert re.search(r"nearest to \S+ \(shape \d\):(\n  \d\.\d+  shape \d  \S+){5}", said)
    assert load_encoder(store / "models" / "cnn").signal == "image"


def test_two_networks_on_titles(catalogue, tmp_path, capsys):
    small = {"epochs": 3, "rate": 1e-2, "batch": 16, "dim": 16, "longest": 16}
    main_of("titles")(catalogue, "type", tmp_path / "store", only("words"), **small)
    said = capsys.readouterr().out
    assert [len(losses(part)) for part in said.split("text-cnn, ")[:2]] == [3, 3]
    kind = re.search(r"for '\w+ (\w+)", said)[1]
    assert re.findall(r"^  \d\.\d+  \w+ (\w+)", said, re.MULTILINE) == [kind] * 5


@pytest.mark.parametrize(
    ("recipe", "label", "signal", "options"),
    [
        ("vae", "label", "colour", {"widths": [8, 16]}),
        ("text-vae", "type", "words", {"hidden": 16}),
    ],
)
def test_autoencoders(archive, catalogue, tmp_path, capsys, recipe, label, signal, options):
    small = {"epochs": 6, "rate": 1e-2, "batch": 16, "dim": 8, "options": options}
    given = archive if recipe == "vae" else catalogue
    main_of("vae")(given, recipe, label, tmp_path / "store", only(signal), **small)
    said = capsys.readouterr().out
    lines = losses(said)
    assert len(lines) == 6
    assert lines[-1] < 0.95 * lines[0]
    assert len(re.findall(r"^  \d\.\d+  ", said, re.MULTILINE)) == 5


def test_a_product_in_one_vector(catalogue, tmp_path, capsys):
    small = {"epochs": 8, "rate": 3e-3, "batch": 40, "dim": 16, "patience": 0, "options": {"width": 32}}
    main_of("multimodal")(catalogue, "type", tmp_path / "store", only("words", "colour"), **small)
    said = capsys.readouterr().out
    lines = losses(said)
    assert len(lines) == 8
    assert lines[-1] < lines[0]
    for given in ("whole", "words", "photo"):
        asked, found = re.search(rf"^{given} of \S+ \((\w+)\): (.*)$", said, re.MULTILINE).groups()
        assert found.split(", ") == [asked] * 5


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.py")), ids=lambda file: file.name)
def test_examples_are_short_and_say_how_they_are_called(file):
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 60
    assert f"python examples/{file.name} " in text or f"uvicorn {file.stem}:" in text
