"""The page of settings has every setting with its default and bounds, and no other; its example is valid."""

import re
import runpy
import tomllib
from pathlib import Path

from sosie.config import Config, parse_config

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "settings.md").read_text(encoding="utf-8")


def test_every_setting_is_there_with_its_default():
    assert runpy.run_path(str(DOCS / "generate_settings.py"))["page"](PAGE) == PAGE, "stale: run `make docs`"


def test_bounds_are_those_that_are_checked():
    for name, bounds in re.findall(r"^\| `([\w.]+)` \| `[^`]+` \| ([^|]*) \|", PAGE, re.MULTILINE):
        model = Config()
        *path, last = name.split(".")
        for part in path:
            model = getattr(model, part)
        rules = type(model).model_fields[last].metadata
        wanted = [getattr(rule, end) for rule in rules for end in ("ge", "le") if hasattr(rule, end)]
        assert all(f"{bound}" in bounds.split() for bound in wanted), name


def test_the_example_is_valid():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    assert parse_config(tomllib.loads(example), "example").signals.given == {"behaviour": 1.5}
