"""The site of the pages builds without a warning, holds every page, and asks no other host for anything."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", out],
        cwd=ROOT, capture_output=True, text=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return out


def test_every_page_is_there_and_found(site):
    menu = (site / "index.html").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
        assert f'href="{page.stem}.html"' in menu
    assert 'href="zh.html"' in menu


def test_nothing_comes_from_another_host(site):
    loaded = r"""<(?:script|link|img|iframe|source)[^>]+?(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)"""
    for page in site.glob("*.html"):
        found = re.findall(loaded, page.read_text(encoding="utf-8"))
        assert [one for one in found if "rel=canonical" not in one] == []


def test_links_lead_to_what_is_there(site):
    for page in site.glob("*.html"):
        text = page.read_text(encoding="utf-8")
        for link in re.findall(r'<a[^>]+href="([^"#]+)(?:#[^"]*)?"', text):
            if "://" not in link and page.name != "404.html":
                assert (site / link).exists(), f"{page.name}: {link}"


def test_the_page_of_the_api_is_up_to_date():
    page = runpy.run_path(str(DOCS / "generate_api.py"))["page"]()
    assert (DOCS / "api.md").read_text(encoding="utf-8") == page, "stale: run `make docs`"
