"""The encoding of a text file, and its text as UTF-8 blocks."""

import codecs
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from sosie.errors import CatalogueError

BLOCK = 8 << 20
SAMPLE = 4 << 20
SPOTS = 32  # places of a large file that are looked at
SPOT = 64 << 10
GZIP = b"\x1f\x8b"
UNDECODED = "\ufdd0"  # stands for bytes that are not text in the file's encoding
NUL = "\ufdd1"  # stands for a NUL
_BINARY = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
    b"%PDF": "a PDF",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"SQLite format 3": "an SQLite database",
}


def _mark(error: UnicodeError) -> tuple[str, int]:
    # Named in the record it stands in, instead of making the whole file unreadable.
    return UNDECODED, cast(UnicodeDecodeError, error).end


codecs.register_error("sosie-mark", _mark)


def open_bytes(file: Path) -> IO[bytes]:
    """Open a file, unpacking gzip. Raises CatalogueError."""
    try:
        stream = file.open("rb")
        packed = stream.read(2) == GZIP
        stream.seek(0)
    except OSError as error:
        raise CatalogueError(f"{file}: can't be read ({error.strerror}).") from error
    return cast(IO[bytes], gzip.open(stream)) if packed else stream


def sample(file: Path) -> bytes:
    """The beginning of a file, unpacked. Raises CatalogueError for an empty or binary file."""
    with open_bytes(file) as stream:
        try:
            head = stream.read(SAMPLE)
        except (OSError, EOFError) as error:
            raise CatalogueError(f"{file}: is damaged ({error}).") from error
    if not head.strip(b"\0 \t\r\n\xef\xbb\xbf"):
        raise CatalogueError(f"{file}: is empty.")
    for magic, what in _BINARY.items():
        if head.startswith(magic):
            raise CatalogueError(f"{file}: is {what}.")
    return head


def recognise_encoding(file: Path, head: bytes) -> str:
    """Name of the encoding, as Python knows it: utf-8(-sig), utf-16(-le, -be), gb18030 or cp1252.

    What is valid UTF-8 is UTF-8. Otherwise GB18030 and Latin-1 are told apart by whether the pairs of
    high bytes are everyday Chinese characters: nearly any bytes are *valid* GB18030.
    """
    for bom, name in ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if head.startswith(bom):
            return name
    even, odd = head[:4096:2].count(0), head[1:4096:2].count(0)
    half = len(head[:4096]) // 2
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    if even > 0.4 * half and odd < 0.1 * half:
        return "utf-16-be"
    parts = [head, *_spots(file)]
    good = bad = 0
    for part in parts:
        text = _trimmed(part).decode("utf-8", "sosie-mark")
        marks = text.count(UNDECODED)
        bad += marks
        good += len(text) - marks - sum(map(str.isascii, text)) if marks or not text.isascii() else 0
    if bad == 0 or good > 10 * bad:
        return "utf-8"
    return "gb18030" if _chinese(b"\n".join(parts)) else "cp1252"


def _spots(file: Path) -> Iterator[bytes]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= SAMPLE or stream.read(2) == GZIP:
            return
        for at in range(1, SPOTS + 1):
            stream.seek(SAMPLE + (size - SAMPLE) * at // (SPOTS + 1))
            yield stream.read(SPOT)


def _trimmed(part: bytes) -> bytes:
    """Without the halves of characters that a cut left at both ends."""
    start = 0
    while start < min(3, len(part)) and part[start] & 0xC0 == 0x80:
        start += 1
    for back in range(1, min(4, len(part)) + 1):
        byte = part[-back]
        if byte & 0xC0 != 0x80:
            need = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
            return part[start:-back] if back < need else part[start:]
    return part[start:]


def _chinese(data: bytes) -> bool:
    pairs = common = 0
    at, end = 0, len(data) - 1
    while at < end and pairs < 20_000:
        first = data[at]
        if first < 0x80:
            at += 1
            continue
        second = data[at + 1]
        pairs += 1
        # GB2312: punctuation and full-width forms (rows A1-A3), then characters by frequency (B0-F7).
        if (0xA1 <= first <= 0xA3 or 0xB0 <= first <= 0xF7) and second >= 0xA1:
            common += 1
            at += 2
        else:
            at += 2 if second >= 0x40 else 1
    return common > 0.7 * pairs


def utf8_blocks(file: Path, encoding: str) -> Iterator[bytes]:
    """The text of a file as UTF-8 in blocks, without byte-order mark, lines ended by LF.

    Bytes that are not text become UNDECODED, NULs become NUL. Raises CatalogueError where the file breaks off.
    """
    decoder = codecs.getincrementaldecoder(encoding)("sosie-mark")
    latin = encoding == "cp1252"
    old_mac: bool | None = None
    with open_bytes(file) as stream:
        while True:
            try:
                raw = stream.read(BLOCK)
            except (OSError, EOFError) as error:
                raise CatalogueError(f"{file}: is damaged or breaks off ({error}).") from error
            text = decoder.decode(raw, final=not raw)
            if latin and UNDECODED in text:
                text = text.replace(UNDECODED, "")  # five bytes that Windows leaves undefined
            if text:
                if old_mac is None:
                    old_mac = "\r" in text and "\n" not in text
                if old_mac:
                    text = text.replace("\r", "\n")
                if "\0" in text:
                    text = text.replace("\0", NUL)
                yield text.encode("utf-8", "replace")
            if not raw:
                return
