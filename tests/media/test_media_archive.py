"""Labelled picture archives, whole and damaged."""

import gzip
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sosie.errors import PictureError
from sosie.media import archive_entries, is_archive, open_picture, picture_hash, picture_stamp

GREY = np.arange(5 * 4 * 3, dtype=np.uint8).reshape(5, 4, 3)  # five pictures of 4 x 3
COLOUR = np.random.default_rng(1).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
LABELS = [3, 0, 1, 1, 2, 0]


def idx(pixels: np.ndarray[Any, Any]) -> bytes:
    return struct.pack(f">i{pixels.ndim}I", 0x0800 + pixels.ndim, *pixels.shape) + pixels.tobytes()


def pack(file: Path, data: bytes) -> Path:
    file.write_bytes(gzip.compress(data) if file.suffix == ".gz" else data)
    return file


def pixels_of(file: Path, number: int) -> np.ndarray[Any, Any]:
    return np.asarray(open_picture(f"{file}#{number}"))


@pytest.mark.parametrize(("end", "labels_end"), [("", ""), (".gz", ".gz"), (".gz", ""), ("", ".gz")])
def test_idx(tmp_path: Path, end: str, labels_end: str) -> None:
    file = pack(tmp_path / f"train-images-idx3-ubyte{end}", idx(GREY))
    pack(tmp_path / f"train-labels-idx1-ubyte{labels_end}", idx(np.arange(5, dtype=np.uint8)))
    listing = archive_entries(file)
    assert listing.count == 5
    assert listing.labels is not None
    assert listing.labels.tolist() == [0, 1, 2, 3, 4]
    assert listing.label_names is None
    for number in range(5):
        assert np.array_equal(pixels_of(file, number), np.repeat(GREY[number][..., None], 3, axis=2))


def test_idx_without_labels(tmp_path: Path) -> None:
    file = pack(tmp_path / "pictures.idx3-ubyte", idx(GREY))
    assert archive_entries(file).labels is None


def test_cifar_ten_in_python(tmp_path: Path) -> None:
    file = tmp_path / "data_batch_1"
    batch = {b"data": COLOUR.reshape(6, -1), b"labels": LABELS, b"batch_label": b"one", b"filenames": [b"x.png"] * 6}
    file.write_bytes(pickle.dumps(batch, protocol=2))
    (tmp_path / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat", "dog", "cup", "hat"]}, protocol=2))
    listing = archive_entries(file)
    assert listing.labels is not None
    assert listing.labels.tolist() == LABELS
    assert listing.label_names == ("cat", "dog", "cup", "hat")
    for number in range(6):
        assert np.array_equal(pixels_of(file, number), COLOUR[number].transpose(1, 2, 0))


def test_a_batch_pickled_by_python_two(tmp_path: Path) -> None:
    # As the published files are: byte strings throughout, the array's old module name, its pixels as a string.
    file = tmp_path / "data_batch_1"
    pixels = COLOUR[:1].tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
        b"(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T"
        + struct.pack("<i", len(pixels))
        + pixels
        + b"tb"
    )
    file.write_bytes(b"\x80\x02}(U\x04data" + array + b"U\x06labels]K\x05au.")
    listing = archive_entries(file)
    assert listing.labels is not None
    assert listing.labels.tolist() == [5]
    assert np.array_equal(pixels_of(file, 0), COLOUR[0].transpose(1, 2, 0))


def test_cifar_hundred_in_python_takes_the_fine_labels(tmp_path: Path) -> None:
    file = tmp_path / "train"
    batch = {b"data": COLOUR.reshape(6, -1), b"fine_labels": LABELS, b"coarse_labels": [0] * 6}
    file.write_bytes(pickle.dumps(batch))
    (tmp_path / "meta").write_bytes(pickle.dumps({b"fine_label_names": [b"cat", b"dog"]}))
    listing = archive_entries(file)
    assert listing.labels is not None
    assert listing.labels.tolist() == LABELS
    assert listing.label_names == ("cat", "dog")


