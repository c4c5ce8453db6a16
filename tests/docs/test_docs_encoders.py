"""The page on encoders: its Python runs, and it names every range of pixels and every kind of model."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "encoders"))
from brought_models import SIZE, onnx_pictures

from sosie.encoders.brought.pixels import RANGES
from sosie.encoders.brought.texts import POOLINGS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "encoders.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOSIE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    rows = ["id,price,image"]
    for at, one in enumerate(np.random.default_rng(0).integers(0, 256, (9, 2, 2, 3), np.uint8)):
        Image.fromarray(one.repeat(40, 0).repeat(40, 1)).save(tmp_path / f"{at}.png")
        rows.append(f"{at},{at + 1} EUR,{at}.png")
    (tmp_path / "catalogue.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "photo.png").write_bytes((tmp_path / "4.png").read_bytes())
    onnx_pictures(tmp_path / "model.onnx")
    return tmp_path


def run(block, capsys):
    exec(compile(block, "encoders.md", "exec"), {})
    return capsys.readouterr().out.strip()


def test_a_file_that_says_what_it_wants(home, capsys):
    said = re.search(r"# (.* pixels imagenet)", BLOCKS[0])[1]
    assert run(BLOCKS[0], capsys) == said == f"{SIZE} x {SIZE} RGB, nchw, pixels imagenet"


def test_a_function(home, capsys):
    assert run(BLOCKS[1], capsys) == "4"


def test_what_there_is_is_named():
    assert len(BLOCKS) == 2
    for name in RANGES:
        assert f"`{name}`" in PAGE
    for pooling in POOLINGS:
        assert pooling.replace("lasttoken", "last token") in PAGE
    for extra in ("keras", "timm", "open-clip"):
        assert f"sosie[{extra}]" in PAGE
        assert f"\n{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
