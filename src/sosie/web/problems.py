"""Errors as the caller of the API meets them: problem+json (RFC 9457), each saying what to do."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from sosie.errors import BusyError, CatalogueError, EncoderError, PictureError, QuestionError, SosieError, StoreError

MEDIA = "application/problem+json"


class Problem(SosieError):  # noqa: N818 - the name that RFC 9457 gives it
    """A request that is not answered as asked: status, what is wrong and what to do, further headers."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


def problem(
    status: int,
    detail: str,
    *,
    request_id: str = "",
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response that says what was wrong; `errors` name single fields."""
    told: dict[str, object] = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    told["detail"] = detail
    if errors:
        told["errors"] = list(errors)
    if request_id:
        told["request_id"] = request_id
    return Response(orjson.dumps(told), status, dict(headers or {}), MEDIA)


def status_of(error: SosieError) -> int:
    """The status that tells whose fault an error is."""
    if isinstance(error, Problem):
        return error.status
    if isinstance(error, QuestionError | PictureError | CatalogueError):
        return 422
    return 503 if isinstance(error, StoreError | EncoderError) else 400


def headers_of(error: SosieError) -> dict[str, str]:
    """Headers that go with an error."""
    if isinstance(error, Problem):
        return error.headers
    return {"Retry-After": "2"} if isinstance(error, BusyError) else {}


def add_problems(app: FastAPI) -> None:
    """Answer every error of an app as a problem."""

    @app.exception_handler(SosieError)
    async def told(request: Request, error: SosieError) -> Response:
        return problem(status_of(error), str(error), request_id=_id(request), headers=headers_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [{"field": field_of(one["loc"]), "message": str(one["msg"])} for one in error.errors()[:20]]
        detail = "; ".join(f"{one['field'] or 'the body'}: {one['message']}" for one in errors)
        return problem(422, f"{detail}. See /docs for what this call takes.", request_id=_id(request), errors=errors)

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        detail = {
            404: f"there is nothing at {request.url.path}; /docs lists what there is.",
            405: f"{request.url.path} does not take {request.method}; /docs lists what it takes.",
        }.get(error.status_code, str(error.detail))
        return problem(error.status_code, detail, request_id=_id(request), headers=error.headers)


def _id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def field_of(location: Sequence[object]) -> str:
    """The field that a place in a request is."""
    return ".".join(str(part) for part in location if part not in ("body", "query", "path"))
