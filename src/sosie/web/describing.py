"""The page at /docs: every operation of the API, drawn from its own description; nothing comes from another host."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request
from jinja2 import Environment, PackageLoader
from starlette.responses import HTMLResponse, Response

router = APIRouter(include_in_schema=False)
ORDER = ("questions", "catalogue", "writing", "rules", "operation")


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that a call may say."""

    name: str
    type: str
    default: str
    about: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call: what it takes, how it is made from a shell, what it answers."""

    method: str
    path: str
    summary: str
    paragraphs: tuple[str, ...]
    where: str
    fields: tuple[Field, ...]
    call: str
    answer: str


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Every operation of the API."""
    described = request.app.openapi()
    groups = operations(described, str(request.base_url).rstrip("/"))
    return HTMLResponse(environment().get_template("docs.html.j2").render(about=described["info"], groups=groups))


@router.get("/docs/service.css")
async def style() -> Response:
    """How this page looks."""
    css = files("sosie.web").joinpath("templates", "service.css").read_bytes()
    return Response(css, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@cache
def environment() -> Environment:
    """The templates; all that is put into them is shown as text."""
    return Environment(loader=PackageLoader("sosie.web", "templates"), autoescape=True, trim_blocks=True)


def operations(described: dict[str, Any], address: str) -> list[tuple[str, list[Operation]]]:
    """Operations by what they are about, from a description in OpenAPI of a service at an address."""
    groups: dict[str, list[Operation]] = {name: [] for name in ORDER}
    for path, methods in described["paths"].items():
        for method, told in methods.items():
            groups.setdefault(told.get("tags", ["operation"])[0], []).append(_operation(path, method, told, address))
    return [(name, some) for name, some in groups.items() if some]


def _operation(path: str, method: str, told: dict[str, Any], address: str) -> Operation:
    content = told.get("requestBody", {}).get("content", {})
    kind = next(iter(content), "")
    body = content.get(kind, {})
    fields = tuple(_parameters(told)) or tuple(_properties(body.get("schema", {})))
    summary, *paragraphs = told.get("description", told.get("summary", "")).split("\n\n")
    answer = told.get("responses", {}).get("200", {}).get("content", {}).get("application/json", {}).get("example")
    return Operation(
        method=method.upper(),
        path=path,
        summary=summary,
        paragraphs=tuple(paragraphs),
        where="field" if content else "parameter",
        fields=fields,
        call=_call(path, method.upper(), kind, body.get("example"), address),
        answer=json.dumps(answer, indent=2, ensure_ascii=False) if answer is not None else "",
    )


def _parameters(told: dict[str, Any]) -> Iterator[Field]:
    for one in told.get("parameters", ()):
        if one["in"] != "path":
            yield _field(one["name"], one["schema"] | {"description": one.get("description", "")})


def _properties(schema: dict[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield _field(name, one, "required" if name in required else "")


def _field(name: str, schema: dict[str, Any], default: str = "") -> Field:
    kinds = [one.get("type", "") for one in schema.get("anyOf", [schema])]
    if not default and "default" in schema:
        default = json.dumps(schema["default"])
    return Field(name, " or ".join(filter(None, kinds)), default, schema.get("description", ""))


def _call(path: str, method: str, kind: str, example: object, address: str) -> str:
    where = address + path.replace("{id}", "sku-1").replace("{number}", "1")
    parts = ["curl" if method == "GET" else f"curl -X {method}", f"'{where}'"]
    if kind == "application/json":
        parts += ["-H 'Content-Type: application/json'", f"-d '{json.dumps(example, ensure_ascii=False)}'"]
    elif kind:
        parts += [f"-H 'Content-Type: {kind}'", "--data-binary @products.jsonl"]
    return " \\\n  ".join(parts)
