import base64
import hashlib
import re
from pathlib import Path

import pytest
from PIL import Image
from reading_pages import HOSTILE, Page

from sosie.pages import Section, check_page, hits_page
from sosie.pages.signals import bar, depth, page_signals
from sosie.types import CatalogueReport, Example, Finding, Hit, Product, Query


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    file = tmp_path / "red.jpg"
    Image.new("RGB", (800, 400), (200, 30, 30)).save(file)
    return file


def answer(
    rank: int = 1, *, parts: dict[str, float] | None = None, missing: tuple[str, ...] = (), **fields: object
) -> Hit:
    parts = parts or {"image": 0.4, "text": 0.3, "price": -0.1}
    product = Product(**({"id": f"p{rank}", "title": f"Lamp {rank}"} | fields))  # type: ignore[arg-type]
    return Hit(product, round(sum(parts.values()), 4), rank, parts, missing)


def test_a_page_of_every_kind_of_question(photo: Path) -> None:
    lamp = Product(
        "a", "Desk lamp", brand="Lux", category=("Home > Lamps",), price=1299.5, currency="USD", images=(str(photo),)
    )
    page = Page(
        hits_page(
            "Look-alikes",
            [
                Section(
                    lamp,
                    [answer(1, images=(str(photo),)), answer(2, missing=("image",), parts={"text": 0.2})],
                    "0.8 ms",
                ),
                Section(Query(text="something red", where="price < 50", weights={"image": 2}), [answer(1)]),
                Section(Query(image=photo), [answer(1)]),
                Section(Query(like=("a", "b"), unlike=("c",)), []),
            ],
        )
    )
    for words in (
        "Look-alikes of",
        "$1,299.50",
        "Lux · Home > Lamps",
        "0.8 ms",
        "can’t be compared: image",
        "Asked with words",
        "“something red”",
        "where price < 50",
        "image × 2",
        "Asked with a photo",
        "red.jpg",
        "Asked with examples",
        "like a, b",
        "unlike c",
        "No product answers this question.",
    ):
        assert words in page.words, words
    pictures = [element["src"] for element in page.all("img")]
    assert len(pictures) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in pictures)
    assert all(element["alt"] for element in page.all("img"))


def test_nothing_a_product_says_can_act() -> None:
    fields = dict.fromkeys(("id", "title", "text", "brand", "currency"), HOSTILE)
    product = Product(**fields, category=(HOSTILE,), price=1.0, url="javascript:alert(3)")  # type: ignore[arg-type]
    hit = Hit(product, 0.5, 1, {HOSTILE: 0.5}, (HOSTILE,), (HOSTILE,))
    source = hits_page(
        HOSTILE, [Section(product, [hit], HOSTILE), Section(Query(text=HOSTILE, category=HOSTILE), [hit])]
    )
    page = Page(source)
    assert page.all("script") == []
    assert page.all("img") == []
    assert page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert HOSTILE in page.words


def test_texts_that_are_no_text_can_still_be_written() -> None:
    source = hits_page("x", [Section(Query(text="\ud800"), [answer(title="a\udfffb\x00")])])
    assert "a?b" in source
    assert source.encode()


def test_links_lead_only_to_web_addresses() -> None:
    addresses = [
        "https://shop.example/a?b=1&c=2",
        "http://shop.example/",
        "data:text/html,x",
        "//x",
        "/etc/passwd",
        "http://[",
        "",
    ]
    hits = [answer(rank, url=url) for rank, url in enumerate(addresses, 1)]
    links = [link["href"] for link in Page(hits_page("x", [Section(Query(text="x"), hits)])).all("a")]
    assert links == addresses[:2]


