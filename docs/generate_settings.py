"""Writes the defaults in docs/settings.md from the code's own settings: `make docs`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from sosie.config import Config

PAGE = Path(__file__).with_name("settings.md")


def settings(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Every setting with its default."""
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from settings(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def page(text: str) -> str:
    """The page with every default written anew. Raises ValueError where the page and the code differ in settings."""
    defaults = {name: json.dumps(value) for name, value in settings(Config())}
    told = re.findall(r"^\| `([\w.]+)` \|", text, re.MULTILINE)
    if sorted(told) != sorted(defaults):
        raise ValueError(f"{PAGE}: these are on one side only: {', '.join(sorted({*told} ^ {*defaults}))}.")
    return re.sub(
        r"^\| `([\w.]+)` \| `[^`]+` \|", lambda row: f"| `{row[1]}` | `{defaults[row[1]]}` |", text, flags=re.MULTILINE
    )


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
