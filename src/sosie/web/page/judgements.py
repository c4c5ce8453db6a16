"""What people said of hits, kept in the store as `sosie evaluate` and `sosie train` read it.

`pairs.csv` holds products that were called alike or not, `words.csv` products that were called right or wrong for
words, `photos.csv` for photos, which lie in `photos/` beside it. A file has one row a judgement; who changes their mind
replaces it.
"""

import csv
from collections.abc import Mapping
from io import StringIO
from pathlib import Path

from filelock import FileLock

from sosie.errors import QuestionError
from sosie.store.files import explained, write_atomic

FOLDER = "judgements"
PHOTOS = "photos"
HEADS: Mapping[str, tuple[str, str]] = {
    "pairs": ("a", "b"),
    "words": ("query", "product"),
    PHOTOS: ("query", "product"),
}
FORMULA = "=+-@\t\r"  # a spreadsheet would run what begins so; readers drop the quote before it
WAIT = 10.0  # seconds for another process's judgement

Judged = Mapping[tuple[str, str], float]


def read_judgements(store: Path, kind: str) -> dict[tuple[str, str], float]:
    """Grades by what was judged: pairs of ids with the lesser first, or words and an id."""
    try:
        text = (store / FOLDER / f"{kind}.csv").read_text(encoding="utf-8")
    except OSError:
        return {}
    first, second = HEADS[kind]
    return {(_read(row[first]), _read(row[second])): float(row["grade"]) for row in csv.DictReader(StringIO(text))}


def judge(store: Path, kind: str, first: str, second: str, grade: float | None) -> None:
    """Keep a judgement, 0 not alike to 1 alike; None takes it back. Raises QuestionError, StoreError: disk full."""
    if first == second or not (grade is None or 0 <= grade <= 1):
        raise QuestionError("a judgement needs two different products and a grade from 0 to 1.")
    folder = store / FOLDER
    with explained(store, "keep a judgement"):
        folder.mkdir(exist_ok=True)
        with FileLock(folder / "write.lock", timeout=WAIT):
            judged = read_judgements(store, kind)
            judged.pop(key_of(kind, first, second), None)
            if grade is not None:
                judged[key_of(kind, first, second)] = grade
            write_atomic(folder / f"{kind}.csv", as_csv(kind, judged))


def keep_photo(store: Path, photo: Path) -> None:
    """Keep a photo that answers are judged for, beside the judgements. Raises StoreError: disk full."""
    file = store / FOLDER / photo_key(photo)
    if not file.is_file():
        with explained(store, "keep a photo"):
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, photo.read_bytes())


def photo_key(photo: Path) -> str:
    """What a photo is called in judgements: where it lies beside them."""
    return f"{PHOTOS}/{photo.name}"


def as_csv(kind: str, judged: Judged) -> bytes:
    """Judgements as a file."""
    out = StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HEADS[kind], "grade"])
    writer.writerows([safe(first), safe(second), f"{grade:g}"] for (first, second), grade in judged.items())
    return out.getvalue().encode(errors="replace")


def key_of(kind: str, first: str, second: str) -> tuple[str, str]:
    """What is judged, whichever way round a pair is named."""
    return (second, first) if kind == "pairs" and second < first else (first, second)


def safe(text: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(tuple(FORMULA)) else text


def _read(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(tuple(FORMULA)) else text
