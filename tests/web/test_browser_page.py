"""The main road of each view in a real browser: both languages, phone and desktop, with and without script."""

import base64
import io
import os
import shutil
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from PIL import Image
from playwright.sync_api import expect, sync_playwright

sys.path.append(str(Path(__file__).parent))

from browsing import chromium, faults, opened, server

WAYS = [(size, lang) for size in ("desktop", "phone") for lang in ("en", "zh")]
PATHS = [
    "/",
    "/?text=mug&like=p0&only.color=red",
    "/?text=x&price_from=9999",
    "/products/p0?beside=p5",
    "/products/nope",
    "/map",
    "/catalogue",
    "/quality?like=p0&b.weight.colour=3",
]
SHOTS = "SOSIE_SCREENSHOTS"
SAID = {
    "en": {"ranked": "ranked by likeness", "compare": "Compare", "search_part": "Search this part"},
    "zh": {"ranked": "按相似度排序", "compare": "对比", "search_part": "搜索这一部分"},
}


@pytest.fixture(scope="module")
def browser():
    file = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=file, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def address(browser, store, tmp_path_factory):
    own = tmp_path_factory.mktemp("browsed") / "store"
    shutil.copytree(store, own)
    with server(own) as address:
        yield address


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    """The left half red, the right half blue."""
    both = Image.new("RGB", (400, 300), "red")
    both.paste("blue", (200, 0, 400, 300))
    file = tmp_path_factory.mktemp("photo") / "both.png"
    both.save(file)
    return file


def asked(page):
    return parse_qs(urlsplit(page.url).query)


def titles(page):
    return page.locator("#answers h3").all_inner_texts()


def refine(page):
    """Open the panel where it isn't beside the answers."""
    opener = page.locator(".ask button[popovertarget=refine]")
    if opener.is_visible() and not page.locator("#refine").is_visible():
        opener.click()


def close(page):
    closer = page.locator("#refine button[popovertargetaction=hide]")
    if closer.is_visible():
        closer.click()


