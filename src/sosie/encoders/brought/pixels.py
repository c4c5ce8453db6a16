"""What a network wants of a picture: its side, how its axes lie, and what the numbers stand for."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sosie.errors import EncoderError

Layout = Literal["nchw", "nhwc"]
Range = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of each channel, black = 0 and white = 1

LUMA = (0.299, 0.587, 0.114)  # what red, green and blue count in grey (ITU-R BT.601)
RANGES: Mapping[str, Range] = {
    "0..255": ((0.0,) * 3, (1 / 255,) * 3),
    "0..1": ((0.0,) * 3, (1.0,) * 3),
    "-1..1": ((0.5,) * 3, (0.5,) * 3),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
PREPROCESSOR = "preprocessor_config.json"  # how Hugging Face writes it down


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a network's input, by the user or beside the weights; empty where nothing is."""

    size: int = 0
    layout: str = ""
    pixels: str | Range = ""  # a name of RANGES, "mean/deviation" of numbers, or these numbers


@dataclass(frozen=True, slots=True)
class PictureInput:
    """How bytes become a network's input: grey where `channels` is 1, then `(value / 255 - mean) / std`."""

    size: int
    layout: Layout
    channels: int  # 3 or 1
    pixels: Range

    @property
    def told(self) -> str:
        """In words."""
        name = next((name for name, pixels in RANGES.items() if pixels == self.pixels), "")
        mean, std = (",".join(f"{value:g}" for value in part) for part in self.pixels)
        colours = "RGB" if self.channels == 3 else "grey"
        return f"{self.size} x {self.size} {colours}, {self.layout}, pixels {name or f'{mean}/{std}'}"


def picture_input(shape: Sequence[int | None], takes_bytes: bool, says: Sequence[Said], source: Path) -> PictureInput:
    """Input of a network with four axes of such lengths (None where any will do), after all that is said of it.

    What is said first holds. Raises EncoderError where the axes contradict it, and where it doesn't become clear.
    """
    told = " x ".join("any" if length is None else str(length) for length in shape)
    if len(shape) != 4:
        raise EncoderError(f"{source}: takes {told}, not pictures, which have four axes.")
    layout = _layout(shape, next((said.layout for said in says if said.layout), ""), told, source)
    height, width, channels = shape[1:] if layout == "nhwc" else (shape[2], shape[3], shape[1])
    size = next((said.size for said in says if said.size), 0)
    if {height, width} - {None} - {size or height or width}:
        raise EncoderError(
            f"{source}: takes {told}, layout {layout}; sosie gives squares{f' of {size} pixels' if size else ''}."
        )
    size = size or height or width or 0
    if not size:
        raise EncoderError(f"{source}: takes pictures of any size; say --size, such as that of its training.")
    given = next((said.pixels for said in says if said.pixels), "")
    if takes_bytes:
        if given not in ("", "0..255", RANGES["0..255"]):
            raise EncoderError(f"{source}: takes bytes, 0..255; 'pixels' can't be {given}.")
        given = "0..255"
    if not given:
        raise EncoderError(
            f"{source}: does not say what its numbers stand for; say --pixels: {', '.join(RANGES)}, or mean/deviation "
            "of each channel where white is 1, such as 0.5,0.5,0.5/0.2,0.2,0.2."
        )
    return PictureInput(size, layout, channels or 3, _range(given, channels or 3, source))


def preprocessing(file: Path) -> Said:
    """What a `preprocessor_config.json` says of size and pixels; nothing where there is no such file."""
    if not file.is_file():
        return Said()
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        mean, std = _numbers(values.get("image_mean") or 0.0), _numbers(values.get("image_std") or 1.0)
        if not values.get("do_normalize", True):
            mean, std = _numbers(0.0), _numbers(1.0)
        white = 255 * values.get("rescale_factor", 1 / 255) if values.get("do_rescale", True) else 255.0
        return Said(_side(values), "", (tuple(m / white for m in mean), tuple(s / white for s in std)))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"{file}: can't be read ({error}).") from error


def _layout(shape: Sequence[int | None], said: str, told: str, source: Path) -> Layout:
    possible: dict[str, Layout] = {}
    if shape[1] in (1, 3, None):
        possible["nchw"] = "nchw"
    if shape[3] in (1, 3, None):
        possible["nhwc"] = "nhwc"
    if said and said not in ("nchw", "nhwc"):
        raise EncoderError(f"'{said}' is no layout; known are nchw (colours before the picture) and nhwc (after it).")
    if not possible or (said and said not in possible):
        raise EncoderError(
            f"{source}: takes {told}; {f'with layout {said} ' if said else ''}no axis has 3 colours (or 1, grey)."
        )
    if said:
        return possible[said]
    sure = [layout for layout, axis in (("nchw", 1), ("nhwc", 3)) if layout in possible and shape[axis] is not None]
    if len(sure) == 1 or len(possible) == 1:
        return possible[(sure or list(possible))[0]]
    raise EncoderError(f"{source}: takes {told}; say --layout nchw (colours before the picture) or nhwc (after it).")


def _range(given: str | Range, channels: int, source: Path) -> Range:
    if isinstance(given, str):
        if given not in RANGES:
            return _written(given, channels)
        given = RANGES[given]
    lengths = {len(part) for part in given}
    if lengths != {channels}:
        if channels == 1 and all(len(set(part)) == 1 for part in given):
            return (given[0][0],), (given[1][0],)
        raise EncoderError(f"{source}: has {channels} channels; mean and deviation are of {max(lengths)}: {given}.")
    return given


def _written(text: str, channels: int) -> Range:
    try:
        mean, std = (tuple(float(value) for value in part.split(",")) for part in text.split("/"))
    except ValueError as error:
        raise EncoderError(f"--pixels: '{text}' is none of {', '.join(RANGES)}, nor mean/deviation.") from error
    if len(mean) != channels or len(std) != channels or min(std) <= 0:
        raise EncoderError(f"--pixels: '{text}': {channels} numbers, a slash, and {channels} positive ones are needed.")
    return mean, std


def _numbers(value: Any) -> tuple[float, ...]:  # noqa: ANN401 (JSON)
    return tuple(float(one) for one in value) if isinstance(value, list) else (float(value),) * 3


def _side(values: Mapping[str, Any]) -> int:
    for key in ("crop_size", "size"):
        found = values.get(key)
        if isinstance(found, dict):
            sides = [found[name] for name in ("height", "width", "shortest_edge") if name in found]
            if sides and len(set(sides)) == 1:
                return int(sides[0])
        elif isinstance(found, int):
            return found
    return 0
