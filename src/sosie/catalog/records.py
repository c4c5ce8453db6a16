"""Formats whose records name their own fields: JSON (lines, or one list) and the XML of Google's feeds."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sosie.catalog.encoding import NUL, UNDECODED, open_bytes, recognise_encoding, sample, utf8_blocks
from sosie.catalog.frames import MORE, ROW, Chunk, Table, empty
from sosie.errors import CatalogueError
from sosie.types import Reject

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CHUNK = 20_000  # records
KNOWN = 5_000  # records whose fields become columns
LONGEST = 8 << 20  # characters of one record
RAW = 2_000
Record = Mapping[str, object] | Reject


def read_json(file: Path) -> Table:
    """Open JSON lines, a JSON list of objects, or an object that begins with such a list. Raises CatalogueError."""
    encoding = recognise_encoding(file, sample(file))
    start = next(utf8_blocks(file, encoding)).decode("utf-8").lstrip("\ufeff \t\r\n")
    inner = re.match(r'\{\s*"[^"]{1,60}"\s*:\s*(?=\[\s*\{)', start)
    whole_line = _parsed(start.split("\n", 1)[0])
    listed = start.startswith("[") or (inner is not None and whole_line is None)

    def records() -> Iterator[Record]:
        return _listed(file, encoding) if listed else _lines(file, encoding)

    return _table("JSON" if listed else "JSON lines", encoding.removesuffix("-sig"), records)


def _lines(file: Path, encoding: str) -> Iterator[Record]:
    number = 0
    rest = ""
    skipping = False
    for block in utf8_blocks(file, encoding):
        text = rest + block.decode("utf-8")
        lines = text.split("\n")
        rest = lines.pop()
        if skipping and lines:
            lines, skipping = lines[1:], False
        for line in lines:
            if line.strip():
                number += 1
                yield _line(number, line)
        if skipping:
            rest = ""
        elif len(rest) > LONGEST:
            number += 1
            yield Reject(number, "", f"the record is longer than {LONGEST >> 20} MB", rest[:RAW])
            rest, skipping = "", True
    if rest.strip():
        yield _line(number + 1, rest)


def _line(number: int, line: str) -> Record:
    if UNDECODED in line:
        raw = line.replace(UNDECODED, "�")[:RAW]
        return Reject(number, "", "holds bytes that are not text in the file's encoding", raw)
    try:
        value = _loads(line.replace(NUL, ""))
    except (ValueError, RecursionError) as error:
        return Reject(number, "", f"is not valid JSON ({error})"[:300], line[:RAW])
    return value if isinstance(value, dict) else Reject(number, "", "is not a JSON object", line[:RAW])


def _listed(file: Path, encoding: str) -> Iterator[Record]:
    decoder = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str, strict=False)
    blocks = utf8_blocks(file, encoding)
    text = next(blocks).decode("utf-8")
    at = text.index("[") + 1
    number = 0
    while True:
        found = re.compile(r"[\s,]*").match(text, at)
        at = found.end() if found else at
        if text[at : at + 1] == "]":
            return
        try:
            value, end = decoder.raw_decode(text, at)
            if end == len(text):
                raise ValueError("may go on in the next block")
        except (ValueError, RecursionError) as error:
            more = next(blocks, b"").decode("utf-8")
            if not more or len(text) - at > 2 * LONGEST:
                raise CatalogueError(
                    f"{file}: is not valid JSON after record {number} ({error}); nothing behind it can be read."
                ) from error
            text, at = text[at:] + more, 0
            continue
        number += 1
        yield value if isinstance(value, dict) else Reject(number, "", "is not a JSON object", str(value)[:RAW])
        at = end


def _loads(text: str) -> object:
    # Numbers stay as they are written: an id of twenty digits is no float, a price of 1.10 not 1.1.
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str, strict=False)


def _parsed(text: str) -> object | None:
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        return None


def read_feed(file: Path) -> Table:
    """Open a product feed in RSS or Atom with Google's `g:` fields. Raises CatalogueError."""
    head = sample(file)[:2_000].lower()
    if b"<html" in head or b"<!doctype html" in head:
        raise CatalogueError(f"{file}: is a web page (HTML), not a product feed.")
    return _table("Google Merchant feed (XML)", "", lambda: _items(file))


def _items(file: Path) -> Iterator[Record]:
    from xml.etree.ElementTree import ParseError

    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    number = 0
    stack: list[Element] = []
    with open_bytes(file) as stream:
        try:
            for event, element in iterparse(stream, events=("start", "end"), forbid_dtd=True):
                if event == "start":
                    stack.append(element)
                    continue
                stack.pop()
                if _local(element.tag) in {"item", "entry", "product"} and len(element):
                    number += 1
                    yield _fields(element)
                    element.clear()
                    if stack:
                        stack[-1].remove(element)
        except ParseError as error:
            raise CatalogueError(
                f"{file}: is not valid XML after product {number} ({error}); nothing behind it can be read."
            ) from error
        except DefusedXmlException as error:  # a ValueError: has to come before the encodings' own
            raise CatalogueError(
                f"{file}: defines entities or a document type, which no feed needs ({error})."
            ) from error
        except (ValueError, LookupError, OSError, EOFError) as error:
            raise CatalogueError(
                f"{file}: can't be read after product {number} ({error}); save it as UTF-8."
            ) from error
    if not number:
        raise CatalogueError(f"{file}: holds no <item> (RSS) nor <entry> (Atom).")


def _fields(item: "Element") -> dict[str, object]:
    out: dict[str, object] = {}
    for child in item:
        name = _local(child.tag)
        value: object = child.text or child.get("href") or ""
        if len(child):
            value = {_local(inner.tag): (inner.text or "").strip() for inner in child}
        elif isinstance(value, str):
            value = value.strip()
        if name in out:
            earlier = out[name]
            out[name] = [*earlier, value] if isinstance(earlier, list) else [earlier, value]
        else:
            out[name] = value
    return out


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _table(format: str, encoding: str, records: Callable[[], Iterator[Record]]) -> Table:
    seen: dict[str, None] = {}
    for record in islice(records(), KNOWN):
        if not isinstance(record, Reject):
            seen.update(dict.fromkeys(record))
    names = {key: " ".join(key.split()) or "(nameless)" for key in seen}
    columns = (*dict.fromkeys(names.values()), MORE)

    def chunks() -> Iterator[Chunk]:
        number = 0
        stream = records()
        while block := list(islice(stream, CHUNK)):
            cells: dict[str, list[str]] = {name: [] for name in columns}
            rows: list[int] = []
            rejects: list[Reject] = []
            for record in block:
                number += 1
                if isinstance(record, Reject):
                    rejects.append(record)
                    continue
                rows.append(number)
                more = {}
                for key, value in record.items():
                    name = names.get(key)
                    if name is None:
                        more[key] = value
                    elif len(cells[name]) < len(rows):
                        cells[name].append(_cell(value))
                if more:
                    cells[MORE].append(json.dumps(more, ensure_ascii=False))
                for values in cells.values():
                    if len(values) < len(rows):
                        values.append("")
            frame = pl.DataFrame(cells, schema=dict.fromkeys(columns, pl.String)) if rows else empty(columns).drop(ROW)
            yield Chunk(frame.with_columns(pl.Series(ROW, rows, pl.Int64)), rejects)

    return Table(format, columns, chunks, encoding)


def _cell(value: object) -> str:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
