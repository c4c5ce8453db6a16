"""Writes docs/api.md from the description of the API that the service itself gives: `make docs`."""

from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI

from sosie.web.app import ROUTES
from sosie.web.describing import Operation, operations

PAGE = Path(__file__).with_name("api.md")
ADDRESS = "http://127.0.0.1:8600"
START = """# API

<!-- Written by docs/generate_api.py from the code. Change the code, then run: make docs -->

What `sosie serve` answers over HTTP; the running service shows the same at `/docs`, and for programs at
`/openapi.json`. Answers are JSON. What can't be answered is told as `application/problem+json`, with a `detail` that
says what to do. Where keys are on, send `Authorization: Bearer KEY`. See [serving](serving.md) for keys and limits, and
[the client](shops.md#the-client) for Python.
"""


def page() -> str:
    """The whole page."""
    app = FastAPI(title="sosie", version="0")
    for routes in ROUTES:
        app.include_router(routes.router)
    lines = [START]
    for name, some in operations(app.openapi(), ADDRESS):
        lines += [f"## {name.capitalize()}", ""]
        for one in some:
            lines += _operation(one)
    return "\n".join(lines)


def _operation(one: Operation) -> Iterator[str]:
    yield from (f"### {one.method} {one.path}", "", _told(one.summary), "")
    for paragraph in one.paragraphs:
        yield from (_told(paragraph), "")
    if one.fields:
        yield from (f"| {one.where} | type | default | |", "|---|---|---|---|")
        for field in one.fields:
            default = f"`{field.default}`" if field.default and field.default != "required" else field.default
            yield f"| `{field.name}` | {field.type} | {default} | {_told(field.about).replace('|', chr(92) + '|')} |"
        yield ""
    yield from ("```bash", one.call, "```", "")
    if one.answer:
        yield from ("```json", one.answer, "```", "")


def _told(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
