import dataclasses
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from sosie.catalog import open_source
from sosie.catalog.check import check
from sosie.catalog.check.kinds import KINDS
from sosie.catalog.check.pictures import Sample
from sosie.catalog.check.texts import LEAST_TEXT, LEAST_TITLE, garbled, is_placeholder, is_short, last_date, season_year
from sosie.types import CatalogueReport, Finding, Product, Reject

TODAY = date(2025, 6, 1)
WHOLE = Product(
    "p",
    title="Oak table",
    text="A table of solid oak for six people, oiled by hand.",
    category=("Home > Tables",),
    brand="Lignum",
    price=300.0,
    currency="EUR",
    attributes={"material": "oak"},
)
THINGS = (
    "table",
    "lamp",
    "chair",
    "shelf",
    "mirror",
    "carpet",
    "curtain",
    "candle",
    "basket",
    "vase",
    "clock",
    "stool",
)


def whole(number: int, **fields: object) -> Product:
    """A product without a fault that shares nothing with those of other numbers."""
    thing = THINGS[number % len(THINGS)]
    product = replace(
        WHOLE,
        id=f"p{number}",
        title=f"Fine {thing} number {number}",
        text=f"This {thing} is the best of series {number}, and it is made by hand.",
        price=300.0 + number,
    )
    return replace(product, **fields)  # type: ignore[arg-type]


def judged(products: Iterable[Product], rejects: Iterable[Reject] = (), **options: bool) -> CatalogueReport:
    return check(enumerate(products, 1), rejects, today=TODAY, **options)


def found(report: CatalogueReport) -> dict[str, Finding]:
    return {finding.kind: finding for finding in report.findings if finding.kind != "no-picture"}


def noise(file: Path, seed: int, size: tuple[int, int] = (200, 150)) -> str:
    small = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(small).resize(size, Image.Resampling.BICUBIC).save(file, quality=95)
    return str(file)


def test_a_faultless_catalogue_has_no_findings(tmp_path: Path) -> None:
    products = [whole(number, images=(noise(tmp_path / f"{number}.jpg", number),)) for number in range(30)]
    report = judged(products)
    assert report == CatalogueReport(products=30, rejected=0, pictures=30, examined=30, findings=())


@pytest.mark.parametrize(
    ("fields", "kind", "value"),
    [
        ({"title": ""}, "no-title", ""),
        ({"text": ""}, "no-text", "Fine table number 0"),
        ({"category": ()}, "no-category", "Fine table number 0"),
        ({"brand": ""}, "no-brand", "Fine table number 0"),
        ({"price": None}, "no-price", "Fine table number 0"),
        ({"attributes": {}}, "no-attributes", "Fine table number 0"),
        ({"price": 0.0}, "price-not-positive", "0 EUR"),
        ({"price": -5.0}, "price-not-positive", "-5 EUR"),
        ({"sale_price": -1.0}, "price-not-positive", "sale price -1"),
        ({"sale_price": 400.0}, "sale-above-price", "400 instead of 300 EUR"),
        ({"title": "TBD"}, "placeholder-text", "title: TBD"),
        ({"text": "Lorem ipsum dolor sit amet"}, "placeholder-text", "description: Lorem ipsum dolor sit amet"),
        ({"brand": "n/a"}, "placeholder-text", "brand: n/a"),
        ({"title": "A1"}, "short-text", "title: A1"),
        ({"text": "Nice one"}, "short-text", "description: Nice one"),
        ({"title": "CafÃ© table"}, "garbled-text", "title, read with the wrong encoding: CafÃ© table"),
        ({"attributes": {"expiration_date": "2024-12-31"}}, "expired", "expiration_date: 2024-12-31"),
        ({"other": {"season": "Fall 2022"}}, "past-season", "season: Fall 2022"),
    ],
    ids=lambda value: None if isinstance(value, dict) else str(value)[:24],
)
def test_each_fault_of_one_product(fields: dict[str, object], kind: str, value: str) -> None:
    findings = found(judged([whole(number) for number in range(1, 40)] + [whole(0, **fields)]))
    assert set(findings) == {kind}
    finding = findings[kind]
    assert (finding.count, finding.share) == (1, 0.025)
    assert [(example.row, example.id, example.value) for example in finding.examples] == [(40, "p0", value)]


def test_a_field_that_no_product_has_is_told_once() -> None:
    finding = found(judged(whole(number, brand="") for number in range(3)))["no-brand"]
    assert (finding.wrong, finding.share, finding.examples) == ("No product has a brand.", 1.0, ())


