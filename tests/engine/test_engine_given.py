import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sosie.engine.given import read_given
from sosie.errors import CatalogueError
from sosie.types import Product


def test_numpy_rows_belong_to_records_in_order(tmp_path):
    np.save(tmp_path / "look.npy", np.array([[3.0, 4.0], [0.0, 2.0]]))
    given = read_given(f"mine={tmp_path / 'look.npy'}")
    assert given.signal == "mine"
    products = [Product("b"), Product("a"), Product("late")]
    assert given.of(products, {"a": 1, "b": 2, "late": 3}).tolist() == [
        pytest.approx([0.0, 1.0]),
        pytest.approx([0.6, 0.8]),
        [0.0, 0.0],
    ]


def test_parquet_rows_belong_to_ids(tmp_path):
    table = pa.table({"sku": ["x", "y"], "v": [[1.0, 0.0], [0.0, 5.0]]})
    pq.write_table(table, tmp_path / "v.parquet")
    given = read_given(f"{tmp_path / 'v.parquet'}:v")
    assert given.signal == "v"
    assert given.of([Product("y"), Product("nobody")], {}).tolist() == [[0.0, 1.0], [0.0, 0.0]]


@pytest.mark.parametrize("bad", [[np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0], [1e300, 1e300]])
def test_a_vector_that_is_none_is_missing_and_spoils_no_other(tmp_path, bad):
    np.save(tmp_path / "v.npy", np.array([bad, [0.0, 1.0]]))
    given = read_given(str(tmp_path / "v.npy"))
    assert given.of([Product("a"), Product("b")], {"a": 1, "b": 2}).tolist() == [[0.0, 0.0], [0.0, 1.0]]


def test_stamps_tell_which_vector_changed(tmp_path):
    matrix = np.random.default_rng(0).standard_normal((5, 7)).astype(np.float32)
    np.save(tmp_path / "a.npy", matrix)
    matrix[3, 6] = np.nextafter(matrix[3, 6], np.float32(9))
    np.save(tmp_path / "b.npy", matrix)
    at = np.arange(-1, 5)
    before, after = (read_given(str(tmp_path / name)).stamp(at) for name in ("a.npy", "b.npy"))
    assert (before != after).tolist() == [False, False, False, False, True, False]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: None, "there is no file"),
        (lambda f: f.write_text("1,2"), "not a NumPy array"),
        (lambda f: np.save(f, np.zeros(3)), "needs the shape"),
        (lambda f: np.save(f, np.array([["a"]])), "needs the shape"),
    ],
)
def test_what_is_no_matrix_is_named(tmp_path, make, says):
    make(tmp_path / "v.npy")
    with pytest.raises(CatalogueError, match=says):
        read_given(f"look={tmp_path / 'v.npy'}")
