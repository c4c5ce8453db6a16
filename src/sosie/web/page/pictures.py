"""Pictures as a page needs them: products' in the right size, made once; those asked with, kept for a while."""

from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from urllib.parse import quote

from PIL import Image

from sosie.errors import PictureError, QuestionError
from sosie.media import open_picture, picture_hash, picture_stamp
from sosie.types import Product
from sosie.web.page.address import WHOLE, Crop
from sosie.web.page.kept import Kept, kept

WIDTHS = (160, 320, 640, 1280)  # pixels of the shorter side
TALLEST = 3  # times as long as the shorter side, at most
SMALL_LIMIT, ASKED_LIMIT = 4 << 30, 512 << 20  # bytes of the cache
ASKED_SIDE = 1024  # pixels: more than any encoder looks at
NAME = 32  # hex digits


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture in a page: its address without a width, and that the address changes when the picture does."""

    address: str
    stamp: str

    def at(self, width: int) -> str:
        """The address of one size."""
        return f"{self.address}?w={width}&v={self.stamp}"

    @property
    def srcset(self) -> str:
        """All sizes of a card, for the browser to choose from."""
        return ", ".join(f"{self.at(width)} {width}w" for width in WIDTHS[:3])


def shown(product: Product, number: int = 0) -> Shown | None:
    """One of a product's pictures; None where it has none or its file is missing."""
    if number >= len(product.images):
        return None
    try:
        stamp = picture_stamp(product.images[number])
    except PictureError:
        return None
    mark = blake2b(stamp.encode(errors="replace"), digest_size=6).hexdigest()
    return Shown(f"/pictures/{number}/{quote(product.id, safe='')}", mark)


def smaller(store: Path, ref: str, width: int) -> Path:
    """A picture as WebP whose shorter side has `width` pixels, unless it has fewer. Raises PictureError."""
    small = kept(store / "cache" / "thumbnails", SMALL_LIMIT)
    name = f"{picture_hash(ref)}-{width}.webp"
    return small.find(name) or small.put(name, _shrunk(open_picture(ref, draft=width), width))


def keep_asked(store: Path, content: bytes, megapixels: int) -> str:
    """Keep a picture that somebody asks with; returns its name. Raises PictureError."""
    name = blake2b(content, digest_size=NAME // 2).hexdigest()
    asked = _asked(store)
    if asked.find(f"{name}.jpg") is None:
        with NamedTemporaryFile(suffix=".upload") as sink:
            sink.write(content)
            sink.flush()
            try:
                picture = open_picture(sink.name, max_pixels=megapixels * 1_000_000, draft=ASKED_SIDE)
            except PictureError as error:
                raise PictureError(str(error).replace(sink.name, "the picture")) from error
        picture.thumbnail((ASKED_SIDE, ASKED_SIDE), reducing_gap=2.0)
        asked.put(f"{name}.jpg", _as_jpeg(picture))
    return name


def asked_file(store: Path, name: str, crop: Crop | None = None) -> Path:
    """The file of a picture that is kept, or of a part of it. Raises QuestionError where it is kept no more."""
    asked = _asked(store)
    whole = asked.find(f"{name}.jpg") if len(name) == NAME and name.isalnum() and name.isascii() else None
    if whole is None:
        raise QuestionError("this picture isn't kept any more; give it again.")
    if crop is None:
        return whole
    part = f"{name}-{'-'.join(map(str, crop))}.jpg"
    return asked.find(part) or asked.put(part, _as_jpeg(_cut(open_picture(str(whole)), crop)))


def named_file(store: Path, file: str) -> Path:
    """The picture asked with, or its part, whose file has this name. Raises QuestionError where it is kept no more."""
    name, *crop = file.removesuffix(".jpg").split("-")
    numbers = [int(part) for part in crop if part.isascii() and part.isdigit()]
    if file != f"{'-'.join([name, *map(str, numbers)])}.jpg" or len(numbers) not in (0, 4):
        raise QuestionError(f"'{file[:100]}' is the name of no picture.")
    return asked_file(store, name, (numbers[0], numbers[1], numbers[2], numbers[3]) if numbers else None)


def _asked(store: Path) -> Kept:
    return kept(store / "cache" / "asked", ASKED_LIMIT)


def _cut(picture: Image.Image, crop: Crop) -> Image.Image:
    left, top, width, height = crop
    right, bottom = left + width, top + height
    box = (
        left * picture.width // WHOLE,
        top * picture.height // WHOLE,
        max(right * picture.width // WHOLE, left * picture.width // WHOLE + 1),
        max(bottom * picture.height // WHOLE, top * picture.height // WHOLE + 1),
    )
    return picture.crop(box)


def _shrunk(picture: Image.Image, width: int) -> bytes:
    """As WebP; a picture longer than TALLEST times its shorter side keeps its middle."""
    wide, high = picture.size
    if max(wide, high) > TALLEST * min(wide, high):
        across, down = min(wide, TALLEST * high), min(high, TALLEST * wide)
        left, top = (wide - across) // 2, (high - down) // 2
        picture = picture.crop((left, top, left + across, top + down))
    factor = width / min(picture.size)
    if factor < 1:
        size = (max(round(picture.width * factor), 1), max(round(picture.height * factor), 1))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = BytesIO()
    picture.save(out, "WEBP", quality=80, method=4)
    return out.getvalue()


def _as_jpeg(picture: Image.Image) -> bytes:
    out = BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()
