"""Whatever tells that kinds count, and not patterns, is learnt: questions kept back are answered by kind."""

import numpy as np
import pytest
from toy_shop import EACH, KINDS, RECIPE, fitted, frozen, ids, kind, shop, split, truth_of

from sosie.errors import TrainingError, TruthError
from sosie.train.doubts import contradictions
from sosie.train.judging import PairJudge
from sosie.train.lessons import lesson_of
from sosie.train.losses import LossSettings
from sosie.train.teaching import Teaching

ROOMS = ("Kitchen", "Hall")
rng = np.random.default_rng


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return shop(tmp_path_factory.mktemp("shop"), category=[f"Home > {ROOMS[k % 2]} > {KINDS[k]}s" for k in kind])


def write(folder, name, header, rows):
    file = folder / name
    file.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n", encoding="utf-8")
    return file


def pairs_of(rows, alike, many, seed=0):
    """Random pairs of rows, (many, 2), of the same kind or of another."""
    pairs = rng(seed).choice(rows, (40 * many, 2))
    same = kind[pairs[:, 0]] == kind[pairs[:, 1]]
    return pairs[(pairs[:, 0] != pairs[:, 1]) & (same == alike)][:many]


def told(rows, *more):
    return [(ids[a], ids[b], *more) for a, b in rows.tolist()]


def test_labels(store):
    lesson, found = fitted(store, truth_of(labels=("kind",), split="split"))
    assert set(split[lesson.rows]) == {"train"}
    assert set(split[lesson.judge.rows]) == {"train", "val"}
    assert dict(lesson.classes) == dict.fromkeys(KINDS, 4 * EACH)
    assert frozen(store, lesson) < 0.1
    assert found.best > 0.5


def test_nothing_held_back(store, tmp_path):
    everything = RECIPE.model_copy(update={"hold_back": False})
    whole = lesson_of(store.snapshot, truth_of(labels=("kind",), split="split"), everything)
    assert set(split[whole.rows]) == {"train", "val"}
    assert whole.judge is None
    unsplit = lesson_of(store.snapshot, truth_of(labels=("kind",)), everything)
    assert len(unsplit.rows) == len(kind)
    links = write(tmp_path, "links.csv", "a,b", told(pairs_of(np.arange(len(kind)), True, 300)))
    linked = lesson_of(store.snapshot, truth_of(links=links, split="split"), everything)
    assert linked.judge is None
    assert set(split[linked.rows]) == {"train", "val"}
    pairs = write(tmp_path, "pairs.csv", "a,b,similar", told(pairs_of(np.arange(len(kind)), True, 30), 1))
    with pytest.raises(TrainingError, match="pairs always keep some back"):
        lesson_of(store.snapshot, truth_of(pairs=pairs), everything)


def test_judged_pairs(store, tmp_path):
    train, val, test = (np.flatnonzero(split == name) for name in ("train", "val", "test"))
    rows = told(pairs_of(train, True, 150), 1, "train") + told(pairs_of(train, False, 150), 0, "train")
    rows += told(pairs_of(np.append(train, val), True, 40), 1, "valid")
    rows += told(pairs_of(np.append(train, val), False, 40), 0, "valid")
    rows += told(pairs_of(test, False, 40), 1, "test")  # wrong ones: they may not matter
    lesson, found = fitted(store, truth_of(pairs=write(tmp_path, "pairs.csv", "a,b,similar,split", rows)))
    assert isinstance(lesson.judge, PairJudge)
    assert "test" not in split[lesson.rows]
    assert len(lesson.known[0].pairs) <= 300
    assert found.best > frozen(store, lesson) + 0.1


def test_links(store, tmp_path):
    rows = told(pairs_of(np.arange(len(kind)), True, 600), "related") + told(
        pairs_of(np.arange(len(kind)), False, 300), "crosssell"
    )
    file = write(tmp_path, "links.csv", "a,b,kind", rows)
    lesson, found = fitted(store, truth_of(links=file, kinds=["related"], split="split"))
    assert set(split[lesson.rows]) == {"train"}
    a, b = lesson.rows[lesson.known[0].pairs].T
    assert (kind[a] == kind[b]).all()
    assert len(lesson.judge.tasks) == 1
    assert set(split[lesson.judge.tasks[0].asked]) == {"val"}
    assert "test" not in split[lesson.judge.rows]
    assert found.best > frozen(store, lesson) + 0.2


