"""The page of settings has every setting with its default, and no other; its example is valid."""

import json
import re
import tomllib
from pathlib import Path

from pydantic import BaseModel

from sosie.config import Config, parse_config

PAGE = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")


def settings(model, prefix=""):
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value, type(model).model_fields[name]


def written(value):
    return f"{value}" if isinstance(value, float) else json.dumps(value)


def test_every_setting_is_there_with_its_default():
    told = dict(re.findall(r"^\| `([\w.]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE))
    assert told == {name: written(value) for name, value, _ in settings(Config())}


def test_bounds_are_those_that_are_checked():
    told = dict(re.findall(r"^\| `([\w.]+)` \| `[^`]+` \| ([^|]*) \|", PAGE, re.MULTILINE))
    for name, _, field in settings(Config()):
        bounds = [getattr(rule, end) for rule in field.metadata for end in ("ge", "le") if hasattr(rule, end)]
        assert all(f"{bound}" in told[name].split() for bound in bounds), name


def test_the_example_is_valid():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    assert parse_config(tomllib.loads(example), "example").signals.given == {"behaviour": 1.5}
