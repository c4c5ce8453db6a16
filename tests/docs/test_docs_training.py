"""The page on training: its tables are the code's, its recipe is valid, its Python runs."""

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parents[1] / "evaluate"))
from shop_of import shop_of

from sosie.train.recipe import RECIPES, Recipe, read_recipe

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate_recipes.py"))


def block(kind):
    return re.search(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)[1]


def test_recipes_and_keys_are_those_of_the_code():
    assert GENERATOR["page"](PAGE) == PAGE, "stale: run `make docs`"


def test_a_key_that_the_page_lacks_is_told():
    line = next(line for line in PAGE.splitlines(keepends=True) if line.startswith("| `mining.reach` |"))
    with pytest.raises(ValueError, match=r"one side only: mining\.reach"):
        GENERATOR["page"](PAGE.replace(line, ""))


def test_bounds_are_those_that_are_checked():
    keys = dict(GENERATOR["_keys"](Recipe))
    assert keys["dim"] == "`256` | from 2 to 4096"
    assert keys["start_rate"] == "`none` | above 0"
    assert keys["sizes"] == "`[]` | from 8 to 1024"
    assert keys["loss.smoothing"] == "`none` | from 0 below 1"
    assert keys["precision"] == '`"auto"` | `"auto"`, `"fp32"`, `"bf16"`'


def test_the_recipe_of_the_page_is_valid(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "mine.toml").write_text(next(one for one in blocks if one.startswith("base")), encoding="utf-8")
    recipe = read_recipe(str(tmp_path / "mine.toml"))
    assert recipe.network == RECIPES["pictures"].network
    assert (recipe.loss.name, recipe.loss.margin, recipe.mining.each) == ("arcface", 0.3, 8)


def test_its_python_runs(tmp_path, monkeypatch, capsys):
    torch.set_num_threads(1)
    kinds, colours = ("kettle", "jacket", "pillow"), ("red", "blue", "green", "black")
    titles = [f"{colours[at % 4]} {kinds[at % 3]} no {at}" for at in range(60)]
    types = [kinds[at % 3] for at in range(60)]
    store = shop_of(tmp_path, {"title": titles, "type": types}, {}, on=("words",), ignore=("type",))
    store.folder.rename(tmp_path / "sosie.store")
    monkeypatch.chdir(tmp_path)
    exec(compile(block("python"), "training.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == ["1", "2", "3", "4", "5"]
    assert lines[-1].endswith("models/text-cnn")


def test_extras_are_there():
    pyproject = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    extras = re.findall(r"sosie\[([\w-]+)\]", PAGE)
    assert {"train", "wandb"} <= set(extras)
    assert all(f"\n{extra} = [" in pyproject for extra in extras)