@pytest.mark.parametrize("hundred", [False, True])
def test_cifar_binary(tmp_path: Path, hundred: bool) -> None:
    file = tmp_path / ("train.bin" if hundred else "data_batch_1.bin")
    start = [[9] if hundred else []] * 6
    file.write_bytes(b"".join(bytes([*s, n]) + c.tobytes() for s, n, c in zip(start, LABELS, COLOUR, strict=True)))
    names = tmp_path / ("fine_label_names.txt" if hundred else "batches.meta.txt")
    names.write_text("cat\ndog\n\n")
    listing = archive_entries(file)
    assert listing.count == 6
    assert listing.labels is not None
    assert listing.labels.tolist() == LABELS
    assert listing.label_names == ("cat", "dog")
    for number in range(6):
        assert np.array_equal(pixels_of(file, number), COLOUR[number].transpose(1, 2, 0))


class Evil:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("touch /tmp/sosie-was-here",)


class Wide:
    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return np.zeros, (10**12,)


@pytest.mark.parametrize("bad", [Evil(), Wide(), np.zeros(3), np.array([{}], dtype=object)])
def test_a_pickle_that_wants_more_than_data_is_refused(tmp_path: Path, bad: object) -> None:
    file = tmp_path / "data_batch_1"
    file.write_bytes(pickle.dumps({b"data": bad}, protocol=2))
    with pytest.raises(PictureError, match=r"only (plain data|bytes)"):
        archive_entries(file)
    assert not Path("/tmp/sosie-was-here").exists()


@pytest.mark.parametrize("content", [{b"data": b"x"}, [1, 2], {b"data": COLOUR.reshape(6, -1), b"labels": [1]}])
def test_a_pickle_of_something_else_is_named(tmp_path: Path, content: object) -> None:
    file = tmp_path / "data_batch_1"
    file.write_bytes(pickle.dumps(content))
    with pytest.raises(PictureError, match="data_batch_1"):
        archive_entries(file)


def test_damage_is_named(tmp_path: Path) -> None:
    cut = pack(tmp_path / "a-images-idx3-ubyte", idx(GREY)[:-1])
    packed = tmp_path / "b-images-idx3-ubyte.gz"
    packed.write_bytes(gzip.compress(idx(GREY))[:-12])
    wide = pack(tmp_path / "c-images-idx3-ubyte.gz", struct.pack(">i3I", 0x0803, 2**31, 2**15, 2**15))
    header = pack(tmp_path / "d-images-idx3-ubyte", idx(GREY)[:9])
    text = pack(tmp_path / "e.txt", b"hello")
    broken = tmp_path / "data_batch_1"
    broken.write_bytes(pickle.dumps({b"data": COLOUR.reshape(6, -1)})[:500])
    for file in (cut, packed, wide, header, text, broken, tmp_path / "gone"):
        with pytest.raises(PictureError, match=file.name):
            archive_entries(file)
    assert not is_archive(text)
    assert not is_archive(tmp_path)
    assert not is_archive(tmp_path / "gone")
    assert is_archive(cut)


def test_numbers_beyond_the_end_are_named(tmp_path: Path) -> None:
    file = pack(tmp_path / "images-idx3-ubyte", idx(GREY))
    with pytest.raises(PictureError, match="holds 5 pictures"):
        open_picture(f"{file}#5")
    with pytest.raises(PictureError):
        open_picture(f"{tmp_path / 'gone'}#0")


def test_hash_and_stamp_of_a_picture_inside(tmp_path: Path) -> None:
    file = pack(tmp_path / "images-idx3-ubyte", idx(np.concatenate([GREY, GREY[:1]])))
    assert picture_hash(f"{file}#0") == picture_hash(f"{file}#5") != picture_hash(f"{file}#1")
    assert picture_stamp(f"{file}#0") != picture_stamp(f"{file}#1")


def test_an_archive_that_changes_is_read_again(tmp_path: Path) -> None:
    file = pack(tmp_path / "images-idx3-ubyte.gz", idx(GREY))
    assert archive_entries(file).count == 5
    pack(file, idx(GREY[:2]))
    assert archive_entries(file).count == 2
