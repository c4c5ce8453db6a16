"""Opening any picture a catalogue may hold: within limits, upright, RGB; every failure says which."""

import stat
import warnings
from functools import lru_cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from sosie.errors import PictureError
from sosie.media.archive import archive_pixels
from sosie.media.video import frame_of, open_frame

MAX_PIXELS = 80_000_000
# Formats of shops; those left out run other programs (EPS), take any bytes for a picture (TGA) or are no photos.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM", "ICO")
NEEDED_SHARE = 0.5  # of the rows of a truncated picture

NOISE = bytes(7 * i * i % 251 for i in range(1024))  # entropy-coded data of no picture

# What Pillow warns of (size, damaged EXIF) is judged here.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_picture(ref: str, *, max_pixels: int = MAX_PIXELS, draft: int | None = None) -> Image.Image:
    """A picture as RGB, upright, transparency on white, the first frame of an animated one.

    `ref` is a path, `archive#number`, or a frame of a video as `frame_refs` names it. With `draft` the picture may
    come smaller, no side below `draft` unless it was: JPEG is then decoded at a half, quarter or eighth. A JPEG that
    breaks off after at least half of its rows has white for the rest. Raises PictureError: missing, a folder, empty,
    not a picture, too large, damaged, broken off.
    """
    frame = frame_of(ref)
    if frame is not None:
        _check_file(frame.file)
        return open_frame(frame, max_pixels)
    path, number = split_ref(ref)
    if number is not None:
        return Image.fromarray(archive_pixels(path, number)).convert("RGB")
    _check_file(path)
    try:
        with Image.open(path, formats=_formats()) as image:
            _check_size(path, image, max_pixels)
            if draft is not None:
                image.draft("RGB", (draft, draft))
            try:
                image.load()
            except OSError as error:
                return _upright(_broken_off(path, image, error), image)
            return _upright(_on_white(image), image)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(f"{path}: {_what_it_is(path)}.") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path}: is too large to be decoded ({error}).") from error
    except MemoryError as error:
        raise PictureError(f"{path}: needs more memory than there is.") from error
    except Exception as error:  # decoders meet damage with many kinds: OSError, ValueError, SyntaxError, struct.error …
        raise PictureError(f"{path}: is damaged ({error or type(error).__name__}).") from error


def picture_size(ref: str) -> tuple[int, int]:
    """Width and height of a picture as its header has them, before it is turned upright. Raises PictureError."""
    if frame_of(ref) is not None:
        return open_picture(ref).size
    path, number = split_ref(ref)
    if number is not None:
        height, width = archive_pixels(path, number).shape[:2]
        return width, height
    return check_header(path, str(path))