def test_products_that_differ_in_nothing_but_their_id() -> None:
    copies = [
        whole(1, id="a"),
        whole(2),
        whole(1, id="b", url="https://x.example", identifiers={"gtin": "1"}),
        whole(1, id="c"),
    ]
    findings = found(judged(copies))
    assert set(findings) == {"identical"}  # their titles and texts are not told a second time
    assert [(example.row, example.value) for example in findings["identical"].examples] == [
        (1, "3 products"),
        (3, "same as row 1 (a)"),
        (4, "same as row 1 (a)"),
    ]


def test_variants_may_share_everything() -> None:
    assert found(judged(whole(1, id=f"v{number}", group="g") for number in range(5))) == {}


def test_same_title_and_same_text_whatever_the_case() -> None:
    findings = found(judged([whole(1), whole(2, title="FINE LAMP NUMBER 1"), whole(3, text=whole(1).text)]))
    assert {kind: finding.count for kind, finding in findings.items()} == {"same-title": 2, "same-text": 2}
    assert findings["same-title"].examples[1].value == "same as row 1 (p1)"


def test_ten_thousand_identical_products_are_one_finding() -> None:
    finding = found(judged((whole(1, id=str(number)) for number in range(10_000)), pictures=False))["identical"]
    assert (finding.count, finding.share, len(finding.examples)) == (10_000, 1.0, 20)


def test_rejected_rows_repeated_ids_and_dropped_fields() -> None:
    rejects = [
        Reject(3, "", "has 9 fields, expected 14", "a,b"),
        Reject(4, "sku", "repeats the id of row 1, which is kept", "p1"),
        Reject(5, "id", "is empty", ""),
        Reject(1, "price", "'twelve' is not a number", "twelve", fatal=False),
    ]
    report = judged([whole(1), whole(2)], iter(rejects))
    findings = found(report)
    assert report.rejected == 3
    assert {kind: finding.count for kind, finding in findings.items()} == {
        "rejected-row": 2,
        "repeated-id": 1,
        "dropped-field": 1,
    }
    assert findings["repeated-id"].share == 0.2  # of five rows
    assert findings["repeated-id"].examples[0].id == "p1"
    assert findings["dropped-field"].examples[0].value == "price: 'twelve' is not a number"


def test_repeated_ids_of_a_file_are_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "shop.csv").write_text("sku,title,price\na,Oak table,3\nb,Lamp,4\na,Oak chair,5\n,Stool,6\n")
    source = open_source(tmp_path / "shop.csv")
    items = [item for batch in source.batches() for item in source.read(batch)]
    rejects = [item for item in items if isinstance(item, Reject)]
    findings = found(judged([item for item in items if isinstance(item, Product)], rejects))
    assert [(example.row, example.id) for example in findings["repeated-id"].examples] == [(3, "a")]
    assert [example.row for example in findings["rejected-row"].examples] == [4]


def test_price_outliers_are_judged_within_category_and_currency() -> None:
    shoes = [whole(number, price=50.0 + number % 5, category=("Shoes",)) for number in range(20)]
    slipped = whole(20, price=5200.0, category=("Shoes",))
    cars = [whole(number, price=5000.0 + number, category=("Cars",)) for number in range(21, 41)]
    rupees = [whole(number, price=5000.0 + number, category=("Shoes",), currency="INR") for number in range(41, 61)]
    few = [whole(number, price=10.0**number, category=("Odd",)) for number in range(61, 66)]
    twice = whole(66, price=104.0, category=("Shoes",))  # far in spreads, but only by a factor of two
    finding = found(judged([*shoes, slipped, *cars, *rupees, *few, twice]))["price-outlier"]
    assert finding.count == 1
    assert finding.examples[0].id == "p20"
    assert finding.examples[0].value == "5,200.00; half of those in Shoes cost less than 52.00 EUR"


def test_prices_in_another_currency_than_most() -> None:
    euros = [whole(number) for number in range(4)]
    others = [whole(4, currency="USD"), whole(5, currency="eur"), whole(6, currency=""), whole(7, currency="CHF")]
    priceless = whole(8, currency="GBP", price=None)
    finding = found(judged([*euros, *others, priceless]))["other-currency"]
    assert (finding.count, round(finding.share, 3)) == (2, 0.222)
    assert [(example.row, example.id, example.value) for example in finding.examples] == [
        (5, "p4", "USD, where most are EUR: 304.00 for Fine mirror number 4"),
        (8, "p7", "CHF, where most are EUR: 307.00 for Fine candle number 7"),
    ]


