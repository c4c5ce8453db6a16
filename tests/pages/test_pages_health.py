import re
from dataclasses import replace
from pathlib import Path

from made_up_reports import DRIFT, EQUAL, HEALTH, ODD, SAME, signal_health
from PIL import Image
from reading_pages import HOSTILE, Page

from sosie.pages import health_page
from sosie.pages.wording import amount, bounds, number, percent
from sosie.reports import FactDrift, HealthReport, Remark, Repetition, Shift, Shown

ALONE = replace(HEALTH, drift=None)


def numbers_of(report: HealthReport) -> list[float]:
    """Every number that the page may print with three decimals."""
    told: list[float] = []
    for one in report.signals:
        told += [one.mean_cosine, *one.lengths, *([one.hub_skew] if one.hub_skew is not None else [])]
        told += [one.intrinsic] if one.intrinsic is not None else []
    for pair in report.repetitions:
        told += [pair.correlation, pair.cka, pair.overlap]
    if report.drift is not None:
        told += [end for one in shifts_of(report) for end in (one.p, one.size)]
        figures = [figure for one in report.drift.signals for figure in (one.cosine, one.overlap) if figure]
        told += [end for one in figures for end in (one.value, one.low, one.high)]
        told += [one.cka for one in report.drift.signals if one.cka is not None]
        told += [new.value for one in report.drift.signals for new in one.strange]
    return told


def shifts_of(report: HealthReport) -> list[Shift]:
    assert report.drift is not None
    shifts = [shift for one in report.drift.signals for shift in (one.moved, one.new) if shift]
    return shifts + [one.shift for one in report.drift.facts]


def shares_of(report: HealthReport) -> list[float | None]:
    """Every share that the page may print as percent."""
    told: list[float | None] = []
    for one in report.signals:
        told += [one.missing, one.dead, one.common, one.hub_share, one.unseen]
    if report.drift is not None:
        told += [share for one in report.drift.facts for _, *shares in one.bins for share in shares]
    return told


def test_every_number_of_the_page_is_one_of_the_report() -> None:
    told = Page(health_page(HEALTH)).told
    printed = set(re.findall(r"(?<![\d.])\d+\.\d{3,}", told))
    assert len(printed) > 20
    statistics = [end for one in shifts_of(HEALTH) for end in (one.value, one.low, one.high)]
    assert printed <= {f"{abs(value):.3f}" for value in numbers_of(HEALTH)} | {amount(abs(end)) for end in statistics}
    shares = set(re.findall(r"[\d.]+%", told)) - {"1%"}  # a column's name
    assert len(shares) > 5
    assert shares <= {percent(share) for share in shares_of(HEALTH)}


def test_the_verdict_comes_first_then_what_to_look_at() -> None:
    source = health_page(HEALTH)
    order = [HEALTH.verdict, DRIFT.verdict, 'id="remarks"', 'id="drift"', 'id="signals"', 'id="signal-1"']
    places = [source.index(words) for words in order]
    assert places == sorted(places)
    told = " ".join(Page(source).told.split())
    for where, remark in (("image", EQUAL), ("signals beside each other", SAME), ("since the other build", ODD)):
        assert f"{where} {remark.what} {remark.advice}" in told


def test_a_store_that_is_well_is_told_to_be() -> None:
    source = health_page(replace(ALONE, signals=(signal_health("fused", kind="fused"),), repetitions=(), remarks=()))
    assert "Nothing stands out." in Page(source).told
    assert 'id="drift"' not in source
    assert 'id="repetitions"' not in source


def test_only_what_needs_a_look_is_open() -> None:
    details = [one for one in Page(health_page(ALONE)).all("details") if one.get("class") == "matter"]
    assert ["open" in one for one in details] == [True, True, False]  # fused, image with a remark, given7


def test_columns_of_the_spectrum_and_of_lists_are_drawn() -> None:
    source = health_page(replace(ALONE, signals=(signal_health("image"),)))
    said = {one.get("aria-label", "") for one in Page(source).all("svg")}
    assert "share of the variance over main direction: 1: 0.41; 2: 0.22; 3: 0.09" in said
    assert "products over lists of ten: 0: 21; 1–2: 402; >100: 3" in said
    assert "lists of ten" not in health_page(replace(ALONE, signals=(signal_health("image", known=False),)))


