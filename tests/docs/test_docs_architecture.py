"""The page on architecture names the rooms and the files that there are."""

import configparser
import re
from fnmatch import fnmatch
from pathlib import Path

from sosie.config import BuildSettings, IndexSettings
from sosie.engine import candidates, writing

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def block(name):
    return re.search(rf"<!-- {name} -->\n```text\n(.*?)```", PAGE, re.DOTALL)[1]


def test_rooms_are_those_that_are_checked():
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter", encoding="utf-8")
    layers = parser["importlinter:contract:rooms"]["layers"].replace("sosie.", "").split("\n")
    told = [re.split(r" {2,}", line)[0] for line in block("layers").splitlines()]
    assert told == [" ".join(layer.split()) for layer in layers if layer.strip()]


def test_numbers_are_those_of_the_code():
    told = " ".join(PAGE.split())
    assert f"at most {candidates.EXACT_ROWS:,}, or {candidates.EXACT_SHARE:.0%} of the store" in told
    assert f"`index.codes_from` ({IndexSettings().codes_from:,})" in told
    assert f"`index.graph_from` ({IndexSettings().graph_from:,})" in told
    assert f"more than {writing.LEAST_DELTA} products and a tenth of the store" in told
    assert BuildSettings().merge_share == 0.1


def test_every_file_of_a_store_is_named(shop):
    told = set()
    stem = ""
    for line in block("store").splitlines():
        for word in re.split(r" {3,}", line.strip())[0].split():
            stem = stem if word.startswith(".") else word.split(".")[0]
            told.add(
                (stem + word if word.startswith(".") else word).rstrip("/").replace("-S.", "-*.").replace("N", "*")
            )
    files = [file for file in shop.folder.rglob("*") if file.is_file() and "encoders" not in file.parts]
    names = {re.sub(r"\.sqlite-(wal|shm)$", ".sqlite", str(file.relative_to(shop.folder))) for file in files}
    unnamed = {name for name in names if not any(fnmatch(name, one) or fnmatch(Path(name).name, one) for one in told)}
    assert not unnamed