def test_pictures_that_are_unreadable_tiny_or_blank(tmp_path: Path) -> None:
    (tmp_path / "html.jpg").write_text("<html>")
    Image.new("RGB", (300, 300), "#eeeeee").save(tmp_path / "blank.jpg")
    tiny = noise(tmp_path / "tiny.png", 1, (63, 200))
    fine = noise(tmp_path / "fine.jpg", 2, (64, 64))
    names = ("html.jpg", "none.jpg", "blank.jpg")
    products = [whole(number, images=(str(tmp_path / name),)) for number, name in enumerate(names)]
    report = judged([*products, whole(3, images=(tiny,)), whole(4, images=(fine,)), whole(5)])
    findings = found(report)
    assert {kind: finding.count for kind, finding in findings.items()} == {
        "unreadable-picture": 2,
        "blank-picture": 1,
        "tiny-picture": 1,
    }
    assert report.pictures == report.examined == 5
    assert findings["blank-picture"].share == 0.2  # of the pictures
    assert findings["blank-picture"].examples[0].picture == str(tmp_path / "blank.jpg")
    assert findings["tiny-picture"].examples[0].value == "63 × 200 pixels"


def test_same_picture_by_name_and_by_content(tmp_path: Path) -> None:
    one = noise(tmp_path / "one.jpg", 1)
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(Path(one).read_bytes())
    variants = [whole(number, images=(noise(tmp_path / "v.jpg", 9),), group="g") for number in range(10, 13)]
    products = [whole(1, images=(one,)), whole(2, images=(one, str(copy))), whole(3, images=(str(copy),)), *variants]
    findings = found(judged(products))
    assert set(findings) == {"same-picture"}
    assert [(example.row, example.value) for example in findings["same-picture"].examples] == [
        (1, "3 products"),
        (2, "same as row 1 (p1)"),
        (3, "same as row 1 (p1)"),
    ]
    assert findings["same-picture"].examples[0].picture in (one, str(copy))


def test_a_picture_on_many_products_is_a_placeholder(tmp_path: Path) -> None:
    logo = noise(tmp_path / "logo.jpg", 1)
    assert {
        kind: f.count for kind, f in found(judged(whole(number, images=(logo,)) for number in range(8))).items()
    } == {"shared-picture": 8}


def test_nearly_the_same_picture(tmp_path: Path) -> None:
    first = noise(tmp_path / "first.png", 1, (400, 300))
    Image.open(first).filter(ImageFilter.GaussianBlur(1)).resize((200, 150)).save(tmp_path / "again.jpg", quality=70)
    other = noise(tmp_path / "other.jpg", 2)
    products = [whole(1, images=(first,)), whole(2, images=(str(tmp_path / "again.jpg"),)), whole(3, images=(other,))]
    finding = found(judged(products))["near-same-picture"]
    assert [(example.row, example.value) for example in finding.examples] == [(2, "nearly the picture of row 1 (p1)")]


def test_pictures_left_alone_when_asked() -> None:
    report = judged([whole(1, images=("/nowhere/a.jpg",)), whole(2, images=("/nowhere/a.jpg",))], pictures=False)
    assert report.examined == 0
    assert set(found(report)) == {"same-picture"}
    assert report.notes == ("Pictures were not opened; only their names were compared.",)


def test_beyond_the_limits_a_sample_is_judged_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sosie.catalog.check.OPENED", 3)
    report = judged(
        whole(number, images=(noise(tmp_path / f"{number}.jpg", number, (40, 40)),)) for number in range(10)
    )
    assert (report.pictures, report.examined) == (10, 3)
    assert (found(report)["tiny-picture"].count, found(report)["tiny-picture"].share) == (3, 1.0)
    assert "3 of 10 were opened" in report.notes[0]


def test_the_sample_is_the_smallest_keys_whatever_their_order() -> None:
    keys = np.random.default_rng(0).permutation(1000).tolist()
    sample = Sample(most=50)
    for key in keys + keys:
        sample.add(key, f"{key}.jpg", key)
    assert sorted(sample.kept) == list(range(50))
    assert [named.ref for named in sample.first(3)] == ["0.jpg", "1.jpg", "2.jpg"]


def test_language_mix() -> None:
    english = [whole(number) for number in range(20)]
    chinese = whole(20, title="纯棉刺绣四件套", text="设计师原款，精致绣花，亲肤透气，适合全家使用。")
    finding = found(judged([*english, chinese]))["other-language"]
    assert (finding.count, finding.examples[0].id) == (1, "p20")
    assert finding.examples[0].value == "zh, where most are en: 纯棉刺绣四件套"


def test_dates_count_only_in_columns_of_dates() -> None:
    year = [
        whole(number, attributes={"year": "2011", "collection": "Classic 1960" if number else "Modern"})
        for number in range(4)
    ]
    assert found(judged(year))["past-season"].count == 4  # "collection" is not a column of dates
    ahead = [whole(number, attributes={"valid_until": "2020-01-01/2026-01-01", "year": "2024"}) for number in range(4)]
    assert found(judged(ahead)) == {}