def test_hubs_and_equal_ones_are_shown_with_pictures(tmp_path: Path) -> None:
    photo = tmp_path / "red.jpg"
    Image.new("RGB", (600, 600), (200, 30, 30)).save(photo)
    page = Page(health_page(replace(ALONE, signals=(signal_health("image", picture=str(photo)),))))
    assert len(page.all("img")) == 3
    assert all(one["src"].startswith("data:image/jpeg;base64,") for one in page.all("img"))
    told = " ".join(page.told.split())
    for words in ("Lamp h1 in 63 lists", "Lamp h2 in 41 lists", "Lamp s1 17 products", "in 31 sets"):
        assert words in told


def test_pairs_that_repeat_each_other_are_seen_at_once_and_marked() -> None:
    late = Repetition("a", "b", 50, 0.1, 0.01, 0.91, True)
    source = health_page(replace(ALONE, repetitions=(*HEALTH.repetitions, late)))
    seen, hidden = source[source.index('id="repetitions"') :].split("<details>")[:2]
    assert seen.count('<tr>\n<th scope="row">') == 7
    assert hidden.count('<tr>\n<th scope="row">') == 4
    assert "4 more" in hidden
    assert seen.count("repeat each other") == 1 + 2  # the caption says it too
    assert "repeat each other" not in hidden[: hidden.index("</details>")]


def test_drift_stands_beside_what_chance_makes_of_it() -> None:
    told = " ".join(Page(health_page(HEALTH)).told.split())
    for of, shift, verdict in (
        ("products of both", DRIFT.signals[0].moved, "drift"),
        ("new products", DRIFT.signals[0].new, "drift"),
        ("category", DRIFT.facts[0].shift, "slight"),
    ):
        assert shift is not None
        chance = f"[{amount(shift.low)}, {amount(shift.high)}]"
        assert (
            f"{of} {amount(shift.value)} by chance {chance} p {shift.p:.3f} size {number(shift.size)} {verdict}" in told
        )
    cosine = DRIFT.signals[0].cosine
    assert cosine is not None
    assert f"{number(cosine.value)}{bounds(cosine)}" in told
    assert "other encoder" in told
    assert "Lamp n1 nearest 0.213" in told
    assert "Belts older 12.4% newer 31.8%" in told
    assert "Only one of the builds has reviews." in told


def test_health_with_nothing_in_it_is_a_page() -> None:
    nothing = replace(ALONE, signals=(), repetitions=(), remarks=(), notes=(), reproduce={}, verdict="")
    assert Page(health_page(nothing)).all("h1")
    bare = replace(DRIFT, signals=(), facts=(), remarks=(), notes=())
    assert "products in both" in Page(health_page(replace(nothing, drift=bare))).told


def test_nothing_that_a_catalogue_says_can_act() -> None:
    remark = Remark(HOSTILE, HOSTILE, HOSTILE)
    shown = (Shown(HOSTILE, HOSTILE, HOSTILE, 3.0),)
    bad = replace(
        HEALTH,
        store=HOSTILE,
        signals=(replace(signal_health(HOSTILE, remark), hubs=shown, largest=shown, occurrences={HOSTILE: 3}),),
        repetitions=(Repetition(HOSTILE, HOSTILE, 9, 0.1, 0.1, 0.1, True),),
        drift=replace(
            DRIFT,
            old=HOSTILE,
            signals=(replace(DRIFT.signals[0], name=HOSTILE, what=HOSTILE, strange=shown),),
            facts=(FactDrift(HOSTILE, DRIFT.facts[0].shift, ((HOSTILE, 0.1, 0.2),), "drift", HOSTILE),),
            verdict=HOSTILE,
        ),
        verdict=HOSTILE,
        notes=(HOSTILE,),
    )
    source = health_page(bad)
    page = Page(source)
    assert page.all("script") == page.all("img") == page.all("a") == []
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    assert page.words.count(HOSTILE) > 20
    assert " style=" not in source


def test_tables_and_plots_can_be_heard() -> None:
    page = Page(health_page(HEALTH))
    assert all(cell.get("scope") in ("row", "col") for cell in page.all("th"))
    assert all(one.get("aria-label") or one.get("aria-hidden") for one in page.all("svg"))
    named = {one["id"] for _, one in page.elements if "id" in one}
    assert {one["aria-labelledby"] for _, one in page.elements if "aria-labelledby" in one} <= named
    assert all("alt" in one for one in page.all("img"))
