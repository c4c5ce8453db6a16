"""What answers look like, for the description of the API."""

from typing import Any

PROBLEM = {
    "type": "about:blank",
    "title": "Not Found",
    "status": 404,
    "detail": "there is no product 'sku-9'; /v1/suggest finds products by their titles.",
    "request_id": "5f0c2b7a9d134e6f",
}
HIT = {
    "id": "sku-2",
    "title": "Linen dress, red",
    "score": 0.7312,
    "rank": 1,
    "parts": {"image": 0.412, "text": 0.2, "price": 0.1192},
    "missing": [],
    "price": 49.0,
    "currency": "EUR",
    "category": ["Women > Dresses"],
    "images": ["/pictures/0/sku-2?w=640"],
    "url": "",
    "group": "sku-2",
}
SEARCH = {"text": "red linen dress", "positive": ["sku-1"], "where": "price < 80", "limit": 5}


def told(description: str, example: object) -> dict[str, Any]:
    """A response of JSON, with an example of it."""
    return {"description": description, "content": {"application/json": {"example": example}}}


def problem(description: str) -> dict[str, Any]:
    """A response that says what was wrong."""
    return {"description": description, "content": {"application/problem+json": {"example": PROBLEM}}}


REFUSED: dict[int | str, dict[str, Any]] = {
    "4XX": problem("What was wrong with the request, and what to do."),
    "503": problem("Not now: the store can't be read, or the answer took too long."),
}
ANSWER = {
    200: told(
        "Hits, best first. The parts of a score add up to it.",
        {
            "hits": [HIT],
            "limit": 5,
            "offset": 0,
            "total": 1204,
            "took_ms": 1.9,
            "notes": [],
            "cursor": "WzUsIm…",
        },
    ),
    **REFUSED,
}
PAIR = {
    200: told(
        "The score, its parts, and what b lacks.",
        {
            "a": "sku-1",
            "b": "sku-2",
            "score": 0.7312,
            "parts": HIT["parts"],
            "missing": [],
            "took_ms": 0.6,
            "notes": [],
        },
    ),
    **REFUSED,
}
PRODUCT = {
    200: told(
        "The product.",
        {
            "id": "sku-2",
            "title": "Linen dress, red",
            "text": "A light dress for warm days.",
            "category": ["Women > Dresses"],
            "brand": "Sosie",
            "price": 49.0,
            "currency": "EUR",
            "attributes": {"material": "linen"},
            "images": ["/pictures/0/sku-2?w=640"],
            "available": True,
            "group": "sku-2",
        },
    ),
    **REFUSED,
}
FACETS = {
    200: told(
        "Fields with their values, categories one level down, and how prices are spread.",
        {
            "total": 1204,
            "facets": [{"field": "brand", "values": [{"value": "Sosie", "count": 310}]}],
            "categories": [{"path": "Women", "count": 602}],
            "price": {"low": 5.0, "high": 99.0, "currency": "EUR", "bins": [700, 504], "edges": [5.0, 52.0, 99.0]},
        },
    ),
    **REFUSED,
}
SUGGEST = {
    200: told(
        "What fits, best first.",
        {
            "suggestions": [
                {"kind": "category", "text": "Women > Dresses"},
                {"kind": "title", "text": "Linen dress, red", "id": "sku-2"},
            ]
        },
    ),
    **REFUSED,
}

WRITTEN = {
    200: told("What became of it: created (201), updated, unchanged or removed.", {"id": "sku-2", "what": "updated"}),
    **REFUSED,
}
IMPORTED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A line of result for each line.",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"line": 1, "id": "sku-2", "what": "created"}\n{"line": 2, "error": "id: Field required"}',
            }
        },
    },
    **REFUSED,
}
ROLLED_BACK = {200: told("Where the store is now.", {"generation": 3, "version": "3.12"}), **REFUSED}
RUNNING = {
    "id": "18a3f0c2",
    "kind": "merge",
    "state": "running",
    "stage": "indexing",
    "done": 2,
    "total": 5,
    "started": "2026-01-31T12:00:00+00:00",
    "ended": "",
    "result": {},
    "error": "",
}
JOB = {200: told("The job.", RUNNING), 202: told("The job, begun.", RUNNING), **REFUSED}
JOBS = {200: told("Jobs, the newest first.", {"jobs": [RUNNING]}), **REFUSED}
RULES = {
    200: told("All rules.", {"pins": {"sku-1": ["sku-2"]}, "blocks": {"sku-1": ["sku-9"], "*": ["sku-7"]}}),
    **REFUSED,
}
