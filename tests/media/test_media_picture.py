"""Pictures as they come: hostile, turned, transparent, broken off."""

import os
import struct
import time
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sosie.errors import PictureError
from sosie.media import open_picture, picture_hash, picture_problem, picture_size, picture_stamp, thumbnail

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def quarters(size: int = 64) -> Image.Image:
    """Red, green / blue, white: every turn of it looks different."""
    image = Image.new("RGB", (size, size))
    half = size // 2
    for colour, at in ((RED, (0, 0)), (GREEN, (half, 0)), (BLUE, (0, half)), (WHITE, (half, half))):
        image.paste(colour, (*at, at[0] + half, at[1] + half))
    return image


def noisy(width: int = 256, height: int = 256) -> Image.Image:
    pixels = np.random.default_rng(3).integers(1, 255, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def near(image: Image.Image, at: tuple[int, int], colour: tuple[int, int, int], tolerance: int = 6) -> bool:
    pixel = image.getpixel(at)
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, colour, strict=True))


def why(file: Path) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(str(file))
    assert str(file) in str(caught.value)
    return str(caught.value)


def bomb(side: int) -> bytes:
    """A PNG that claims side x side pixels in a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "TIFF", "GIF"])
def test_lossless_pictures_come_back_as_they_were(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.dat"
    quarters().save(file, kind, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.array_equal(np.asarray(open_picture(str(file))), np.asarray(quarters()))


@pytest.mark.parametrize("side", [10_000, 30_000])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: int) -> None:
    file = tmp_path / "bomb.png"
    file.write_bytes(bomb(side))
    start = time.process_time()
    assert "too large" in why(file) or "more than the 80,000,000" in why(file)
    assert time.process_time() - start < 1


def test_the_limit_is_the_callers(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    quarters().save(file)
    with pytest.raises(PictureError, match="64 x 64 pixels"):
        open_picture(str(file), max_pixels=4095)
    assert open_picture(str(file), max_pixels=4096).size == (64, 64)


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    page = tmp_path / "page.jpg"
    page.write_text("<!DOCTYPE html><html><body>404</body></html>")
    drawing = tmp_path / "drawing.png"
    drawing.write_text('<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>')
    nothing = tmp_path / "nothing.jpg"
    nothing.touch()
    noise = tmp_path / "noise.jpg"
    noise.write_bytes(bytes(range(256)))
    assert "web page" in why(page)
    assert "SVG" in why(drawing)
    assert "empty" in why(nothing)
    assert "known format" in why(noise)
    assert "folder" in why(tmp_path)
    assert "No such file" in why(tmp_path / "gone.jpg")
    assert picture_problem(str(page)) == why(page)


def test_a_name_no_file_can_have_is_told() -> None:
    assert "can't be read" in str(picture_problem("a\0b.jpg"))


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert "not a regular file" in why(tmp_path / "pipe.jpg")


def test_postscript_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "a.eps"
    quarters().save(file, "EPS")
    assert "known format" in why(file)


@pytest.mark.parametrize(
    ("turn", "corners"),
    [
        (1, (RED, GREEN, BLUE, WHITE)),
        (2, (GREEN, RED, WHITE, BLUE)),
        (3, (WHITE, BLUE, GREEN, RED)),
        (4, (BLUE, WHITE, RED, GREEN)),
        (5, (RED, BLUE, GREEN, WHITE)),
        (6, (BLUE, RED, WHITE, GREEN)),
        (7, (WHITE, GREEN, BLUE, RED)),
        (8, (GREEN, WHITE, RED, BLUE)),
    ],
)
def test_pictures_stand_upright(tmp_path: Path, turn: int, corners: tuple[tuple[int, int, int], ...]) -> None:
    file = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112] = turn
    quarters().save(file, quality=95, subsampling=0, exif=exif)
    image = open_picture(str(file))
    for at, colour in zip(((8, 8), (56, 8), (8, 56), (56, 56)), corners, strict=True):
        assert near(image, at, colour, 8)


def test_damaged_exif_does_not_cost_the_picture(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    quarters().save(file, exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert open_picture(str(file)).size == (64, 64)


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    quarters().convert("CMYK").save(file, quality=95)
    image = open_picture(str(file))
    assert image.mode == "RGB"
    assert near(image, (8, 8), RED, 12)
    assert near(image, (56, 56), WHITE, 12)


def test_sixteen_bits_keep_their_greys(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    grey = np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16)
    Image.fromarray(grey).save(file)
    assert np.asarray(open_picture(str(file)))[0].tolist() == [[v] * 3 for v in (0, 64, 128, 255)]


def test_floating_point_pictures_keep_their_greys(tmp_path: Path) -> None:
    file = tmp_path / "a.tiff"
    Image.fromarray(np.array([[0, 0.2, 1.0]], np.float32)).save(file)
    assert np.asarray(open_picture(str(file)))[0].tolist() == [[v] * 3 for v in (0, 51, 255)]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    layer = Image.new("RGBA", (4, 1), (0, 0, 0, 0))
    layer.putpixel((1, 0), (255, 0, 0, 255))
    layer.putpixel((2, 0), (0, 0, 0, 128))
    file = tmp_path / "a.png"
    layer.save(file)
    assert np.asarray(open_picture(str(file)))[0].tolist() == [list(WHITE), list(RED), [127] * 3, list(WHITE)]
    palette = tmp_path / "p.png"
    image = Image.new("P", (2, 1))
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.putpixel((1, 0), 1)
    image.save(palette, transparency=0)
    assert np.asarray(open_picture(str(palette)))[0].tolist() == [list(WHITE), list(RED)]
    grey = tmp_path / "la.png"
    Image.new("LA", (1, 1), (10, 0)).save(grey)
    assert np.asarray(open_picture(str(grey)))[0].tolist() == [list(WHITE)]


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_the_first_frame_of_an_animated_picture(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.dat"
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE)]
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=50)
    assert near(open_picture(str(file)), (5, 5), RED)


@pytest.mark.parametrize("share", [0.6, 0.9, 0.999])
def test_a_truncated_jpeg_is_read_as_far_as_it_goes(tmp_path: Path, share: float) -> None:
    file = tmp_path / "a.jpg"
    noisy().save(file, quality=90)
    whole = np.asarray(open_picture(str(file))).astype(int)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    read = np.asarray(open_picture(str(file))).astype(int)
    assert read.shape == whole.shape
    rows = int(256 * share) - 32  # the last lines of blocks may wait for bytes that never come
    assert np.abs(read[:rows] - whole[:rows]).mean() < 1


def test_rows_that_are_missing_are_white(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    noisy().save(file, quality=90)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) * 6 // 10])
    assert (np.asarray(open_picture(str(file)))[-64:] == 255).all()


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_jpeg_of_which_most_is_missing_is_named(tmp_path: Path, share: float) -> None:
    file = tmp_path / "a.jpg"
    noisy().save(file, quality=90)
    data = file.read_bytes()
    file.write_bytes(data[: int(len(data) * share)])
    assert "breaks off after" in why(file)


def test_a_progressive_jpeg_is_read_when_its_first_pass_is_there(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    smooth = noisy(16, 16).resize((256, 256), Image.Resampling.BICUBIC)
    smooth.save(file, quality=90, progressive=True)
    whole = np.asarray(smooth).astype(int)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    assert np.abs(np.asarray(open_picture(str(file))).astype(int) - whole).mean() < 20
    file.write_bytes(data[: len(data) // 20])
    assert "breaks off" in why(file)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "TIFF"])
def test_other_broken_pictures_are_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.dat"
    noisy().save(file, kind)
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    why(file)


def test_no_damage_ends_in_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    file = tmp_path / "a.dat"
    for kind in ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "JPEG2000"):
        out = BytesIO()
        noisy(48, 48).save(out, kind)
        for _ in range(40):
            data = bytearray(out.getvalue())
            for at in rng.integers(0, len(data), 12):
                data[at] = rng.integers(0, 256)
            file.write_bytes(data[: rng.integers(1, len(data) + 1)])
            try:
                assert open_picture(str(file)).mode == "RGB"
            except PictureError as error:
                assert str(file) in str(error)  # noqa: PT017


def test_a_draft_is_smaller_but_never_too_small(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    noisy(1000, 700).save(file)
    assert open_picture(str(file)).size == (1000, 700)
    small = open_picture(str(file), draft=224)
    assert min(small.size) >= 224
    assert small.width < 1000


def test_the_size_is_that_of_the_header(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("RGB", (30, 20)).save(file)
    assert picture_size(str(file)) == (30, 20)
    archive = tmp_path / "some-idx3-ubyte"
    archive.write_bytes(struct.pack(">4B3I", 0, 0, 8, 3, 2, 5, 7) + bytes(70))
    assert picture_size(f"{archive}#1") == (7, 5)
    file.write_text("<html>")
    with pytest.raises(PictureError, match="web page"):
        picture_size(str(file))


def test_stamp_and_hash_follow_the_content(tmp_path: Path) -> None:
    file, twin = tmp_path / "a.png", tmp_path / "b.png"
    quarters().save(file)
    twin.write_bytes(file.read_bytes())
    assert picture_hash(str(file)) == picture_hash(str(twin))
    assert picture_stamp(str(file)) != picture_stamp(str(twin))
    before = picture_stamp(str(file)), picture_hash(str(file))
    noisy(64, 64).save(file)
    assert picture_stamp(str(file)) != before[0]
    assert picture_hash(str(file)) != before[1]
    with pytest.raises(PictureError):
        picture_hash(str(tmp_path / "gone.png"))


def test_a_hash_sign_in_a_name_is_no_archive(tmp_path: Path) -> None:
    file = tmp_path / "shoe#7"
    quarters().save(file, "PNG")
    assert open_picture(str(file)).size == (64, 64)


def test_thumbnails_are_small_jpegs_of_the_same_shape(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    noisy(300, 150).save(file)
    small = Image.open(BytesIO(thumbnail(str(file), 100)))
    assert (small.format, small.size) == ("JPEG", (100, 50))
    quarters(20).save(file)
    assert Image.open(BytesIO(thumbnail(str(file), 100))).size == (20, 20)