def test_the_policy_admits_the_style_of_the_page_and_nothing_else() -> None:
    source = hits_page("x", [Section(Query(text="x"), [answer()])])
    style = re.search(r"<style>(.*?)</style>", source, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
    policy = next(
        meta["content"] for meta in Page(source).all("meta") if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith(f"default-src 'none'; img-src data:; style-src 'sha256-{digest}';")
    assert " style=" not in source
    assert re.findall(r'(?:src|href|url\()="?(?!data:)', source) == []


def test_pictures_that_cannot_be_read_are_named(tmp_path: Path, photo: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("<html>")
    hits = [
        answer(1, images=(str(broken),)),
        answer(2, images=(str(tmp_path / "none.jpg"),)),
        answer(3),
        answer(4, images=(str(broken), str(photo))),
    ]
    page = Page(hits_page("x", [Section(Query(image=broken), hits)]))
    assert page.words.count("picture can’t be read") == 2
    assert page.words.count("no picture") == 1
    assert page.words.count("photo can’t be read") == 1
    assert len(page.all("img")) == 1  # the second picture stands in for a broken first one


def test_bars_lay_parts_end_to_end() -> None:
    hits = [answer(1, parts={"image": 0.5, "price": -0.25, "text": 0.25}), answer(2, parts={"text": 0.5})]
    signals = page_signals(hits)
    below = depth(hits)
    assert [signal.name for signal in signals] == ["image", "text", "price"]
    assert below == 0.25
    # zero lies at .25 of 1.25 = 20%; .5 takes 40%, .25 takes 20%
    assert [(piece.css, piece.x, piece.width, piece.negative) for piece in bar(hits[0], signals, below)] == [
        ("s-image", 20.0, 40.0, False),
        ("s-text", 60.0, 20.0, False),
        ("s-price", 0.0, 20.0, True),
    ]
    assert [(piece.x, piece.width) for piece in bar(hits[1], signals, below)] == [(20.0, 40.0)]


def test_a_signal_keeps_its_colour_whatever_else_is_on_the_page() -> None:
    assert {signal.css for signal in page_signals([answer(parts={"text": 1.0})])} == {"s-text"}
    named = page_signals([answer(parts={"zeta": 0.1, "text": 0.1, "image": 0.1, "alpha": 0.1}, missing=("price",))])
    assert [signal.name for signal in named] == ["image", "text", "price", "alpha", "zeta"]
    assert [signal.css for signal in named] == ["s-image", "s-text", "s-price", "s-given0", "s-given1"]


def test_printed_parts_and_score_are_those_of_the_hit() -> None:
    words = Page(hits_page("x", [Section(Query(text="x"), [answer(parts={"image": 0.1234, "text": -0.0034})])])).words
    assert "+0.1234" in words
    assert "-0.0034" in words
    assert "0.1200" in words


def test_sale_price_beside_the_price() -> None:
    hit = answer(price=20.0, sale_price=15.0, currency="CHF")
    page = Page(hits_page("x", [Section(Query(text="x"), [hit])]))
    assert len(page.all("del")) == len(page.all("ins")) == 1
    assert "20.00 CHF 15.00 CHF" in page.words


def test_a_page_without_questions_is_a_page() -> None:
    assert "Nothing" in Page(hits_page("Nothing", [])).words


def test_check_page_shows_findings_and_escapes(photo: Path) -> None:
    examples = tuple(Example(row, HOSTILE, HOSTILE, str(photo) if row == 1 else "") for row in range(1, 9))
    report = CatalogueReport(
        products=1234567,
        rejected=3,
        pictures=9000,
        examined=5000,
        findings=(
            Finding(
                "same-title",
                0.08,
                1000,
                0.00081,
                "The same title on different products: words fail.",
                "Add words.",
                examples,
            ),
            Finding("no-price", 0.04, 1234567, 1.0, "No product has a price.", "Fill it in.", ()),
        ),
        notes=("Pictures were judged by a sample.",),
    )
    page = Page(check_page(report))
    assert page.all("script") == []
    assert len(page.all("img")) == 1
    for words in (
        "1,234,567",
        "The same title on different products",
        "Words fail.",
        "Add words.",
        "No product has a price",
        "2 more",
        "and 992 that are not listed here",
        "Pictures were judged by a sample.",
        HOSTILE,
    ):
        assert words in page.words, words


def test_check_page_of_a_faultless_catalogue() -> None:
    assert "Nothing wrong was found." in Page(check_page(CatalogueReport(3, 0, 3, 3, ()))).words