def test_links_of_several_kinds_are_judged_kind_by_kind(store, tmp_path):
    every = np.arange(len(kind))
    rows = told(pairs_of(every, True, 300), "related") + told(pairs_of(every, True, 300, 1), "upsell")
    file = write(tmp_path, "links.csv", "a,b,kind", rows)
    lesson = lesson_of(store.snapshot, truth_of(links=file, kinds=["related", "upsell"], split="split"), RECIPE)
    assert [task.name.split(",")[0] for task in lesson.judge.tasks] == [
        "links links.csv of related",
        "links links.csv of upsell",
    ]


def events(seed=0, users=150, length=8):
    """Users who each take products of one kind, in the order of time; product 0 besides, as everybody does."""
    draw = rng(seed)
    rows = []
    for user in range(users):
        own = np.flatnonzero(kind == user % len(KINDS))
        taken = draw.permutation(own)[:length]
        taken[draw.integers(length)] = 0
        rows += [(f"u{user}", ids[at], day) for day, at in enumerate(taken.tolist())]
    return rows


def test_events(store, tmp_path):
    file = write(tmp_path, "events.csv", "user,product,time", events())
    lesson, found = fitted(store, truth_of(events=file), RECIPE.model_copy(update={"epochs": 3}))
    a, b = lesson.rows[lesson.known[0].pairs].T
    assert (kind[a] == kind[b])[(a > 0) & (b > 0)].mean() > 0.95
    assert np.mean((a == 0) | (b == 0)) < 0.1  # taken by everybody, and so alike to few
    (task,) = lesson.judge.tasks
    assert task.size == 150
    assert found.best > frozen(store, lesson) + 0.05


