"""What requests may hold, checked at the door: unknown fields, wrong types and numbers that are none are refused."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sosie.engine.questions import MOST

LIMIT = 1_000  # hits of one answer; longer lists go on with a cursor
Id = Annotated[str, Field(min_length=1, max_length=1_000)]
PATH = {"id": "Id of a product."}
Weight = Annotated[float, Field(ge=0, le=1_000)]


class Asked(BaseModel):
    """Base of what requests hold."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Question(Asked):
    """What every question may say."""

    limit: Annotated[int, Field(ge=0, le=LIMIT, description="How many products.")] = 10
    offset: Annotated[int, Field(ge=0, le=MOST, description="Skip the first ones.")] = 0
    where: Annotated[
        str,
        Field(max_length=4_000, description="A filter in the language of `--where`.", examples=["price < 50"]),
    ] = ""
    category: Annotated[str, Field(max_length=1_000, description="Only products of this category and below.")] = ""
    diversity: Annotated[
        float, Field(ge=0, le=1, description="Trade score for difference among the hits: 0 only score, 1 most unlike.")
    ] = 0.0
    threshold: Annotated[float | None, Field(description="Leave out hits of a lower score.")] = None
    variants: Annotated[bool, Field(description="Name each hit's variants.")] = False
    group_by: Annotated[
        str, Field(max_length=200, description="A field: of products with the same value only the best is a hit.")
    ] = ""
    explain: Annotated[bool, Field(description="Say in words why each hit is one.")] = False
    cursor: Annotated[
        str, Field(max_length=500, description="Where a list goes on: the `cursor` of the answer before.")
    ] = ""


class SimilarQuestion(Question):
    """How look-alikes of a product are asked for."""

    weights: Annotated[
        str, Field(max_length=1_000, description="Weights of signals for this question.", examples=["image=2,text=1"])
    ] = ""


class SearchQuestion(Question):
    """Words, products liked and unliked, and (as multipart) a picture, in any mixture."""

    text: Annotated[str, Field(max_length=5_000, description="Words.")] = ""
    positive: Annotated[tuple[Id, ...], Field(description="Ids of products liked.")] = ()
    negative: Annotated[tuple[Id, ...], Field(description="Ids of products not liked.")] = ()
    weights: Annotated[dict[str, Weight], Field(description="Weights of signals for this question.")] = {}


class PairQuestion(Asked):
    """Two products to be compared."""

    a: Annotated[Id, Field(description="Id of a product.")]
    b: Annotated[Id, Field(description="Id of another.")]
    weights: Annotated[dict[str, Weight], Field(description="Weights of signals for this question.")] = {}
    explain: Annotated[bool, Field(description="Say in words what is alike.")] = False


class FacetsQuestion(Asked):
    """Of which products facets are counted."""

    where: Annotated[str, Field(max_length=4_000, description="A filter in the language of `--where`.")] = ""
    category: Annotated[str, Field(max_length=1_000, description="Only products of this category and below.")] = ""


class SuggestQuestion(Asked):
    """The beginning of what somebody types."""

    q: Annotated[str, Field(min_length=1, max_length=200, description="What was typed so far.")]
    limit: Annotated[int, Field(ge=1, le=50)] = 10


def body(model: type[BaseModel], *, picture: bool = False, example: Any = None) -> dict[str, Any]:  # noqa: ANN401
    """How OpenAPI describes a body that a route reads itself; with `picture` also as a form."""
    schema = inlined(model)
    content: dict[str, Any] = {"application/json": {"schema": schema, **({"example": example} if example else {})}}
    if picture:
        fields = {name: dict(told) for name, told in schema["properties"].items()}
        fields["weights"] = {"type": "string", "description": "Such as image=2,text=1."}
        fields["image"] = {"type": "string", "format": "binary", "description": "A picture."}
        form = {"type": "object", "properties": fields, "additionalProperties": False}
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


def text_body(kind: str, model: type[BaseModel]) -> dict[str, Any]:
    """How OpenAPI describes a body of lines, each of which is JSON of a model."""
    about = f"A line each of this schema: {', '.join(model.model_fields)}."
    return {"requestBody": {"required": True, "content": {kind: {"schema": {"type": "string", "description": about}}}}}


def parameters_of_path(*names: str) -> dict[str, Any]:
    """How OpenAPI describes what stands in a path that a route reads itself."""
    told = {"in": "path", "required": True, "schema": {"type": "string"}}
    return {"parameters": [{"name": name, "description": PATH[name], **told} for name in names]}


def parameters(model: type[BaseModel], *path: str) -> dict[str, Any]:
    """How OpenAPI describes a query that a route reads itself, and what stands in its path."""
    schema = inlined(model)
    required = schema.get("required", ())
    told = parameters_of_path(*path)["parameters"]
    for name, one in schema["properties"].items():
        about = one.pop("description", "")
        told.append({"name": name, "in": "query", "required": name in required, "schema": one, "description": about})
    return {"parameters": told}


def inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a model, without references to definitions beside it."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def resolved(value: object) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            name = str(value.get("$ref", "")).rpartition("/")[2]
            return resolved(definitions[name]) if name else {key: resolved(one) for key, one in value.items()}
        return [resolved(one) for one in value] if isinstance(value, list) else value

    return dict(resolved(schema))
