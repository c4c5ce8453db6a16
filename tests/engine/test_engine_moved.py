"""How look-alikes change, on rows whose neighbours can be counted by hand."""

import numpy as np

from sosie.engine.moved import Ranking, first_of, moved


def unit(*degrees):
    angles = np.radians(np.array(degrees, np.float32))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def ranking(matrix, groups=None):
    groups = np.arange(len(matrix), dtype=np.int32) if groups is None else np.array(groups, np.int32)
    return Ranking(lambda signal, start, stop: matrix[start:stop], {"image": 1.0}, groups)


def names(rows):
    return [f"p{row}" for row in rows.tolist()]


def test_the_nearest_first_and_each_group_once():
    angles = unit(0, 1, 3, 6, 10)
    assert first_of(ranking(angles), np.array([0, 4]), k=2) == [[1, 2], [3, 2]]
    assert first_of(ranking(angles, [0, 0, 1, 1, 2]), np.array([0]), k=2) == [[2, 4]]


def test_a_missing_vector_has_no_look_alikes_and_is_none():
    matrix = unit(0, 1, 2)
    matrix[1] = 0
    assert first_of(ranking(matrix), np.array([0, 1]), k=2) == [[2], []]


def test_two_signals_count_by_their_omegas():
    first, second = unit(0, 5, 40), unit(0, 40, 5)
    both = {"image": first, "text": second}
    read = lambda signal, start, stop: both[signal][start:stop]  # noqa: E731
    groups = np.arange(3, dtype=np.int32)
    assert first_of(Ranking(read, {"image": 2.0, "text": 1.0}, groups), np.array([0]), k=1) == [[1]]
    assert first_of(Ranking(read, {"image": 1.0, "text": 2.0}, groups), np.array([0]), k=1) == [[2]]


def test_the_same_vectors_keep_all_and_a_far_product_loses_all():
    generator = np.random.default_rng(0)
    matrix = generator.standard_normal((300, 16)).astype(np.float32)
    matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    same = moved(ranking(matrix), ranking(matrix), names, asked=300)
    assert (same.asked, same.kept, same.lost, same.examples) == (300, 1.0, 0, ())
    other = matrix.copy()
    other[7] = -other[7]
    told = moved(ranking(matrix), ranking(other), names, asked=300)
    assert told.lost == 1
    assert told.examples[0].id == "p7"
    assert told.kept < 1
    shares = [
        len({*a} & {*b}) / 10
        for a, b in zip(*(first_of(ranking(m), np.arange(300)) for m in (matrix, other)), strict=True)
    ]
    assert told.kept == np.mean(shares)
