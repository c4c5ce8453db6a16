"""Windows: what a network is given of a text, whatever marks it wants around it and however much it reads."""

import numpy as np
import pytest
from learned_folders import text_network
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from sosie.encoders.learned import LearnedTexts
from sosie.encoders.windows import read_texts


@pytest.mark.parametrize("marks", [((7,), (8,)), ((), ()), ((7,), ()), ((), (8,)), ((7, 9), (8,))])
@pytest.mark.parametrize("longest", [12, 77, 256])
def test_windows_stand_between_their_marks_and_are_never_too_long(marks, longest):
    texts = [[100 + at for at in range(length)] for length in (0, 1, 9, 12, 60, 77, 300)]
    seen = []

    def run(tokens, mask):
        assert tokens.shape == mask.shape
        assert tokens.shape[1] <= longest
        for row, kept in zip(tokens, mask, strict=True):
            assert not row[kept == 0].any()
            seen.append(row[kept == 1].tolist())
        return np.ones((len(tokens), 2), np.float32)

    found = read_texts([str(at) for at in range(len(texts))], 2, lambda names: texts, marks, run, longest)
    assert found.any(axis=1).tolist() == [False] + [True] * 6
    before, after = len(marks[0]), len(marks[1])
    for window in seen:
        assert tuple(window[:before]) == marks[0]
        assert tuple(window[len(window) - after :]) == marks[1]
    inside = [window[before : len(window) - after] for window in seen]
    assert {tuple(text) for text in texts[1:] if len(text) <= longest - before - after} <= set(map(tuple, inside))
    assert {token for window in inside for token in window} == set(texts[-1])


@pytest.mark.parametrize(
    ("template", "marks"),
    [("[A] $A [B]", ([0], [1])), ("$A [B]", ([], [1])), ("[A] [B] $A", ([0, 1], [])), ("$A", ([], []))],
)
def test_marks_are_those_of_the_tokenizer(tmp_path, template, marks):
    made = Tokenizer(models.WordLevel({"[A]": 0, "[B]": 1, "[UNK]": 2, "shoe": 3}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("[A]", 0), ("[B]", 1)])
    made.save(str(tmp_path / "tokenizer.json"))
    encoder = LearnedTexts(text_network(tmp_path / "n.onnx"), tmp_path / "tokenizer.json", 16, longest=8)
    assert encoder._marks == marks
    assert np.isfinite(encoder.embed(["shoe " * 30, "shoe"])).all()
    encoder.save(tmp_path / "model")
    again = LearnedTexts.load(tmp_path / "model")
    assert (again.longest, again.fingerprint) == (8, encoder.fingerprint)
