"""Messages that the page on troubleshooting quotes are those of the code."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")


def test_quoted_messages_are_in_the_code():
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    quoted = [
        part for cell in re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE) for part in re.findall(r"`([^`]+)`", cell)
    ]
    pieces = [piece.strip() for message in quoted for piece in message.split("…") if len(piece.strip()) > 2]
    assert len(pieces) > 30
    assert [piece for piece in pieces if piece not in code] == []
