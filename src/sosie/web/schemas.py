"""What requests may hold, checked at the door; unknown fields are refused."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Asked(BaseModel):
    """Base of what requests hold: frozen, strict about names, finite numbers only."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SimilarQuestion(Asked):
    """How look-alikes are asked for."""

    limit: Annotated[int, Field(ge=0, le=10_000, description="How many products.")] = 10
    offset: Annotated[int, Field(ge=0, le=10_000, description="Skip the first ones.")] = 0
    where: Annotated[str, Field(max_length=4_000, description="A filter.")] = ""
    weights: Annotated[str, Field(max_length=1_000, description="Weights of signals.")] = ""
    category: Annotated[str, Field(max_length=1_000, description="Only products of this category and below.")] = ""
    diversity: Annotated[float, Field(ge=0, le=1, description="Trade score for difference.")] = 0.0
    threshold: Annotated[float | None, Field(description="Leave out hits of a lower score.")] = None
    variants: Annotated[bool, Field(description="Name each hit's variants.")] = False
