"""A real server process and a real browser, for the tests of the page."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
MISSING = "NO BROWSER: the page is NOT tested. Install Debian's chromium, or set CHROMIUM to a browser's file."


def chromium():
    """Path of a Chromium; the test is skipped where there is none."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        pytest.skip(MISSING)
    return found


@contextlib.contextmanager
def server(store):
    """The address of `sosie serve` over a store, as a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", "from sosie.cli import main; main()", "serve"]
    log = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe that nobody reads would fill up and stop the server
    process = subprocess.Popen(
        [*command, "--store", str(store), "--port", str(port)], stdout=subprocess.DEVNULL, stderr=log
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{address}/ready", timeout=5).close()
                break
            if process.poll() is not None:
                log.seek(0)
                pytest.fail(f"sosie serve ended: {log.read().decode()[-2000:]}")
            time.sleep(0.1)
        for path in ("/?text=warm", "/map"):  # encoders are opened by the first question: on a busy machine it gives up
            for _ in range(20):
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(address + path, timeout=60).close()
                    break
        yield address
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:  # how it ends is another test's matter
            process.kill()
            process.wait()
        log.close()


@contextlib.contextmanager
def opened(browser, address, size="desktop", lang="en", **more):
    """A fresh browser window. What its pages complain of, or ask of other hosts, fails the test."""
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        locale={"en": "en-GB", "zh": "zh-CN"}[lang],
        has_touch=size == "phone",
        base_url=address,
        **more,
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    wrong = []
    page.on("console", lambda said: wrong.append(f"console: {said.text}") if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
    own = (address, "data:", "blob:")
    page.on("request", lambda asked: None if asked.url.startswith(own) else wrong.append(asked.url))
    page.wrong = wrong
    yield page
    context.close()
    assert wrong == []


def faults(page):
    """What axe-core finds serious or critical on a page."""
    import axe_playwright_python

    source = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(source)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]
