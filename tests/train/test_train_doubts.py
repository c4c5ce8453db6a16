import pytest

from sosie.errors import TrainingError
from sosie.train.doubts import Contradiction, contradictions, remarks
from sosie.train.supervision import supervision


def test_contradictions_are_listed():
    s = supervision(
        6,
        labels=[0, 0, 1, 1, -1, -1],
        pairs=[(1, 0), (3, 2), (2, 3), (4, 5), (5, 4), (0, 2), (3, 3), (1, 2), (1, 2)],
        grades=[0.0, 1.0, 0.2, 0.9, 0.4, 0.0, 0.0, 0.6, 1.0],
    )
    assert contradictions(s) == [
        Contradiction(0, 1, "one label, judged unlike"),
        Contradiction(2, 3, "judged both ways"),
        Contradiction(4, 5, "judged both ways"),
    ]
    assert remarks(s, "mse") == [
        "Pairs judged both alike and unlike, and left out: 2.",
        "Pairs judged unlike though of one label, and left out: 1.",
    ]


def test_what_weakens_labels_is_told():
    few, single = remarks(supervision(9, [0, 0, 1, 2, -1, -1, -1, -1, -1]), "supcon")[::-1]
    assert few.startswith("Only 4 of 9 products (44%)")
    assert single.startswith("2 of 3 labels belong to one product each")
    assert remarks(supervision(4, [0, 0, 1, 1]), "supcon") == []


def test_the_level_that_is_learnt_is_judged():
    levels = supervision(4, [[0, 1, 2, 3], [0, 0, 1, 1]])
    assert remarks(levels, "supcon", level=1) == []
    with pytest.raises(TrainingError, match="Each of the 4 labels"):
        remarks(levels, "supcon")


def test_no_supervision_is_in_order():
    assert remarks(supervision(4), "info-nce") == []


@pytest.mark.parametrize(
    ("known", "loss", "told"),
    [
        (supervision(1), "info-nce", "only 1 product"),
        (supervision(3, [-1, -1, -1]), "supcon", "No product has a label"),
        (supervision(3, [0, 0, -1]), "supcon", "All 2 labelled products have one"),
        (supervision(3, [0, 1, 2]), "arcface", "Each of the 3 labels"),
        (supervision(3, pairs=[(0, 1)], grades=[0]), "info-nce", "All 1 pairs are unlike"),
        (supervision(3, pairs=[(0, 1)]), "mse", "All 1 pairs are alike, and the loss mse"),
    ],
)
def test_what_nothing_can_be_learnt_from_is_refused(known, loss, told):
    with pytest.raises(TrainingError, match=told):
        remarks(known, loss)


def test_alike_pairs_alone_do_for_a_loss_that_makes_its_own_unlike_ones():
    (told,) = remarks(supervision(3, pairs=[(0, 1)]), "info-nce")
    assert "nobody paired" in told
    assert remarks(supervision(3, [0, 1, 2], pairs=[(0, 1)]), "supcon") == [
        "3 of 3 labels belong to one product each: it is learnt as unlike the others only."
    ]
