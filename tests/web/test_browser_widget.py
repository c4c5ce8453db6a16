"""The widget in a real browser, on a page of another origin than the service's."""

import contextlib
import http.server
import re
import sys
import threading
from functools import partial
from importlib.resources import files
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

import sosie
from sosie.config import parse_config
from sosie.web.keys import add_key

sys.path.append(str(Path(__file__).parent))

from browsing import chromium, faults, server

OFF = ("image", "text", "attributes", "reviews")
POLICY = "default-src 'none'; script-src {0}; connect-src {0}; img-src {0} blob: data:; style-src 'self'"
PAGE = """<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>A shop</title>
<meta http-equiv="Content-Security-Policy" content="{policy}"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/shop.css"><script src="{service}/widget.js" async></script></head>
<body><main><h1>Red mug</h1><div class="far"></div>{widget}</main></body></html>"""
CSS = ".far { height: 3000px } .near .far { height: 0 } sosie-similar::part(title) { color: rgb(1, 2, 3) }"


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves the texts it was given."""

    def __init__(self, pages, *args):
        self.pages = pages
        super().__init__(*args)

    def do_GET(self):
        kind = "text/css" if self.path.endswith(".css") else "text/html"
        content = self.pages.get(self.path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.end_headers()
        self.wfile.write((content or "").encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def pages():
    """Pages of a shop by their path; they are served at `pages.address`."""

    class Shop(dict):
        address = ""

    found = Shop({"/shop.css": CSS})
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Pages, found))
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    found.address = f"http://127.0.0.1:{httpd.server_port}"
    yield found
    httpd.shutdown()


@pytest.fixture(scope="module")
def service(pages, tmp_path_factory):
    """A service with keys on that the shop's pages may call: its address and a key that may read."""
    home = tmp_path_factory.mktemp("widget")
    rows = ["id,title,price,category,image,url"]
    for at, colour in enumerate(("red", "blue", "yellow", "green")):
        Image.new("RGB", (48, 48), colour).save(home / f"{at}.png")
        url = "javascript:alert(1)" if at == 1 else f"https://shop.example/p{at}"
        rows.append(f"p{at},{colour} mug <3,{5 + at} EUR,Kitchen > Mugs,{at}.png,{url}")
    (home / "catalogue.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    settings = {"signals": {name: {"enabled": False} for name in OFF}}
    settings["serve"] = {"keys": "on", "origins": [pages.address], "deadline": 120.0}
    sosie.build(home / "catalogue.csv", home / "store", config=parse_config(settings, "the test"))
    key = add_key(home / "store", "shop", "read")
    with server(home / "store") as address:
        yield address, key


@pytest.fixture(scope="module")
def browser():
    file = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=file, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextlib.contextmanager
def shown(browser, pages, service, lang="en", **attributes):
    """A page of the shop with the widget; what the browser complains of fails the test."""
    address, key = service
    told = {"product": "p0", "key": key} | attributes
    widget = f"<sosie-similar {' '.join(f'{name}={value!r}' for name, value in told.items())}></sosie-similar>"
    pages["/"] = PAGE.format(lang=lang, service=address, widget=widget, policy=POLICY.format(address))
    context = browser.new_context(base_url=pages.address, locale="en-GB")
    page = context.new_page()
    page.wrong, page.asked = [], []
    page.on("console", lambda said: page.wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    page.on("request", lambda asked: page.asked.append(asked.url))
    page.goto("/")
    yield page
    context.close()
    assert page.wrong == []
    assert all(url.startswith((address, pages.address, "data:", "blob:")) for url in page.asked)


def near(page):
    """Bring the widget's place into the window."""
    page.evaluate("document.body.classList.add('near')")
    page.locator("sosie-similar .card").first.wait_for()


def test_it_is_small():
    assert len(files("sosie.web.widget").joinpath("widget.js").read_bytes()) < 10_000


def test_look_alikes_come_when_they_are_near(browser, pages, service):
    with shown(browser, pages, service, limit="2") as page:
        page.wait_for_load_state("networkidle")
        assert not any("/v1/" in url for url in page.asked)
        near(page)
        assert page.get_by_role("region", name="Similar products").get_by_role("listitem").count() == 2
        title = page.locator("sosie-similar .title").first
        assert "<3" in title.inner_text()  # shown as text
        assert title.evaluate("one => getComputedStyle(one).color") == "rgb(1, 2, 3)"
        assert re.search(r"€\d\.00", page.locator("sosie-similar .price").first.inner_text())
        pictures = page.locator("sosie-similar img")
        for at in range(2):
            expect(pictures.nth(at)).to_have_attribute("src", re.compile("^blob:"))
        assert pictures.evaluate_all(
            "all => Promise.all(all.map(one => one.decode().then(() => one.naturalWidth)))"
        ) == [
            48,
            48,
        ]
        box = pictures.first.bounding_box()
        assert box["width"] == pytest.approx(box["height"])
        assert faults(page) == []


def test_by_keyboard_and_the_event(browser, pages, service):
    with shown(browser, pages, service, link="/products/{id}") as page:
        near(page)
        page.evaluate(
            "addEventListener('sosie-select', event => {event.preventDefault(); window.chosen = event.detail.id})"
        )
        page.keyboard.press("Tab")
        first = page.locator("sosie-similar .card").first
        assert first.evaluate("one => one === document.querySelector('sosie-similar').shadowRoot.activeElement")
        wanted = re.search(r"/products/(p\d)$", first.get_attribute("href"))[1]
        page.keyboard.press("Enter")
        assert page.evaluate("window.chosen") == wanted
        assert page.url == f"{pages.address}/"


def test_an_address_that_is_a_script_is_no_link(browser, pages, service):
    with shown(browser, pages, service) as page:
        near(page)
        links = page.locator("sosie-similar a").evaluate_all("all => all.map(one => one.href)")
        assert sorted(links) == ["https://shop.example/p2", "https://shop.example/p3"]
        assert page.locator("sosie-similar button").count() == 1


def test_the_page_s_language_and_another_product(browser, pages, service):
    with shown(browser, pages, service, lang="zh-CN") as page:
        near(page)
        assert page.get_by_role("heading", name="相似商品").count() == 1
        before = page.locator("sosie-similar .title").all_inner_texts()
        page.evaluate("document.querySelector('sosie-similar').setAttribute('product', 'p3')")
        page.locator("sosie-similar .title", has_text="red").wait_for()
        assert page.locator("sosie-similar .title").all_inner_texts() != before


def test_nothing_is_shown_where_nothing_is_alike(browser, pages, service):
    with shown(browser, pages, service, where="price > 999") as page:
        with page.expect_response(lambda got: "/similar" in got.url):
            page.evaluate("document.body.classList.add('near')")
        page.wait_for_load_state("networkidle")
        assert page.locator("sosie-similar").evaluate("one => one.shadowRoot.childElementCount") == 0
        assert page.locator("sosie-similar").bounding_box()["height"] == 0


def test_a_key_that_is_none_leaves_the_page_as_it_is(browser, pages, service):
    with shown(browser, pages, service, key="sosie_wrong") as page:
        with page.expect_console_message(lambda said: said.text.startswith("sosie-similar: this key is unknown")):
            page.evaluate("document.body.classList.add('near')")
        assert page.locator("sosie-similar").evaluate("one => one.shadowRoot.childElementCount") == 0
        page.wrong.clear()  # told in the console, and nowhere else


def test_the_example_of_a_single_page(browser, pages, service):
    address, key = service
    example = (Path(__file__).parents[2] / "examples" / "single_page.html").read_text(encoding="utf-8")
    pages["/single"] = example.replace("http://127.0.0.1:8600", address).replace('KEY = ""', f'KEY = "{key}"')
    page = browser.new_page(base_url=pages.address)
    wrong = []
    page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto("/single")
    page.get_by_label("Search").fill("yellow")
    page.locator("#found a", has_text="yellow").click()
    card = page.locator("sosie-similar .card").first
    chosen = card.locator(".title").inner_text()
    card.click()
    expect(page.locator("#chosen")).to_have_text(chosen)
    assert page.url.startswith(f"{pages.address}/single#")
    assert faults(page) == []
    page.close()
    assert wrong == []