def check_header(file: Path, name: str, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height, by the start of a file only. Raises PictureError under `name`: no picture, or too large."""
    try:
        _check_file(file)
        with Image.open(file, formats=_formats()) as image:
            _check_size(file, image, max_pixels)
            return image.size
    except PictureError as error:
        raise PictureError(str(error).replace(str(file), name)) from error
    except UnidentifiedImageError as error:
        raise PictureError(f"{name}: {_what_it_is(file)}.") from error
    except Exception as error:
        raise PictureError(f"{name}: is damaged ({error or type(error).__name__}).") from error


def picture_problem(ref: str) -> str | None:
    """Why a picture can't be used, as one sentence; None when it can."""
    try:
        open_picture(ref, draft=32)
    except PictureError as error:
        return str(error)
    return None


def picture_stamp(ref: str) -> str:
    """Cheap identity of a picture: path, size and time of change of its file. Raises PictureError when missing."""
    frame = frame_of(ref)
    path = frame.file if frame is not None else split_ref(ref)[0]
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: can't be read ({_reason(error)}).") from error
    return f"{ref}|{status.st_size}|{status.st_mtime_ns}"


def picture_hash(ref: str) -> str:
    """Hash of a picture's content (blake2b, 32 hex digits), remembered while its stamp stays. Raises PictureError."""
    return _hash(ref, picture_stamp(ref))


@lru_cache(maxsize=200_000)
def _hash(ref: str, stamp: str) -> str:
    frame = frame_of(ref)
    if frame is not None:
        whole = picture_hash(str(frame.file))
        return blake2b(f"{whole} {frame.number}/{frame.count}".encode(), digest_size=16).hexdigest()
    path, number = split_ref(ref)
    digest = blake2b(digest_size=16)
    if number is not None:
        pixels = archive_pixels(path, number)
        digest.update(repr(pixels.shape).encode())
        digest.update(pixels.tobytes())
        return digest.hexdigest()
    _check_file(path)
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise PictureError(f"{path}: can't be read ({_reason(error)}).") from error
    return digest.hexdigest()


def thumbnail(ref: str, size: int) -> bytes:
    """A picture as JPEG bytes, its longer side at most `size` pixels. Raises PictureError."""
    image = open_picture(ref, draft=size)
    image.thumbnail((size, size), reducing_gap=2.0)
    out = BytesIO()
    image.save(out, "JPEG", quality=82, optimize=True)
    return out.getvalue()


def split_ref(ref: str) -> tuple[Path, int | None]:
    """Path and number of `archive#number`; the number is None for a plain path, even one with a # in its name."""
    path, mark, number = ref.rpartition("#")
    if mark and number.isascii() and number.isdigit() and not Path(ref).exists():
        return Path(path), int(number)
    return Path(ref), None


@lru_cache(maxsize=1)
def _formats() -> tuple[str, ...]:
    Image.init()  # some are left out of some builds of Pillow
    return tuple(name for name in FORMATS if name in Image.OPEN)


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise PictureError(f"{path}: can't be read ({_reason(error)}).") from error
    if stat.S_ISDIR(status.st_mode):
        raise PictureError(f"{path}: is a folder, not a picture.")
    if not stat.S_ISREG(status.st_mode):
        raise PictureError(f"{path}: is not a regular file.")
    if status.st_size == 0:
        raise PictureError(f"{path}: is empty (0 bytes).")


def _check_size(path: Path, image: Image.Image, max_pixels: int) -> None:
    if image.width * image.height > max_pixels:
        raise PictureError(
            f"{path}: {image.width} x {image.height} pixels are more than the {max_pixels:,} that are read; "
            "save it smaller."
        )


def _what_it_is(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if b"<svg" in start:
        return "is an SVG drawing; only pixel pictures are read"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or b"<html" in start:
        return "is a web page (HTML), not a picture"
    return "is not a picture of a known format, or its start is damaged"


def _upright(image: Image.Image, original: Image.Image) -> Image.Image:
    try:
        turn = original.getexif().get(0x0112, 1)
        if turn in range(2, 9):
            image.getexif()[0x0112] = turn
            image = ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the pixels
        return image
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _grey(np.asarray(image.convert("I"), dtype=np.float32) / 257)
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        top = float(values.max(initial=0))
        return _grey(values * (255 if top <= 1 and image.mode == "F" else 1) / (257 if top > 255 else 1))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        white.alpha_composite(layer)
        return white.convert("RGB")
    return image.convert("RGB")


def _grey(values: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")


def _broken_off(path: Path, image: Image.Image, error: OSError) -> Image.Image:
    """The rows of a JPEG that are there, white below. Raises PictureError when there are too few."""
    if image.format not in ("JPEG", "MPO"):
        raise PictureError(f"{path}: breaks off or is damaged ({error}).") from error
    data = path.read_bytes().rstrip(b"\xff")
    try:
        whole = _ended(data, b"")
        rows = whole.height if _has_full_pass(data) else _same_rows(whole, _ended(data, NOISE))
    except OSError:
        raise PictureError(f"{path}: breaks off before its first row, or is damaged ({error}).") from error
    if rows < NEEDED_SHARE * whole.height:
        raise PictureError(f"{path}: breaks off after {rows / whole.height:.0%} of its rows.") from error
    if rows < whole.height:
        whole.paste("white", (0, rows, whole.width, whole.height))
    return whole


def _ended(data: bytes, more: bytes) -> Image.Image:
    with Image.open(BytesIO(data + more + b"\xff\xd9"), formats=("JPEG",)) as image:
        return image.convert("RGB")


def _has_full_pass(data: bytes) -> bool:
    # The first pass of a progressive JPEG covers all rows coarsely; it is complete when a second has begun.
    return b"\xff\xc2" in data[:65536] and data.count(b"\xff\xda") > 1


def _same_rows(one: Image.Image, other: Image.Image) -> int:
    """Rows before the first difference: those that don't depend on what follows the break."""
    differs = (np.asarray(one) != np.asarray(other)).any(axis=(1, 2))
    return int(differs.argmax()) if differs.any() else one.height


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
