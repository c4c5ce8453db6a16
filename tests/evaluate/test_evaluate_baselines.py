"""What a shop would have without sosie, against plain loops and scikit-learn by hand."""

import numpy as np
import pytest
from PIL import Image
from truth_store import snapshot_of

from sosie.evaluate import thumbnails as pictures
from sosie.evaluate.baselines import baselines, pixel_vectors
from sosie.evaluate.front import Truth, task_of
from sosie.evaluate.ranking import rank
from sosie.evaluate.task import TaskOptions
from sosie.evaluate.thumbnails import histograms, thumbnails
from sosie.evaluate.truth import events_task
from sosie.evaluate.values import values_of
from sosie.types import Product, Review

TEXTS = ("red shoe", "red dress of silk", "blue shoe", "green hat", "hat of straw", "red red shoe")


def products(size=6, **columns):
    """Products p0, p1, … with the values of some fields; `kind` is the label."""
    given = {"kind": ["k"] * size} | columns
    made = []
    for at in range(size):
        values = {name: values[at] for name, values in given.items()}
        made.append(Product(id=f"p{at}", group=f"p{at}", other={"kind": values.pop("kind")}, **values))
    return made


def systems(snapshot, task):
    return {system.name: system for system in baselines(snapshot, task)}


def answers(system, task, depth=3):
    """Key -> titles of its answers."""
    found = {}
    for block in rank(system, task, depth):
        for question, places in zip(block.questions.tolist(), block.places.tolist(), strict=True):
            found[task.keys[question]] = [task.titles[place] for place in places if place >= 0]
    return found


def everyone(snapshot):
    return task_of(snapshot, Truth(labels=("kind",)))


def test_only_what_the_catalogue_has_the_data_for(tmp_path):
    bare = snapshot_of(tmp_path / "bare", products())
    assert set(systems(bare, everyone(bare))) == {"random"}
    texts = snapshot_of(tmp_path / "texts", products(title=TEXTS, rating_count=[1, 0, 0, 0, 0, 0]))
    assert set(systems(texts, everyone(texts))) == {"random", "popularity", "tfidf words", "tfidf characters"}


def test_random_answers_are_right_as_often_as_chance(tmp_path):
    size = 400
    snapshot = snapshot_of(tmp_path, products(size, kind=[f"k{at % 5}" for at in range(size)]))
    task = everyone(snapshot)
    random = systems(snapshot, task)["random"]
    values, _ = values_of(random, task, ("hit@1", "precision@10"))
    assert values["precision@10"].mean() == pytest.approx(79 / 399, abs=0.02)
    first = [titles[0] for titles in answers(random, task, 1).values()]
    assert max(first.count(title) for title in set(first)) < 15  # none is drawn all the time
    np.testing.assert_array_equal(random.questions, systems(snapshot, task)["random"].questions)


def test_best_sellers_first(tmp_path):
    rated = products(rating_count=[3, None, 9, None, 0, 5], reviews=[(), (Review("good"),) * 4, (), (), (), ()])
    snapshot = snapshot_of(tmp_path, rated)
    task = everyone(snapshot)
    found = answers(systems(snapshot, task)["popularity"], task, 5)
    assert found["p0"] == ["p2", "p5", "p1"]  # p3 and p4 were rated by nobody
    assert found["p2"] == ["p5", "p1", "p0"]


def test_best_sellers_are_what_was_taken_before(tmp_path):
    snapshot = snapshot_of(tmp_path, products(rating_count=[3, 0, 9, 0, 0, 5]))
    file = tmp_path / "events.csv"
    file.write_text("user,product,time\nu,p0,1\nv,p1,1\nv,p0,2\nw,p1,1\nw,p3,2\nw,p0,3\nx,p3,1\nx,p3,2\nx,p4,3\n")
    task = events_task(snapshot, file, TaskOptions())
    # before the last of each user: v p1, w p1 p3, x p3 twice, and u's only one
    found = answers(systems(snapshot, task)["popularity"], task)
    assert found == {"v": ["p3", "p0"], "w": ["p0"], "x": ["p1", "p0"]}


def saved(folder, made):
    folder.mkdir()
    names = []
    for at, picture in enumerate(made):
        picture.save(folder / f"{at}.png")
        names.append((str(folder / f"{at}.png"),))
    return names


def plain(colour, size=(64, 64)):
    return Image.new("RGB", size, colour)


def noise(seed):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 100, (32, 32, 3), np.uint8))


def test_pixels_are_compared_less_their_mean(tmp_path):
    brighter = Image.eval(noise(1), lambda value: value + 90)
    images = saved(tmp_path / "pictures", [noise(1), noise(2), brighter, noise(3)])
    snapshot = snapshot_of(tmp_path, products(5, images=[*images, ()]))
    task = everyone(snapshot)
    pixels = systems(snapshot, task)["pixels"]
    found = answers(pixels, task, 4)
    assert found["p0"][0] == "p2"
    assert found["p2"][0] == "p0"
    assert len(found["p0"]) == 3  # p4 has no picture: it is no answer, and gets none
    assert found["p4"] == []
    by_hand = [np.asarray(picture, np.float64).ravel() for picture in (noise(1), noise(2))]
    by_hand = [vector - vector.mean() for vector in by_hand]
    cosine = by_hand[0] @ by_hand[1] / np.linalg.norm(by_hand[0]) / np.linalg.norm(by_hand[1])
    rows = {key: at for at, key in enumerate(task.keys)}
    assert pixels.questions[rows["p0"]] @ pixels.gallery[1] == pytest.approx(cosine, abs=1e-5)