@pytest.mark.parametrize(("size", "lang"), WAYS)
class TestRoads:
    def test_search_by_words_weights_and_filters(self, browser, address, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/")
            page.evaluate("window.same = true")
            page.locator("#ask input[name=text]").fill("red mug")
            page.keyboard.press("Enter")
            page.get_by_text(SAID[lang]["ranked"]).wait_for()
            assert asked(page) == {"text": ["red mug"]}
            assert "red" in titles(page)[0]
            refine(page)
            slider = page.locator("#w-exact")
            slider.focus()
            page.keyboard.press("Home")  # off
            page.wait_for_url(lambda url: "weight.exact=0" in url)
            assert slider.evaluate("one => one === document.activeElement")
            page.locator("#facets a", has_text="yellow").click()
            page.wait_for_url(lambda url: "only.color=yellow" in url)
            page.locator("#answers h3", has_text="yellow").first.wait_for()
            assert all("yellow" in title for title in titles(page))
            close(page)
            page.locator(".pill.filter .away").click()
            page.wait_for_url(lambda url: "yellow" not in url)
            assert page.evaluate("window.same")  # never loaded anew
            page.go_back()
            page.wait_for_url(lambda url: "yellow" in url)
            page.locator(".pill.filter").wait_for()
            with page.expect_navigation():
                page.reload()
            assert all("yellow" in title for title in titles(page))  # the address holds it all

    def test_search_with_a_photo_and_a_part_of_it(self, browser, address, photo, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/?weight.image=0")
            page.locator("#file").set_input_files(photo)
            page.locator(".pic img").wait_for()
            assert len(asked(page)["picture"][0]) == 32
            page.locator("#crop-open").click()
            page.locator("#crop svg").wait_for()
            for key in ["Shift+ArrowLeft"] * 14 + ["ArrowRight"] * 30:
                page.keyboard.press(key)
            page.get_by_role("button", name=SAID[lang]["search_part"]).click()
            page.wait_for_url(lambda url: "crop=" in url)
            left, top, width, height = map(int, asked(page)["crop"][0].split(","))
            assert (left + width, left >= 500, top, height) == (1000, True, 150, 700)
            page.locator("#answers h3", has_text="blue").first.wait_for()
            assert "blue" in titles(page)[0]

    def test_more_and_less_like_a_hit(self, browser, address, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/?like=p0")
            first, second = (page.locator("#answers li").nth(at).get_attribute("data-id") for at in (0, 1))
            page.locator("#answers li").nth(0).hover()
            page.locator("#answers .round").nth(0).click()
            page.wait_for_url(lambda url: url.count("like=") == 2)
            assert asked(page)["like"] == ["p0", first]
            page.locator(f"#answers li[data-id='{second}']").hover()
            page.locator(f"#answers li[data-id='{second}'] .round").nth(1).click()
            page.locator(".pill.unlike").wait_for()
            assert asked(page)["unlike"] == [second]
            assert page.locator(f"#answers li[data-id='{second}']").count() == 0

    def test_a_product_a_thumb_and_two_side_by_side(self, browser, address, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/?like=p0")
            page.locator("#answers .open").first.click()
            page.locator(".product h1").wait_for()
            thumb = page.locator(".thumbs button").first
            before = thumb.get_attribute("aria-pressed")
            thumb.click()
            expect(thumb).not_to_have_attribute("aria-pressed", before)
            page.reload()
            assert page.locator(".thumbs button").first.get_attribute("aria-pressed") != before
            page.get_by_text(SAID[lang]["compare"]).first.click()
            page.locator("#compared").wait_for()
            assert page.locator("#compared mark").count() > 0


@pytest.mark.parametrize(("size", "lang"), [("desktop", "en"), ("phone", "zh")])
class TestOtherViews:
    def test_an_area_of_the_map_is_chosen_and_exported(self, browser, address, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/map")
            page.locator("#plane[data-ready]").wait_for()
            assert page.locator("#legend li").all_inner_texts() == ["Shirts", "Mugs", "Lamps"]
            page.locator("select[name=colour]").select_option("cluster")
            page.wait_for_url(lambda url: "colour=cluster" in url)
            page.locator("#lasso").click()
            box = page.locator("#plane canvas").bounding_box()
            corners = [(0.02, 0.02), (0.98, 0.02), (0.98, 0.98), (0.02, 0.98)]
            page.mouse.move(box["x"] + 4, box["y"] + 4)
            page.mouse.down()
            for x, y in corners:
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=3)
            page.mouse.up()
            page.locator("#list .lines li").first.wait_for()
            with page.expect_download() as export:
                page.locator("#export").click()
            lines = Path(export.value.path()).read_text().splitlines()
            assert lines[0] == "id,title,price,currency,brand,category"
            assert len(lines) > 20
            page.locator("#plane canvas").focus()
            page.keyboard.press("+")
            page.wait_for_url(lambda url: "at=" in url)

    def test_a_catalogue_is_seen_corrected_and_brought_in(self, browser, address, tmp_path, size, lang):
        file = tmp_path / "more.csv"
        file.write_text(f"id,title,price,kind\nnew-{size},violet hat,9.50 EUR,Home > Hats\n")
        with opened(browser, address, size, lang) as page:
            page.goto("/catalogue")
            page.locator("input[type=file]").set_input_files(file)
            page.locator(".upload button").click()
            page.locator("select[name='as.kind']").select_option("category")
            page.wait_for_url(lambda url: "as.kind=category" in url)
            page.locator("form[action^='/catalogue/check'] button").first.click()
            page.locator(".jobs .chip.good").first.wait_for()  # told as it goes on: nobody loads the page
            assert page.locator(".finding").count() > 0

    def test_two_weightings_side_by_side(self, browser, address, size, lang):
        with opened(browser, address, size, lang) as page:
            page.goto("/quality?like=p0")
            before = page.locator("#hits-b a").all_inner_texts()
            assert before == page.locator("#hits-a a").all_inner_texts()
            page.locator("#b-category").focus()
            page.keyboard.press("Home")
            page.wait_for_url(lambda url: "b.weight.category=0" in url)
            page.locator("#hits-b .only").first.wait_for()
            assert page.locator("#hits-a a").all_inner_texts() == before


class TestHands:
    def test_a_photo_dropped_or_pasted(self, browser, address, photo):
        data = base64.b64encode(photo.read_bytes()).decode()
        give = """([kind, data]) => {
          const bytes = Uint8Array.from(atob(data), one => one.charCodeAt(0));
          const held = new DataTransfer();
          held.items.add(new File([bytes], "both.png", {type: "image/png"}));
          const event = kind === "drop" ? new DragEvent("drop", {dataTransfer: held, bubbles: true, cancelable: true})
            : new ClipboardEvent("paste", {clipboardData: held, bubbles: true});
          document.body.dispatchEvent(event);
        }"""
        for kind in ("drop", "paste"):
            with opened(browser, address) as page:
                page.goto("/?text=mug")
                page.evaluate(give, [kind, data])
                page.locator(".pic img").wait_for()
                assert asked(page)["text"] == ["mug"]

    def test_what_is_no_photo_is_told(self, browser, address, tmp_path):
        (tmp_path / "notes.png").write_text("no picture at all")
        with opened(browser, address) as page:
            page.goto("/")
            page.locator("#file").set_input_files(tmp_path / "notes.png")
            page.get_by_text("not a picture").wait_for()
            page.wrong.clear()  # the browser tells of the refusal in its console

    def test_a_crop_by_pointer(self, browser, address, photo):
        with opened(browser, address) as page:
            page.goto("/")
            page.locator("#file").set_input_files(photo)
            page.locator("#crop-open").click()
            page.locator("#crop img").evaluate("one => one.decode()")
            box = page.locator("#crop svg").bounding_box()
            page.mouse.move(box["x"] + 4, box["y"] + 4)
            page.mouse.down()
            page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
            page.mouse.up()
            page.get_by_role("button", name="Search this part").click()
            page.wait_for_url(lambda url: "crop=" in url)
            left, top, width, height = map(int, asked(page)["crop"][0].split(","))
            assert max(left, top) < 20
            assert 470 < width < 510
            assert 470 < height < 510

    def test_an_older_answer_never_replaces_a_newer_one(self, browser, address):
        with opened(browser, address) as page:
            page.goto("/?text=mug")
            page.evaluate("""() => {
              const plain = window.fetch;
              let count = 0;
              window.fetch = async (address, options) => {
                const late = count++ === 0;
                const answer = plain(address, late ? {} : options);
                if (late) await new Promise((done) => setTimeout(done, 900));
                return answer;
              };
            }""")
            for words in ("red", "blue"):
                page.locator("#ask input[name=text]").fill(words)
                page.keyboard.press("Enter")
                page.wait_for_timeout(100)
            page.locator("#answers h3", has_text="blue").first.wait_for()
            page.wait_for_timeout(1100)
            assert asked(page) == {"text": ["blue"]}
            assert "blue" in titles(page)[0]

    def test_a_bad_filter_is_told_beside_the_question(self, browser, address):
        with opened(browser, address) as page:
            page.goto("/?text=mug")
            page.get_by_text("Filter in words").click()
            page.locator("input[name=where]").fill("price <")
            page.locator("input[name=where]").press("Enter")
            page.get_by_role("alert").wait_for()
            assert page.locator("input[name=where]").input_value() == "price <"
            page.wrong.clear()  # the browser tells of the refusal in its console

    def test_without_script(self, browser, address, photo):
        with opened(browser, address, java_script_enabled=False) as page:
            page.goto("/")
            page.locator("#ask input[name=text]").fill("green lamp")
            page.locator("form#ask button[type=submit]").first.click()
            assert "green" in titles(page)[0]
            page.locator("#facets a", has_text="blue").click()
            assert all("blue" in title for title in titles(page))
            page.locator("#file").set_input_files(photo)
            page.locator("noscript button, form#photo button").first.click()
            assert len(asked(page)["picture"][0]) == 32
            assert asked(page)["only.color"] == ["blue"]
            page.locator("#answers .open").first.click()
            page.locator(".thumbs button").first.click()
            assert page.locator(".thumbs button").first.get_attribute("aria-pressed") == "true"
            page.locator(".thumbs button").first.click()

    def test_by_keyboard_alone(self, browser, address):
        with opened(browser, address) as page:
            page.goto("/?text=mug")
            page.keyboard.press("Tab")
            assert page.locator(":focus").get_attribute("href") == "#main"
            page.locator("#answers .open").first.focus()
            page.keyboard.press("Enter")
            page.locator(".product h1").wait_for()


@pytest.mark.parametrize("size", ["desktop", "phone"])
@pytest.mark.parametrize("path", PATHS)
def test_nothing_keeps_anyone_out(browser, address, size, path):
    for lang, scheme in (("en", "light"), ("zh", "dark")):
        with opened(browser, address, size, lang, color_scheme=scheme) as page:
            page.goto(path)
            assert faults(page) == []
            refine(page)
            assert faults(page) == []
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")  # nothing sticks out
            if "nope" in path:
                page.wrong.clear()


def test_first_page_is_light_and_quick_to_stand_still(browser, address):
    with opened(browser, address) as page:
        sizes = {}
        page.on("response", lambda got: sizes.update({got.url: got}))
        page.goto("/")
        page.wait_for_load_state("networkidle")
        own = [got for url, got in sizes.items() if "/pictures/" not in url]
        assert sum(len(got.body()) for got in own) < 300_000
        moved = page.evaluate("""() => new Promise((done) => {
          let moved = 0;
          new PerformanceObserver((seen) => seen.getEntries().forEach((one) => (moved += one.value)))
            .observe({type: "layout-shift", buffered: true});
          setTimeout(() => done(moved), 200);
        })""")
        assert moved < 0.02


@pytest.mark.skipif(SHOTS not in os.environ, reason=f"{SHOTS} names a store to take pictures of")
def test_screenshots(browser):
    """Pictures of the page for README and docs, of the store that SOSIE_SCREENSHOTS names."""
    out = Path(__file__).parents[2] / "docs" / "images"
    store = Path(os.environ[SHOTS])
    with server(store) as address:
        for name, path, size, scheme in (
            ("page-search", "/?text=something+comfortable+to+sit+on", "desktop", "light"),
            ("page-product", "/products/L2201316?beside=834444#compared", "desktop", "light"),
            ("page-map", "/map", "desktop", "dark"),
            ("page-phone", "/?text=plant&lang=zh", "phone", "light"),
        ):
            with opened(browser, address, size, color_scheme=scheme) as page:
                for _ in range(2):  # the second time nothing has to be opened first
                    page.goto(path)
                    page.wait_for_load_state("networkidle")
                page.wait_for_timeout(1_000)
                picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
                picture.thumbnail((1000, 1000))
                picture.quantize(256, kmeans=2).save(out / f"{name}.png", optimize=True)
                assert (out / f"{name}.png").stat().st_size <= 300_000
