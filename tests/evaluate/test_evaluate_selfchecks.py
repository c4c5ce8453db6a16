"""Checks without a truth: what is broken fails them, and they are never called quality."""

import colorsys

import numpy as np
import pytest
from PIL import Image
from shop_of import shop_of

from sosie.errors import TruthError
from sosie.evaluate import selfchecks
from sosie.evaluate.front import Truth, evaluate
from sosie.evaluate.judge import Options
from sosie.types import Query

SIZE = 24
PHOTOS = ("photo cropped", "photo mirrored", "photo recoloured")


def pictures(folder, kinds):
    """A picture a product, of the stripes of its kind: two hues and how much there is of each."""
    folder.mkdir(parents=True)
    for at, kind in enumerate(kinds):
        pixels = np.zeros((64, 64, 3), np.uint8)
        for column in range(64):
            hue = (kind / 24 if (column // 8) % 2 else (kind * 7 % 24) / 24) % 1
            pixels[:, column] = [round(255 * value) for value in colorsys.hsv_to_rgb(hue, 0.9, 0.5 + 0.02 * kind)]
        Image.fromarray(pixels).save(folder / f"{at}.png")
    return [f"pictures/{at}.png" for at in range(len(kinds))]


def shop(folder, kinds, titles, vectors=None, on=("colour", "words"), groups=None):
    columns = {"title": titles, "image": pictures(folder / "pictures", kinds)}
    if groups is not None:
        columns["item_group_id"] = groups
    return shop_of(folder, columns, vectors or {}, on=on)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return shop(folder, range(SIZE), [f"stripe{at:02} jacket{at % 5} wool{at % 3}" for at in range(SIZE)])


def test_a_sound_shop_passes_and_is_not_called_good(sound):
    report = evaluate(sound, Truth(), command="sosie evaluate")
    assert {name: report.metrics[name].value for name in PHOTOS[:2]} == {PHOTOS[0]: 1, PHOTOS[1]: 1}
    assert report.metrics["half of the title"].value == 1
    assert all(figure.n == SIZE for figure in report.metrics.values())
    assert (report.truth, report.baselines, report.beaten_by, report.slices, report.leaks) == ("", (), (), (), ())
    assert report.measure == "photo cropped"
    assert selfchecks.NOTE in report.notes
    assert selfchecks.WORDLESS in report.notes
    assert "variants find each other" not in report.metrics
    assert report.reproduce["command"] == "sosie evaluate"
    assert not any(name.partition("@")[0] in ("hit", "recall", "ndcg", "ap") for name in report.metrics)


def test_pictures_that_are_all_the_same_fail(tmp_path):
    titles = [f"stripe{at:02}" for at in range(SIZE)]
    broken = shop(tmp_path, [3] * SIZE, titles)
    report = evaluate(broken, Truth())
    assert report.metrics["photo cropped"].value == pytest.approx(1 / SIZE)
    case = report.worst[0]
    assert case.title == f"{titles[int(case.query[1:])]} (photo cropped)"
    assert case.picture.endswith(f"{int(case.query[1:])}.png")
    assert case.value == 0
    assert case.relevant == 1
    assert case.missed[0].id == case.query


def test_pictures_that_are_not_there_are_not_asked(tmp_path):
    some = shop(tmp_path, range(SIZE), [f"stripe{at:02}" for at in range(SIZE)])
    for at in range(0, SIZE, 3):
        (tmp_path / "pictures" / f"{at}.png").unlink()
    (tmp_path / "pictures" / "1.png").write_bytes(b"no picture")
    report = evaluate(some, Truth())
    assert report.metrics["photo mirrored"].n == SIZE - SIZE // 3 - 1
    assert "half of the title" not in report.metrics  # a title of one word has no half


@pytest.mark.parametrize(("noise", "low", "high"), [(0.05, 1, 1), (30.0, 0, 0.3)])
def test_variants_find_each_other_where_they_are_alike(tmp_path, noise, low, high):
    draw = np.random.default_rng(0)
    look = np.repeat(draw.standard_normal((12, 5)), 2, axis=0) + noise * draw.standard_normal((24, 5))
    columns = {"item_group_id": [f"g{at // 2}" for at in range(24)]}
    report = evaluate(shop_of(tmp_path, columns, {"look": look.astype(np.float32)}), Truth())
    figure = report.metrics["variants find each other"]
    assert low <= figure.value <= high
    assert figure.n == 24
    assert report.gallery == 12
    assert not set(PHOTOS) & report.metrics.keys()


def test_signals_agree_by_the_answers_they_share(tmp_path):
    draw = np.random.default_rng(1)
    one, other = draw.standard_normal((2, 40, 5)).astype(np.float32)
    other[:4] = 0
    vectors = {"one": one, "same": 2 * one, "other": other}
    store = shop_of(tmp_path, {"title": [f"t{at}" for at in range(40)]}, vectors)
    report = evaluate(store, Truth())
    assert report.metrics["one and same agree"].value == pytest.approx(1)
    assert report.metrics["one and other agree"].n == 36
    shared = []
    for at in range(4, 40):
        lists = []
        for name in ("one", "other"):
            hits = store.similar(f"p{at:05}", limit=10, weights=dict.fromkeys(vectors, 0) | {name: 1})
            lists.append({hit.product.id for hit in hits})
        shared.append(len(lists[0] & lists[1]) / 10)
    assert report.metrics["one and other agree"].value == pytest.approx(np.mean(shared))


def test_titles_find_pictures_where_an_encoder_reads_both(sound, monkeypatch):
    """Stands in for an encoder trained on pictures and words: it sees the stripes that a title names."""

    class Both:
        def encode_query(self, query):
            if not query.text:
                return real("colour").encode_query(query)
            if "stripe" not in query.text:
                return None
            number = int(query.text.partition("stripe")[2][:2])
            return real("colour").encode_query(Query(image=sound[f"p{number:05}"].images[0]))

    real = sound.encoder
    monkeypatch.setattr(selfchecks, "PICTURE", "colour")
    report = selfchecks.self_checks(
        sound.snapshot, lambda signal: Both() if signal == "colour" else real(signal), Options()
    )
    assert report.metrics["title finds its picture"].value == 1
    assert report.notes == (selfchecks.NOTE,)


def test_many_products_are_asked_in_part(sound, monkeypatch):
    monkeypatch.setattr(selfchecks, "SAMPLE", 7)
    report = evaluate(sound, Truth())
    assert report.queries == 7
    assert {figure.n for figure in report.metrics.values()} == {7}


def test_two_products_are_nothing_to_compare(tmp_path):
    tiny = shop_of(tmp_path, {"title": ["a", "b"]}, {"look": np.eye(2, dtype=np.float32)})
    with pytest.raises(TruthError, match="holds 2 products"):
        evaluate(tiny, Truth())