def test_the_events_that_evaluate_asks_for_are_not_seen(store, tmp_path):
    """Each user's last event names a product that nobody else takes: with the others nothing is known of it."""
    rows = events()
    for at in range(7, len(rows), 8):
        rows[at] = (rows[at][0], ids[-1 - at // 8 % 6], 7)
    last = {ids[-1 - at] for at in range(6)}
    rows = [row for at, row in enumerate(rows) if at % 8 == 7 or row[1] not in last]
    lesson = lesson_of(store.snapshot, truth_of(events=write(tmp_path, "e.csv", "user,product,time", rows)), RECIPE)
    assert not last & {ids[row] for row in lesson.rows.tolist()}
    (task,) = lesson.judge.tasks
    every = np.broadcast_to(np.arange(len(task.titles)), (task.size, len(task.titles)))
    answers = np.flatnonzero(task.relevance.grades(np.arange(task.size), every).any(axis=0))
    assert not last & {task.titles[at] for at in answers.tolist()}


def test_a_category_tree(store):
    truth = truth_of(labels=("category",), split="split")
    lesson, found = fitted(store, truth)
    (known,) = lesson.known
    assert lesson.judge.measure == "ndcg@10"
    assert [known.classes(level) for level in range(3)] == [len(KINDS), len(ROOMS), 1]
    rooms = kind[lesson.rows] % 2
    np.testing.assert_array_equal(known.labels[1][:, None] == known.labels[1], rooms[:, None] == rooms)
    shares = {
        objective.weight for objective in Teaching(lesson.known, np.arange(96), np.ones(96, bool), RECIPE).objectives()
    }
    assert shares == {2 / 3, 1 / 3}  # of Home nothing can be learnt
    assert found.best > frozen(store, lesson) + 0.05


def test_pairs_that_are_all_alike_are_judged_by_finding_the_other(store, tmp_path):
    rows = told(pairs_of(np.arange(len(kind)), True, 80), 1)
    lesson = lesson_of(store.snapshot, truth_of(pairs=write(tmp_path, "pairs.csv", "a,b,similar", rows)), RECIPE)
    assert lesson.judge.measure == "recall@10"
    assert "All 72 pairs are alike: products that nobody paired are taken for unlike." in lesson.notes
    mse = RECIPE.model_copy(update={"loss": LossSettings(name="mse")})
    with pytest.raises(TrainingError, match="everything would become alike"):
        lesson_of(store.snapshot, truth_of(pairs=tmp_path / "pairs.csv"), mse)


def test_contradictory_pairs_are_listed_and_count_neither_way(store, tmp_path):
    rows = told(pairs_of(np.arange(len(kind)), True, 40), 1) + told(pairs_of(np.arange(len(kind)), False, 40), 0)
    contrary = [(ids[0], ids[1], 1), (ids[1], ids[0], 0)]
    file = write(tmp_path, "pairs.csv", "a,b,similar", contrary + rows)
    lesson = lesson_of(store.snapshot, truth_of(pairs=file), RECIPE)
    (known,) = lesson.known
    assert [(lesson.rows[one.a], lesson.rows[one.b]) for one in contradictions(known)] == [(0, 1)]
    assert any(f"are judged both ways ({ids[0]} and {ids[1]})" in note for note in lesson.notes)
    taught = {tuple(lesson.rows[pair].tolist()) for pair in known.pairs}
    assert taught - {(0, 1), (1, 0)}
    teaching = Teaching(lesson.known, np.arange(known.size), np.ones(known.size, bool), RECIPE)
    (objective,) = teaching.objectives()
    assert objective.targets(np.array([0]), np.array([1])).ignored.item()
    assert not any({0, 1} == set(pair) for batch in teaching.batches(0) for pair in batch.reshape(-1, 2).tolist())


def test_graded_pairs_keep_their_order(store, tmp_path):
    rows = [(ids[0], ids[1], 0), (ids[2], ids[3], 1), (ids[4], ids[5], 2), (ids[6], ids[7], 3), (ids[8], ids[9], 4)]
    rows = [(*row, "train") for row in rows] + [(ids[10], ids[11], 4, "val"), (ids[12], ids[13], 0, "val")]
    file = write(tmp_path, "pairs.csv", "a,b,similar,split", rows)
    (known,) = lesson_of(store.snapshot, truth_of(pairs=file), RECIPE).known
    order = np.argsort(known.pairs[:, 0])
    np.testing.assert_allclose(known.grades[order], [0, 0.25, 0.5, 0.75, 1], atol=1e-5)
    assert (known.grades[order] >= 0.5).tolist() == [False, False, False, True, True]  # the middle is not alike


def test_one_label_teaches_nothing(tmp_path):
    store = shop(tmp_path, same=["one"] * len(kind))
    with pytest.raises(TrainingError, match="one and the same label"):
        lesson_of(store.snapshot, truth_of(labels=("same",), split="split"), RECIPE)


def test_labels_of_one_product_and_of_few(tmp_path):
    label = [KINDS[k] for k in kind]
    train = np.flatnonzero(split == "train")
    for at in train[train % 5 > 0]:
        label[at] = ""
    label[train[train % 5 == 0][0]] = "single"
    store = shop(tmp_path, own=label)
    truth = truth_of(labels=("own",), split="split")
    lesson = lesson_of(store.snapshot, truth, RECIPE)
    labelled = [at for at in train.tolist() if label[at]]
    assert lesson.rows.tolist() == labelled
    missing = len(train) - len(labelled)
    assert f"{missing} of 96 products to learn from ({missing / 96:.0%}) have no label; left out." in lesson.notes
    assert any(note.startswith("1 of 7 labels belong to one product each") for note in lesson.notes)
    with_views = RECIPE.model_copy(update={"views": 1.0})
    assert len(lesson_of(store.snapshot, truth, with_views).rows) == 96


def test_nothing_to_learn_from(store, tmp_path):
    file = write(tmp_path, "links.csv", "a,b", told(pairs_of(np.flatnonzero(split == "test"), True, 20)))
    with pytest.raises(TrainingError, match="no two products to learn from are linked"):
        lesson_of(store.snapshot, truth_of(links=file, split="split"), RECIPE)
    single = write(
        tmp_path, "events.csv", "user,product,time", [(f"u{at}", ids[at % 9], d) for at in range(60) for d in (0, 1)]
    )
    with pytest.raises(TrainingError, match="--at or --split"):
        lesson_of(store.snapshot, truth_of(events=single), RECIPE)
    with pytest.raises(TruthError, match="there is no split 'train'"):
        lesson_of(store.snapshot, truth_of(labels=("kind",), split="kind"), RECIPE)
