"""Leaks that were planted are found, all of them and nothing else."""

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance
from shop_of import shop_of
from truth_store import product, snapshot_of

from sosie.errors import TruthError
from sosie.evaluate import leaks_twins
from sosie.evaluate.front import Truth, evaluate, task_of
from sosie.evaluate.judge import Options
from sosie.evaluate.leaks import find_leaks
from sosie.evaluate.leaks_pairs import pair_leaks
from sosie.evaluate.leaks_pictures import COARSE, near_pictures, near_slopes, slopes
from sosie.evaluate.leaks_twins import twins
from sosie.evaluate.relevance import Listed
from sosie.evaluate.task import Lists, Task, TaskOptions
from sosie.evaluate.truth import events_task, pairs_task

DATA = Path(os.environ.get("SOSIE_DATA", "/nonexistent"))
SIZE = 40  # products of a shop, every second one asks


def photo(seed):
    """A photo of nothing, but smooth: no two are alike."""
    noise = np.random.default_rng(seed).integers(0, 256, (7, 7, 3), np.uint8)
    return Image.fromarray(noise).resize((160, 120), Image.Resampling.BICUBIC)


def saved(folder, pictures):
    """Names of the files of some pictures, the same picture the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for at, picture in enumerate(pictures):
        picture.save(folder / f"{at}.png")
    return [f"{at}.png" for at in range(len(pictures))]


def reencoded(picture, quality=50):
    stream = BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


@pytest.fixture
def build(tmp_path):
    """A shop of SIZE products with a label of four values and a split, and the columns that are given."""
    count = iter(range(9))

    def built(on=("words",), ignore=("kind", "split"), **columns):
        vectors = np.random.default_rng(3).standard_normal((SIZE, 4)).astype(np.float32)
        whole = {
            "kind": [f"kind{at % 4}" for at in range(SIZE)],
            "split": ["test" if at % 8 < 4 else "train" for at in range(SIZE)],
            **columns,
        }
        given = {} if on else {"given": vectors}
        return shop_of(tmp_path / f"shop{next(count)}", whole, given, on, ignore)

    return built


SPLIT = TaskOptions(split="split")


def leaks_of(shop, options=SPLIT, weights=None, labels=("kind",)):
    """Kind -> leak; each kind comes once."""
    task = task_of(shop.snapshot, Truth(labels=labels, options=options))
    found = find_leaks(shop.snapshot, task, weights)
    assert len({leak.kind for leak in found}) == len(found)
    assert [leak.grave for leak in found] == sorted((leak.grave for leak in found), reverse=True)
    for leak in found:
        assert f"{leak.count:,}" in leak.what or leak.kind == "label-in-signal"
        assert leak.advice
        assert len(leak.examples) <= 5
    return {leak.kind: leak for leak in found}


TITLES = [f"thing number {at} {chr(97 + at % 26) * 3}" for at in range(SIZE)]


def test_a_clean_shop_has_no_leaks(build, tmp_path):
    shop = build(
        ("words", "colour", "attributes"),
        title=TITLES,
        image=saved(tmp_path / "shop0", [photo(at) for at in range(SIZE)]),
    )
    assert leaks_of(shop) == {}
    assert leaks_of(shop, TaskOptions()) == {}


def test_own_variants_are_found_where_they_are_left_in(build):
    groups = [f"g{at // 8}" if at < 16 else f"g{at}" for at in range(SIZE)]
    shop = build(title=TITLES, item_group_id=groups)
    assert leaks_of(shop, TaskOptions()) == {}
    leak = leaks_of(shop, TaskOptions(variants=True))["own-variants"]
    assert (leak.kind, leak.count, leak.total, leak.grave) == ("own-variants", 16, SIZE, True)
    assert leak.examples[0] == ("p00000", "p00004")  # both of kind0
    # in a split, variants bar each other: only a model that was trained would have seen them
    leak = leaks_of(shop)["products-apart"]
    assert (leak.count, leak.total, leak.grave) == (2, 14, False)


def test_same_pictures_across_the_split(build, tmp_path):
    pictures = [photo(at) for at in range(SIZE)]
    pictures[4] = pictures[0]  # train, of the same kind as the question
    pictures[13] = pictures[10]  # train, of another kind
    pictures[2] = pictures[1]  # both ask
    shop = build(("colour",), image=saved(tmp_path / "shop0", pictures))
    found = leaks_of(shop)
    assert list(found) == ["same-picture"]
    leak = found["same-picture"]
    assert (leak.count, leak.total, leak.grave) == (2, SIZE // 2, True)
    assert leak.what == (
        "2 of 20 questions have answers with the very same picture, byte for byte: a right answer for 1 of them."
    )
    assert leak.examples == (("p00000", "p00004"), ("p00010", "p00013"))
    # within one catalogue customers meet it, too
    leak = leaks_of(shop, TaskOptions())["same-picture"]
    assert (leak.count, leak.total, leak.grave) == (6, SIZE, False)


def test_a_shared_picture_that_is_never_right_is_told_only(build, tmp_path):
    pictures = [photo(at) for at in range(SIZE)]
    pictures[5] = pictures[0]
    shop = build(("colour",), image=saved(tmp_path / "shop0", pictures))
    leak = leaks_of(shop)["same-picture"]
    assert not leak.grave
    assert leak.what.endswith("a right answer for none of them.")


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: reencoded(one),
        lambda one: one.resize((80, 60)),
        lambda one: ImageEnhance.Brightness(one).enhance(0.9),
        lambda one: reencoded(ImageEnhance.Color(one.resize((300, 225))).enhance(0.7)),
        lambda one: one.crop((1, 1, 159, 119)),
    ],
    ids=["re-encoded", "rescaled", "darkened", "paled", "trimmed"],
)
def test_nearly_the_same_pictures_across_the_split(build, tmp_path, changed):
    pictures = [photo(at) for at in range(SIZE)]
    pictures[4], pictures[20] = changed(pictures[0]), changed(pictures[24 + 2])
    found = leaks_of(build(("colour",), image=saved(tmp_path / "shop0", pictures)))
    assert list(found) == ["near-picture"]
    leak = found["near-picture"]
    assert (leak.count, leak.grave) == (2, True)
    assert leak.examples == (("p00000", "p00004"), ("p00026", "p00020"))


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: one.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        lambda one: one.crop((16, 12, 144, 108)),
        lambda one: Image.new("RGB", one.size, "white"),
    ],
    ids=["mirrored", "cropped", "blank"],
)
def test_other_pictures_are_no_twins(build, tmp_path, changed):
    pictures = [photo(at) for at in range(SIZE)]
    for at in range(0, SIZE, 8):
        pictures[at + 4] = changed(pictures[at])
    pictures[0] = Image.new("RGB", (160, 120), "#fefefe")
    found = leaks_of(build(("colour",), image=saved(tmp_path / "shop0", pictures)))
    assert "near-picture" not in found


def test_two_products_on_white_are_no_twins(tmp_path):
    """Most of their pixels are the same."""
    pictures = []
    for corner in ((60, 40), (20, 80)):
        picture = Image.new("RGB", (160, 160), "white")
        picture.paste("black", (*corner, corner[0] + 50, corner[1] + 50))
        pictures.append(picture)
    saved(tmp_path, pictures)
    a, b = (str(tmp_path / f"{at}.png") for at in range(2))
    assert [len(side) for side in near_pictures([a], [b])] == [0, 0]
    assert [side.tolist() for side in near_pictures([a, b, "", "none.png"], [b])] == [[1], [0]]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(1, 30))
def test_near_slopes_are_those_of_brute_force(seed, left, right):
    draw = np.random.default_rng(seed)
    smooth = draw.integers(0, 256, (left + right, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
    smooth[left:][draw.random(right) < 0.7] = smooth[draw.integers(0, left)]
    noise = draw.normal(0, draw.choice([1, 20, 60]), smooth.shape)
    pixels = np.clip(smooth + noise, 0, 255).astype(np.uint8)
    cosines = slopes(pixels[:left]) @ slopes(pixels[left:]).T
    sure = np.abs(cosines - COARSE) > 1e-5
    found = np.zeros_like(sure)
    found[near_slopes(pixels[:left], pixels[left:])] = True
    assert (found == (cosines >= COARSE))[sure].all()


def test_pictures_that_no_signal_reads_are_not_opened(build, tmp_path):
    shop = build(("words",), title=TITLES, image=saved(tmp_path / "shop0", [photo(0)] * SIZE))
    assert leaks_of(shop) == {}


def test_same_titles_across_the_split(build):
    titles = list(TITLES)
    titles[4] = "  THING number 0 AAA"  # as that of the question 0, of the same kind
    shop = build(("words", "colour"), title=titles)
    leak = leaks_of(shop)["same-title"]
    assert (leak.count, leak.total, leak.grave) == (1, SIZE // 2, True)
    assert leak.examples == (("p00000", "p00004"),)
    assert not leaks_of(shop, TaskOptions())["same-title"].grave
    assert not leaks_of(shop, weights={"words": 0})["same-title"].grave


def test_labels_in_texts(build):
    titles = [f"{title} of Kind{at % 4}" if at % 8 == 0 else title for at, title in enumerate(TITLES)]
    shop = build(("words", "colour"), title=titles)
    leak = leaks_of(shop)["label-in-text"]
    # of 20 questions 5 name kind0, which is the label of 5
    assert (leak.count, leak.total, leak.grave) == (5, 20, True)
    assert leak.what.endswith("that of another product they would name in 6.2%.")
    assert leak.examples[0] == ("p00000", "kind0")
    assert not leaks_of(shop, weights={"words": 0})["label-in-text"].grave


def test_labels_that_texts_name_by_chance_are_no_leak(build):
    titles = [f"{title} kind{(at // 4) % 4}" for at, title in enumerate(TITLES)]
    assert leaks_of(build(title=titles)) == {}


@pytest.mark.parametrize(
    ("labels", "texts"),
    [
        (("Watches", "Dresses", "Tshirts", "Babies"), ("one watch", "Dress!", "blue T-shirt", "baby")),
        (("四件套", "被枕", "毛巾", "拖鞋"), ("水洗四件套", "被枕好", "纯棉毛巾一条", "拖鞋")),
        (("A > Formal Shoes", "A > Belts", "B > Lip Care", "B > Ties"), ("shoe formal", "belt", "care lips", "tie")),
    ],
)
def test_labels_in_texts_by_their_words(build, labels, texts):
    titles = [f"{texts[at % 4]} {at}" for at in range(SIZE)]
    shop = build(title=titles, kind=[labels[at % 4] for at in range(SIZE)])
    leak = leaks_of(shop)["label-in-text"]
    assert (leak.count, leak.total) == (20, 20)
    assert "25.0%" in leak.what


def test_columns_that_tell_the_label(build):
    draw = np.random.default_rng(1)
    kinds = np.arange(SIZE) % 4
    shop = build(
        ("attributes",),
        material=[("oak", "elm", "fir", "ash")[kind] for kind in kinds],
        pattern=[f"x{at}" for at in draw.integers(0, 4, SIZE)],
        serial=[f"s{at}" for at in range(SIZE)],
    )
    leak = leaks_of(shop)["label-in-signal"]
    assert (leak.count, leak.total, leak.grave) == (SIZE, SIZE, True)
    assert "'material' is compared and tells the kind" in leak.what
    assert "100% have one label (by chance 23%)" in leak.what
    assert leak.examples[0] == ("p00000", "oak")
    assert "--ignore material" in leak.advice
    assert "label-in-signal" not in leaks_of(build(("words", "attributes"), title=TITLES, material=["oak"] * SIZE))


def test_a_hint_is_told_only(build):
    half = ["a" if at % 4 < 2 else "b" for at in range(SIZE)]  # two kinds each
    leak = leaks_of(build(("attributes",), season=half))["label-in-signal"]
    assert not leak.grave
    # 9 of 19 others share the kind, by chance 9 of 39
    assert "47% have one label (by chance 23%)" in leak.what


def test_the_label_itself_is_compared(build):
    shop = build(("category",), ignore=("split",), category=[f"A > B{at % 4}" for at in range(SIZE)])
    leak = leaks_of(shop, labels=("category",))["label-in-signal"]
    assert leak.grave
    assert "'category' is compared and is the label itself" in leak.what
    assert "--weights category=0" in leak.advice


def test_variants_do_not_tell_the_label_to_each_other(build):
    # each product's own value, shared by its variants only
    groups = [f"g{at // 2}" for at in range(SIZE)]
    shop = build(
        ("attributes",),
        kind=[f"kind{at // 2 % 4}" for at in range(SIZE)],
        split=["test" if at % 16 < 8 else "train" for at in range(SIZE)],
        item_group_id=groups,
        collection=groups,
    )
    assert leaks_of(shop) == {}


def test_the_same_product_under_another_id(build):
    codes = [f"40063813339{at:02}" for at in range(SIZE)]
    codes[4] = codes[0]
    leak = leaks_of(build(title=TITLES, gtin=codes))["same-product"]
    assert (leak.count, leak.grave) == (1, True)
    assert leak.examples == (("p00000", "p00004"),)
    assert leaks_of(build(title=TITLES, gtin=codes), TaskOptions())["same-product"].grave


def test_photos_of_one_product_and_of_one_user(build):
    things = [f"t{at}" for at in range(SIZE)]
    things[4] = things[0]
    senders = [f"u{at % 8 < 4}{at}" for at in range(SIZE)]
    senders[12] = senders[9]  # of another kind
    ignore = ("kind", "split", "product_id", "sender_id")
    shop = build(title=TITLES, product_id=things, sender_id=senders, ignore=ignore)
    found = leaks_of(shop)
    assert set(found) == {"same-product", "same-user"}
    assert found["same-product"].examples == (("p00000", "p00004"),)
    assert found["same-user"].examples == (("p00009", "p00012"),)
    assert found["same-product"].grave
    assert not found["same-user"].grave
    assert "same-product" not in leaks_of(shop, labels=("product_id",))  # then it is the truth


def test_strict_refuses_grave_leaks_only(build):
    titles = list(TITLES)
    titles[4] = titles[0]
    shop = build(title=titles)
    with pytest.raises(TruthError, match=r"would be inflated\.\n  1 of 20 questions have answers"):
        evaluate(shop, Truth(labels=("kind",), options=SPLIT), options=Options(strict=True, beside=False))
    report = evaluate(shop, Truth(labels=("kind",)), options=Options(strict=True, beside=False))
    assert [leak.kind for leak in report.leaks] == ["same-title"]


def test_words_and_pictures_that_ask(build, tmp_path):
    shop = build(("words", "colour"), title=TITLES, image=saved(tmp_path / "shop0", [photo(at) for at in range(SIZE)]))
    photo(3).save(tmp_path / "asked.png")
    (tmp_path / "qrels.csv").write_text(
        "query_id,product,grade,query,image\n"
        f"words,p00001,1,{TITLES[1].upper()},\nshop,p00003,1,,asked.png\nother,p00002,1,red shoes,\n"
    )
    task = task_of(shop.snapshot, Truth(qrels=tmp_path / "qrels.csv"))
    found = {leak.kind: leak for leak in find_leaks(shop.snapshot, task)}
    assert found["same-title"].examples == (("words", "p00001"),)
    assert not found["same-title"].grave
    assert found["same-picture"].examples == (("shop", "p00003"),)
    assert found["same-picture"].grave
    assert len(found) == 2


def task_with(asked, places, barred, relevant):
    """`asked` questions about the first rows, the gallery after them; relevant (question, place)."""
    pairs = np.array(relevant, np.int64).reshape(-1, 2)
    count = int(max(places, default=-1)) + 1
    return Task(
        name="t",
        keys=tuple(f"q{at}" for at in range(asked)),
        asked=np.arange(asked),
        gallery=np.arange(asked, asked + len(places)),
        places=np.array(places, np.int64),
        titles=tuple(f"p{at}" for at in range(count)),
        relevance=Listed.of_pairs(asked, pairs[:, 0], pairs[:, 1], np.ones(len(pairs), np.float32)),
        barred=Lists.build([np.array(sorted(some), np.int64) for some in barred]),
    )


KEYS = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=3)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_twins_are_those_of_plain_loops(data):
    places = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=8))
    asked = data.draw(st.lists(KEYS, min_size=1, max_size=5))
    gallery = [data.draw(KEYS) for _ in places]
    barred = [data.draw(st.sets(st.integers(0, 4), max_size=2)) for _ in asked]
    grid = [(q, p) for q in range(len(asked)) for p in sorted(set(places) - barred[q])]
    relevant = [pair for pair in grid if data.draw(st.booleans())]
    task = task_with(len(asked), places, barred, relevant)
    found = twins(task, asked, gallery)
    expected = {
        (q, place)
        for q, keys in enumerate(asked)
        for place, others in zip(places, gallery, strict=True)
        if set(filter(None, keys)) & set(others) and place not in barred[q]
    }
    pairs = list(zip(found.questions.tolist(), found.places.tolist(), strict=True))
    assert sorted(pairs) == sorted(expected)
    assert {pair for pair, right in zip(pairs, found.relevant, strict=True) if right} == expected & set(relevant)


def test_of_what_many_share_the_first_are_looked_at(monkeypatch):
    monkeypatch.setattr(leaks_twins, "MOST", 3)
    task = task_with(2, list(range(10)), [[], []], [(0, 1)])
    found = twins(task, [["a"], ["b"]], [["a"]] * 9 + [["b"]])
    assert found.places.tolist() == [0, 1, 2, 9]
    leak = found.leak("k", "share", "", np.any)
    assert leak.what == "2 of 2 questions share: a right answer for 1 of them."
    assert leak.examples == (("q0", "p1"), ("q1", "p9"))
    assert leak.grave


def test_nothing_shared_is_no_leak():
    task = task_with(1, [0], [[]], [])
    assert twins(task, [["a"]], [["b"]]).leak("k", "share", "", np.any) is None


EVENTS = ["u,p1,1,train", "u,p2,9,train", "u,p3,5,test", "v,p1,1,train", "v,p4,6,test", "w,p2,2,train", "w,p5,7,test"]


def test_future_events(tmp_path):
    shop = snapshot_of(tmp_path, [product(f"p{at}") for at in range(1, 7)])
    file = tmp_path / "events.csv"
    file.write_text("user,product,time,split\n" + "\n".join(EVENTS))
    by_split = {leak.kind: leak for leak in find_leaks(shop, events_task(shop, file, TaskOptions(split="split")))}
    assert list(by_split) == ["future-events"]
    leak = by_split["future-events"]
    assert (leak.count, leak.total, leak.grave, leak.examples) == (1, 4, False, (("u", "p2"),))
    for at in ("5", "last"):  # all that counts as earlier comes before all that is to be found
        assert find_leaks(shop, events_task(shop, file, TaskOptions(at=at))) == ()
    file.write_text("user,product,time\nu,p1,1\nu,p3,2\nv,p2,5\nv,p4,6\n")
    (leak,) = find_leaks(shop, events_task(shop, file, TaskOptions()))
    assert (leak.kind, leak.count, leak.total, leak.grave) == ("others-future", 1, 2, False)
    file.write_text("user,product\nu,p1\nu,p3\nv,p2\nv,p4\n")
    assert find_leaks(shop, events_task(shop, file, TaskOptions())) == ()


def test_products_of_pairs_in_both_splits(tmp_path):
    shop = snapshot_of(tmp_path, [product(f"p{at}") for at in range(1, 9)])
    file = tmp_path / "pairs.csv"
    file.write_text("a,b,similar,split\np1,p2,1,train\np3,p4,0,val\np1,p5,1,test\np6,p3,0,test\np7,p8,1,test\n")
    (leak,) = pair_leaks(shop, pairs_task(shop, file, TaskOptions()))
    assert (leak.kind, leak.count, leak.total, leak.grave) == ("products-apart", 2, 3, False)
    assert leak.examples == (("p1", "p5"), ("p6", "p3"))
    file.write_text("a,b,similar\np1,p2,1\np3,p4,0\np1,p5,1\n")
    assert list(pair_leaks(shop, pairs_task(shop, file, TaskOptions()))) == []


@pytest.mark.skipif(not (DATA / "grocery").is_dir(), reason="SOSIE_DATA names no folder with real photos")
def test_real_photos_of_one_thing_are_no_twins_and_one_photo_recoloured_is():
    shelf = sorted(map(str, (DATA / "grocery" / "images" / "test").glob("*.jpg")))[:300]
    other = sorted(map(str, (DATA / "grocery" / "images" / "train").glob("*.jpg")))[:300]
    assert len(shelf) == len(other) == 300  # of the same few products
    assert [len(side) for side in near_pictures(shelf, other)] == [0, 0]
    shop = [str(DATA / "myntra" / "images" / f"{id}.jpg") for id in (18051, 18055, 15943, 18594)]
    a, b = near_pictures(shop, shop)
    assert {(i, j) for i, j in zip(a.tolist(), b.tolist(), strict=True) if i < j} == {(0, 1), (2, 3)}