def test_pixel_vectors_of_one_colour_say_nothing():
    assert not pixel_vectors(np.full((1, 32, 32, 3), 77, np.uint8)).any()


def test_colours_are_compared_by_their_shares(tmp_path):
    half = plain("red")
    half.paste("blue", (0, 0, 32, 64))
    images = saved(tmp_path / "pictures", [half, plain("red"), plain("lime"), plain("red", (200, 90))])
    vectors, there = histograms([ref for (ref,) in images] + ["", "none.png"])
    assert there.tolist() == [True] * 4 + [False] * 2
    assert not vectors[4:].any()
    shares = np.square(vectors[:4])  # roots of shares, so that an inner product is the Bhattacharyya coefficient
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-6)
    assert vectors[0] @ vectors[1] == pytest.approx(np.sqrt(0.5))
    assert vectors[1] @ vectors[3] == pytest.approx(1)
    assert vectors[1] @ vectors[2] == 0
    snapshot = snapshot_of(tmp_path, products(4, images=images))
    task = everyone(snapshot)
    assert answers(systems(snapshot, task)["colour histogram"], task)["p0"][:2] == ["p3", "p1"]


def test_words_are_those_of_scikit_learn(tmp_path):
    from sklearn.feature_extraction.text import TfidfVectorizer

    snapshot = snapshot_of(tmp_path, products(title=TEXTS, text=["", "long and warm", *[""] * 4]))
    task = everyone(snapshot)
    documents = [TEXTS[0], f"{TEXTS[1]} long and warm", *TEXTS[2:]]
    for name, vectorizer in (
        ("tfidf words", TfidfVectorizer(stop_words="english")),
        ("tfidf characters", TfidfVectorizer(analyzer="char", ngram_range=(1, 3), sublinear_tf=True)),
    ):
        expected = vectorizer.fit_transform(documents)
        system = systems(snapshot, task)[name]
        order = [int(key[1:]) for key in task.keys]
        np.testing.assert_allclose(
            (system.questions @ system.gallery.T).toarray(), (expected[order] @ expected.T).toarray(), atol=1e-6
        )
    assert answers(systems(snapshot, task)["tfidf words"], task)["p0"][0] == "p5"


def test_words_and_pictures_that_ask(tmp_path):
    images = saved(tmp_path / "pictures", [noise(1), noise(2), noise(3)])
    titles = ("red shoe", "blue hat", "green scarf")
    snapshot = snapshot_of(tmp_path, products(3, title=titles, images=images))
    noise(3).save(tmp_path / "asked.png")
    file = tmp_path / "qrels.csv"
    file.write_text("query_id,product,query,image\na,p0,a hat,\nb,p0,,asked.png\nc,p1,,asked.png\n")
    task = task_of(snapshot, Truth(qrels=file))
    found = systems(snapshot, task)
    assert answers(found["tfidf words"], task, 1) == {"a": ["p1"], "b": [], "c": []}
    assert answers(found["pixels"], task, 1) == {"a": [], "b": ["p2"], "c": ["p2"]}


def test_a_history_asks_by_the_mean_of_its_products(tmp_path):
    titles = ("red", "blue", "red blue", "red", "green", "blue")
    snapshot = snapshot_of(tmp_path, products(title=titles))
    file = tmp_path / "events.csv"
    file.write_text("user,product,time\nu,p0,1\nu,p1,2\nu,p4,3\nv,p4,1\nv,p0,2\n")
    task = events_task(snapshot, file, TaskOptions())
    assert answers(systems(snapshot, task)["tfidf words"], task)["u"] == ["p2", "p5", "p3"]


def test_long_texts_of_a_large_catalogue_are_cut(tmp_path, monkeypatch):
    from sosie.evaluate import baselines as module

    monkeypatch.setattr(module, "CHARACTERS", 12)
    monkeypatch.setattr(module, "LEAST_CHARACTERS", 2)
    snapshot = snapshot_of(tmp_path, products(title=("abxx", "abyy", "xx", "zz", "yy", "xxab")))
    task = everyone(snapshot)
    found = answers(systems(snapshot, task)["tfidf characters"], task)
    assert found["p0"][0] == "p1"
    assert found["p5"][0] == "p2"


def test_each_picture_is_opened_once(tmp_path, monkeypatch):
    (one,), (other,) = saved(tmp_path / "pictures", [noise(1), noise(2)])
    first, there = thumbnails([one, other, one, ""])
    assert there.tolist() == [True, True, True, False]
    np.testing.assert_array_equal(first[0], first[2])
    np.testing.assert_array_equal(first[0], np.asarray(noise(1)))
    opened = []
    monkeypatch.setattr(pictures, "read_pictures", lambda refs, *_: opened.extend(refs) or iter(()))
    thumbnails([one, other])
    histograms([one])
    assert opened == [one]