def test_a_feed_that_stopped() -> None:
    old = [whole(number, other={"updated_at": f"2024-0{number}-01T10:00:00Z"}) for number in range(1, 4)]
    finding = found(judged(old))["stale-feed"]
    assert (finding.count, finding.examples[0].value) == (3, "newest change: 2024-03-01")
    assert found(judged([*old, whole(4, other={"updated_at": "2025-05-30"})])) == {}


def test_what_harms_most_comes_first() -> None:
    products = [whole(number, category=() if number < 10 else ("Home",), brand="") for number in range(40)]
    order = [finding.kind for finding in judged(products).findings]
    weights = [finding.weight * finding.share for finding in judged(products).findings]
    assert order == ["no-picture", "no-category", "no-brand"]
    assert weights == sorted(weights, reverse=True)


def test_an_empty_catalogue() -> None:
    assert judged([]) == CatalogueReport(0, 0, 0, 0, ())


def test_a_report_is_json() -> None:
    report = judged([whole(1, title=""), whole(2)])
    assert json.loads(json.dumps(asdict(report)))["findings"][0]["kind"] == "no-picture"


def test_hostile_texts_and_ids_do_no_harm() -> None:
    nasty = "\ud800\x00" + "<b>" * 1000
    report = judged([whole(1, id=nasty, title=nasty, text="\x00" * 500, category=(nasty,), attributes={nasty: nasty})])
    assert report.products == 1
    assert all(len(example.value) <= 120 for finding in report.findings for example in finding.examples)


def test_every_kind_has_its_sentences() -> None:
    for kind, told in KINDS.items():
        assert 0 < told.weight <= 1, kind
        assert told.wrong.endswith("."), kind
        assert told.advice.endswith("."), kind
        assert dataclasses.is_dataclass(told)


@pytest.mark.parametrize(
    "text",
    [
        "test",
        "Test 12",
        "N/A",
        " tbd. ",
        "Lorem ipsum dolor",
        "xxxx",
        "---",
        "待补充",
        "测试商品1",
        "暂无描述",
        "No description",
    ],
)
def test_placeholders(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text", ["", "Testament of Youth", "Contest bag", "Tester set", "无印良品", "T-shirt", "XXL", "5", "None the wiser"]
)
def test_not_placeholders(text: str) -> None:
    assert not is_placeholder(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("CafÃ© crÃ¨me", "read with the wrong encoding"),
        ("itâ€™s here", "read with the wrong encoding"),
        ("锟斤拷锟斤拷", "read with the wrong encoding"),
        ("bad \ufffd sign", "replacement characters"),
        ("a\x01b\x02", "control characters"),
        ("#$%&/()=?!*+ab", "mostly symbols"),
        ("Café crème brûlée – 5 €", ""),
        ("“É” is a letter; SÃO PAULO", ""),
        ("हिन्दी में विवरण", ""),
        ("纯棉，四件套。《新》", ""),
        ("Größe: 30 × 40 cm", ""),
        ("***", ""),
        ("", ""),
    ],
)
def test_garbled(text: str, why: str) -> None:
    assert garbled(text) == why


@pytest.mark.parametrize("word", ["é", "ü", "ñ", "’", "“", "€", "中文", "ß", "–", "Ö", "слово", "日"])
def test_utf8_read_as_windows_1252_is_recognised(word: str) -> None:
    misread = word.encode().decode("cp1252", errors="replace").replace("\ufffd", "\x81")
    assert garbled(f"wall {misread} paper") == "read with the wrong encoding"
    assert garbled(f"wall {word} paper") == ""


def test_short() -> None:
    assert is_short("A1", LEAST_TITLE)
    assert is_short("12345", LEAST_TITLE)
    assert is_short("good", LEAST_TEXT)
    assert not is_short("Bed", LEAST_TITLE)
    assert not is_short("床", LEAST_TITLE)
    assert not is_short("厚实舒适透气", LEAST_TEXT)
    assert not is_short("", LEAST_TEXT)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-05-01T00:00Z", date(2024, 5, 1)),
        ("2024-05-01/2024-06-02", date(2024, 6, 2)),
        ("2024年5月1日", date(2024, 5, 1)),
        ("1.5.2024", date(2024, 5, 1)),
        ("2024-13-45", None),
        ("soon", None),
    ],
)
def test_last_date(text: str, day: date | None) -> None:
    assert last_date(text) == day


@pytest.mark.parametrize(
    ("text", "year"),
    [("2011", 2011), ("SS23", 2023), ("Fall '22", 2022), ("AW2019/20", 2019), ("Fall", None), ("20111", None)],
)
def test_season_year(text: str, year: int | None) -> None:
    assert season_year(text) == year
