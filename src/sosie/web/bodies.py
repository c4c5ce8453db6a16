"""Queries and bodies read and checked: JSON, or a form with a picture."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from sosie.config import Serving
from sosie.errors import PictureError, SosieError
from sosie.media.picture import check_header
from sosie.scoring import read_weights
from sosie.web.problems import Problem

M = TypeVar("M", bound=BaseModel)
KB, MB = 1024, 1_000_000
LISTS = ("positive", "negative")  # fields of a form that may come several times


@dataclass(frozen=True, slots=True)
class Form:
    """What came with a picture; the file is there until `close`."""

    fields: dict[str, Any]
    picture: Path | None

    def close(self) -> None:
        """Let the picture go."""
        if self.picture is not None:
            with suppress(OSError):
                self.picture.unlink()


def read_query(request: Request, model: type[M]) -> M:
    """The parameters of an address as a model of them. Raises RequestValidationError.

    FastAPI would do the same; for the quickest questions that would take half of their time.
    """
    fields = request.query_params
    if len(fields) != len(fields.multi_items()):
        names = [name for name, _ in fields.multi_items()]
        twice = next(name for name in names if names.count(name) > 1)
        raise Problem(422, f"{twice}: is said more than once.")
    return parsed_fields(model, dict(fields))


async def read_json(request: Request, model: type[M], serving: Serving) -> M:
    """A body of JSON as a model of it. Raises Problem: 415 for another type, 413; RequestValidationError."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", ""):
        raise Problem(415, f"{kind} is not read here; send application/json.")
    return parsed(model, await read_body(request, serving.body_kb * KB))


async def read_body(request: Request, most: int) -> bytes:
    """A whole body of at most so many bytes. Raises Problem, 413."""
    whole = bytearray()
    async for chunk in request.stream():
        whole += chunk
        if len(whole) > most:
            raise Problem(413, f"the body is larger than {most:,} bytes, the most that is taken here.")
    return bytes(whole)


def parsed(model: type[M], raw: bytes) -> M:
    """A model from JSON, its types taken strictly. Raises RequestValidationError."""
    try:
        return model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from error


def parsed_fields(model: type[M], fields: dict[str, Any]) -> M:
    """A model from the fields of a form, which are all texts. Raises RequestValidationError."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise RequestValidationError(error.errors(include_url=False)) from error


async def read_form(request: Request, serving: Serving) -> Form:
    """A form with a picture under the name `image`. Raises Problem and PictureError."""
    fields: dict[str, Any] = {}
    picture = None
    try:
        async with request.form(max_files=1, max_fields=2 * serving.ids, max_part_size=serving.body_kb * KB) as form:
            for name, value in form.multi_items():
                if isinstance(value, UploadFile):
                    if name != "image":
                        raise Problem(422, f"{name}: is a file; the one file of a question is its picture, `image`.")
                    picture = _kept(await value.read(serving.picture_mb * MB + 1), serving)
                elif name in LISTS:
                    fields.setdefault(name, []).append(value)
                elif name == "weights":
                    fields[name] = read_weights(value)
                else:
                    fields[name] = value
    except HTTPException as error:
        raise Problem(422, f"the form can't be read: {error.detail} See /docs.") from error
    except SosieError:
        Form(fields, picture).close()
        raise
    return Form(fields, picture)


def _kept(content: bytes, serving: Serving) -> Path:
    if len(content) > serving.picture_mb * MB:
        raise Problem(413, f"image: is larger than {serving.picture_mb} MB; send a smaller one.")
    with NamedTemporaryFile(prefix="sosie-", suffix=".picture", delete=False) as sink:
        sink.write(content)
    file = Path(sink.name)
    try:
        check_header(file, "image", serving.picture_megapixels * 1_000_000)
    except PictureError:
        file.unlink()
        raise
    return file
