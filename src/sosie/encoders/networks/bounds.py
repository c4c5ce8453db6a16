"""What the settings of networks may be: checked where somebody gives them, see `sosie.train.options`."""

from typing import Annotated

from pydantic import Field

Count = Annotated[int, Field(ge=1, le=8192)]  # of numbers, channels, filters
CountOrNone = Annotated[int, Field(ge=0, le=8192)]
Counts = Annotated[tuple[Count, ...], Field(min_length=1, max_length=8)]  # a layer each
Chance = Annotated[float, Field(ge=0, lt=1)]  # of leaving something out
