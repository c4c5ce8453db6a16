from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sosie.store import strings
from sosie.store.strings import Ids, Strings, StringsFile, encode_text, hash_texts

TEXTS = st.lists(st.text(st.characters(), max_size=6), max_size=30)


def ids_of(texts: list[str]) -> Ids:
    raw = [encode_text(text) for text in texts]
    ends = np.cumsum([len(one) for one in raw], dtype=np.int64) if raw else np.zeros(0, np.int64)
    return Ids.build(Strings(b"".join(raw), ends), strings.hash_texts(raw))


def colliding(texts: Iterable[bytes]) -> np.ndarray:
    return np.array([sum(text) % 3 for text in texts], np.uint64)


@pytest.mark.parametrize("clash", [False, True], ids=["hashes differ", "hashes clash"])
@settings(max_examples=50, deadline=None)
@given(texts=TEXTS, asked=TEXTS)
def test_ids_are_found_at_their_last_row(clash: bool, texts: list[str], asked: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if clash:
            patch.setattr(strings, "hash_texts", colliding)
        ids = ids_of(texts)
        expected = {text: row for row, text in enumerate(texts)}
        everything = asked + texts
        assert ids.rows(everything).tolist() == [expected.get(text, -1) for text in everything]
        assert [ids.row(text) for text in everything] == [expected.get(text, -1) for text in everything]
        assert ids.repeated().tolist() == [row for row, text in enumerate(texts) if expected[text] != row]
        assert ids.texts(np.arange(len(texts))) == texts


def test_hashes_are_the_same_everywhere() -> None:
    assert hash_texts([b"sku-1", b""]).tolist() == [16605940882549549517, 13020603013274838756]


def test_strings_in_files(tmp_path: Path) -> None:
    file = StringsFile(tmp_path, "x")
    file.add([b"one", b"", b"three"])
    file.add([])
    file.add([b"\xff"])
    for there in (file.close(), Strings.open(tmp_path, "x")):
        assert len(there) == 4
        assert list(there.block(0, 9)) == [b"one", b"", b"three", b"\xff"]
        assert there.take(np.array([3, 0, 0])) == [b"\xff", b"one", b"one"]
        assert there[2] == b"three"


def test_no_strings_in_files(tmp_path: Path) -> None:
    there = StringsFile(tmp_path, "x").close()
    assert (len(there), there.block(0, 5)) == (0, [])
    ids = Ids.build(there, hash_texts([]))
    ids.save(tmp_path)
    assert ids.rows(["a"]).tolist() == [-1]
    assert ids.row("a") == -1
