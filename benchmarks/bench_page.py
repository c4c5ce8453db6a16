"""The page in a real browser: bytes and largest contentful paint of a first visit, frames a second of a map of 100,000.

    python benchmarks/bench_page.py --folder /somewhere/with/2GB [--store STORE] [--points 100000] [--out FILE]

`--store` is a shop with pictures (else one with drawn pictures is made). A visit begins without a cache. Needs Chromium
(CHROMIUM names its file).
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, Response, sync_playwright

from bench_serve import ours
from serving import shops
from synthetic import SIGNALS, Table, store_of, structured

VISITS = 7
SECONDS = 4.0  # of panning
PAINT = """() => new Promise((done) => {
  let last = 0;
  new PerformanceObserver((list) => { for (const one of list.getEntries()) last = one.startTime; })
    .observe({ type: "largest-contentful-paint", buffered: true });
  setTimeout(() => done(last), 1500);
})"""
COUNT = """() => {
  window.frames_ = []; window.counting_ = true;
  const step = (at) => { window.frames_.push(at); if (window.counting_) requestAnimationFrame(step); };
  requestAnimationFrame(step);
}"""


@contextmanager
def visit(browser: Browser, port: int) -> Iterator[Page]:
    """A window without a cache."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=f"http://127.0.0.1:{port}")
    page = context.new_page()
    yield page
    context.close()


def first_page(table: Table, browser: Browser, port: int, name: str, path: str) -> None:
    """Bytes as they came over the wire, and what the browser observed of its painting."""
    paints, own, pictures = [], 0, 0
    with visit(browser, port) as page:  # encoders and thumbnails are made by whoever comes first
        page.goto(path, wait_until="networkidle")
    for _ in range(VISITS):
        answers: list[Response] = []
        with visit(browser, port) as page:
            page.on("response", lambda one, answers=answers: answers.append(one))
            page.goto(path, wait_until="load")
            paints.append(page.evaluate(PAINT))
            sizes = [(urlsplit(one.url).path, one.request.sizes()) for one in answers]
        weights = [(way.startswith("/pictures/"), s["responseBodySize"] + s["responseHeadersSize"]) for way, s in sizes]
        own = sum(size for product, size in weights if not product)
        pictures = sum(size for product, size in weights if product)
    table.add(f"{name}: bytes without product pictures", own / 1000, "kB", "≤ 300", pictures_kB=pictures / 1000)
    table.add(
        f"{name}: largest contentful paint", statistics.median(paints) / 1000, "s", "≤ 1", worst=max(paints) / 1000
    )


def panning(table: Table, browser: Browser, port: int, points: int) -> None:
    """Frames a second while a pointer drags the map to and fro, zoomed in and as a whole."""
    with visit(browser, port) as page:
        page.goto("/map", wait_until="networkidle")
        box = page.locator("canvas").first.bounding_box()
        assert box is not None
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.mouse.move(*middle)
        for zoom in ("whole", "zoomed in"):
            if zoom == "zoomed in":
                for _ in range(4):
                    page.mouse.wheel(0, -300)
                page.wait_for_timeout(500)
            page.mouse.down()
            page.evaluate(COUNT)
            until, at = time.monotonic() + SECONDS, 0
            while time.monotonic() < until:
                at += 1
                page.mouse.move(middle[0] + 150 * (1 - abs(at % 80 - 40) / 20), middle[1] + (at % 30) - 15)
            frames = page.evaluate("() => { window.counting_ = false; return window.frames_; }")
            page.mouse.up()
            gaps = sorted(after - before for before, after in pairwise(frames))
            table.add(
                f"map of {points:,} points, {zoom}: frames while panning",
                1000 * len(gaps) / sum(gaps),
                "a second",
                "≥ 30",
                slowest_ms=gaps[-1],
                p95_ms=gaps[int(0.95 * len(gaps))],
            )


def drawn(table: Table, port: int, points: int) -> None:
    """Wait until the map is laid out."""
    started = time.perf_counter()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/map", headers={"Accept": "application/json"})
    while "clusters" not in json.loads(urllib.request.urlopen(request, timeout=60).read()):
        time.sleep(0.5)
    table.add(f"map of {points:,} points: laid out in", time.perf_counter() - started, "s", "–")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--out", type=Path, help="a JSON file for the figures")
    args = parser.parse_args()
    file = os.environ.get("CHROMIUM") or shutil.which("chromium") or sys.exit("There is no Chromium.")
    table = Table()
    shop = args.store or shops.words_shop(args.folder, 5_000)[0].folder
    cloud = store_of(args.folder / f"map-{args.points}", args.points, SIGNALS, structured)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=file, args=["--no-sandbox"])
        with ours(shop, 1) as (port, _):
            first_page(table, browser, port, "first page", "/")
            first_page(table, browser, port, "search by words", "/?text=red+dress")
        with ours(cloud.folder, 1) as (port, _):
            drawn(table, port, args.points)
            panning(table, browser, port, args.points)
        browser.close()
    if args.out:
        args.out.write_text(json.dumps({"rows": table.rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
