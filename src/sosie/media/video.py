"""Frames of videos as pictures, at even places, within limits; every failure says which. Needs PyAV: extra `video`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image

from sosie.errors import PictureError

MAX_BYTES = 2_000_000_000
MAX_SECONDS = 3_600
MAX_DECODED = 600  # frames that are decoded on the way to the one that is wanted: 20 seconds at 30 a second
# Containers of shops; those left out name other files or addresses (playlists), or read devices.
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,ogg,flv,asf"
_FRAME = re.compile(r"(.+)#(\d+)/(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame in the middle of the part `number` (from 1) of `count` equal parts of a video."""

    file: Path
    number: int
    count: int


def frame_refs(video: str, count: int) -> tuple[str, ...]:
    """Names of a video's frames at even places, which are opened like pictures; none without PyAV."""
    return tuple(f"{video}#{number}/{count}" for number in range(1, count + 1)) if can_open_videos() else ()


def frame_of(ref: str) -> Frame | None:
    """The frame that a name of `frame_refs` stands for; None for a picture."""
    found = _FRAME.fullmatch(ref)
    if found is None or Path(ref).exists():
        return None
    return Frame(Path(found[1]), int(found[2]), int(found[3]))


def can_open_videos() -> bool:
    """Whether PyAV is installed."""
    return find_spec("av") is not None


def open_frame(frame: Frame, max_pixels: int) -> Image.Image:
    """A frame as RGB, upright. A video that doesn't say how long it is gives one a second, from its start.

    Raises PictureError: PyAV or the file is missing, no video, too large, too long, damaged.
    """
    file = frame.file
    try:
        import av
    except ImportError as error:
        raise PictureError(f"{file}: videos are read with PyAV: pip install 'sosie[video]'.") from error
    try:
        size = file.stat().st_size
        if size > MAX_BYTES:
            raise PictureError(f"{file}: {size:,} bytes are more than the {MAX_BYTES:,} of a video that is read.")
        with file.open("rb") as stream, av.open(stream, options=_options()) as container:
            if not container.streams.video:
                raise PictureError(f"{file}: holds no video.")
            return _frame(container, frame, max_pixels)
    except PictureError:
        raise
    except (OSError, av.error.FFmpegError) as error:
        raise PictureError(f"{file}: can't be read as a video ({error.strerror or error}).") from error
    except MemoryError as error:
        raise PictureError(f"{file}: needs more memory than there is.") from error
    except Exception as error:  # decoders meet damage with many kinds
        raise PictureError(f"{file}: is damaged ({error or type(error).__name__}).") from error


def _options() -> dict[str, str]:
    # Nothing but the file itself is opened, whatever it names.
    return {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}


def _frame(container: Any, frame: Frame, max_pixels: int) -> Image.Image:  # noqa: ANN401 (PyAV's types are not stable)
    video = container.streams.video[0]
    width, height = video.codec_context.width, video.codec_context.height
    if width * height > max_pixels:
        raise PictureError(f"{frame.file}: {width} x {height} pixels are more than the {max_pixels:,} that are read.")
    video.thread_type = "NONE"  # pictures are read in threads already
    seconds = container.duration / 1_000_000 if container.duration else 0.0
    if seconds > MAX_SECONDS:
        raise PictureError(f"{frame.file}: lasts {seconds:,.0f} seconds, more than the {MAX_SECONDS:,} that are read.")
    wanted = (frame.number - 0.5) * seconds / frame.count if seconds else float(frame.number - 1)
    start = float(video.start_time * video.time_base) if video.start_time else 0.0
    if seconds:
        container.seek(int((start + wanted) / video.time_base), stream=video, backward=True)
    found = None
    for decoded, one in enumerate(_decoded(container, video)):
        if found is not None and (decoded >= MAX_DECODED or (one.time is not None and one.time - start > wanted)):
            break
        found = one
    if found is None:
        raise PictureError(f"{frame.file}: has no frame that can be read.")
    picture: Image.Image = found.to_image()
    turn = getattr(found, "rotation", 0)  # degrees against the clock
    return picture.rotate(turn, expand=True) if turn else picture


def _decoded(container: Any, video: Any) -> Iterator[Any]:  # noqa: ANN401
    import av

    try:
        yield from container.decode(video)
    except av.error.FFmpegError:  # what came before a broken end is good enough
        return
