import numpy as np
import pytest
import torch

from sosie.encoders.minilm import open_tokenizer
from sosie.train.tokens import MARKS, Texts, keep_vocabulary, learn_vocabulary, open_vocabulary, token_vectors
from sosie.train.words import Text, WordChanges, changed, text_of

TITLES = ["Red cotton shirt", "Blue cotton shirt", "Red T-Shirt", "Green tshirt", "Leather boots", "Warm leather boots"]


def read(titles=TITLES, folder=None, changes=None, longest=16):
    file = folder / "tokenizer.json"
    learn_vocabulary(titles, file)
    return Texts([text_of(title, title) for title in titles], file, changes or WordChanges(), longest)


def generator(seed):
    made = torch.Generator()
    made.manual_seed(seed)
    return made


def test_a_vocabulary_reads_what_spellings_have_in_common(tmp_path):
    learn_vocabulary(TITLES, tmp_path / "tokenizer.json")
    tokenizer = open_vocabulary(tmp_path / "tokenizer.json", 16)
    tokens = tokenizer.encode("RED, Shírt!").tokens
    assert tokens == tokenizer.encode("red shirt").tokens == ["[START]", "red", "shirt", "[END]"]
    assert "shirt" in tokenizer.encode("tshirt").tokens
    assert [tokenizer.token_to_id(mark) for mark in MARKS] == [0, 1, 2, 3, 4]
    assert tokenizer.encode("red [MASK]").ids[2] == 4
    assert tokenizer.encode("Ω").ids == [1, 3, 2]


def test_a_vocabulary_reads_chinese_without_spaces(tmp_path):
    learn_vocabulary(["女士红色跑步鞋", "女士蓝色跑步鞋", "男士跑步鞋", "红色围巾"], tmp_path / "tokenizer.json")
    tokens = open_vocabulary(tmp_path / "tokenizer.json", 16).encode("红色跑步鞋").tokens
    assert tokens == ["[START]", "红色", "跑步鞋", "[END]"]


def test_equal_texts_give_equal_vocabularies_and_vectors(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    many = [f"{title} {at}" for at in range(800) for title in TITLES]
    one, two = (read(many, tmp_path / name) for name in ("one", "two"))
    assert one.vocabulary.read_bytes() == two.vocabulary.read_bytes()
    items = np.arange(len(many))
    first = token_vectors(one, items, 8)
    assert np.array_equal(first, token_vectors(two, items, 8))
    assert first.shape == (one.size, 8)
    assert not first[0].any()
    assert np.allclose(np.linalg.norm(first[1:], axis=1), 1, atol=1e-6)


def test_learnt_vectors_are_alike_where_texts_are(tmp_path):
    words = (("shoe", "sole"), ("shoe", "lace"), ("pan", "lid"), ("pan", "oil"))
    many = [f"{kind} {at % 97} {word}" for at in range(1500) for kind, word in words]
    texts = read(many, tmp_path)
    vectors = token_vectors(texts, np.arange(len(many)), 16)
    of = open_tokenizer(texts.vocabulary).token_to_id
    sole, lace, lid = (vectors[of(word)] for word in ("sole", "lace", "lid"))
    assert sole @ lace > sole @ lid + 0.2


def test_texts_are_padded_with_zeros_and_cut_off(tmp_path):
    texts = read(folder=tmp_path, longest=4)
    plain = texts.plain(texts.fetch(np.array([4, 5])))
    assert plain["tokens"].shape == (2, 4)
    assert plain["mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 1]]
    assert texts.tokens(np.array([5]))[0][-1] == 2  # the end mark is kept
    one = read([*TITLES, "", "!"], tmp_path)
    both = one.plain(one.fetch(np.array([4, 6, 7])))
    assert both["mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]
    assert both["tokens"][1].tolist() == [1, 2, 0, 0]
    assert one.good.tolist() == [True] * 6 + [False] * 2


def test_what_is_drawn_follows_from_the_generator(tmp_path):
    texts = read(folder=tmp_path, changes=WordChanges(drop=0.5))
    fetched = texts.fetch(np.arange(6))
    draws = [texts.learning(fetched, 0, generator(seed))["tokens"] for seed in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert draws[0].shape != draws[2].shape or not torch.equal(draws[0], draws[2])
    plain = texts.plain(fetched)["tokens"].tolist()
    for drawn, whole in zip(draws[0].tolist(), plain, strict=True):
        rest = iter(whole)
        assert all(token in rest for token in drawn if token)  # in their order, some left out
    still = read(folder=tmp_path)
    assert torch.equal(still.learning(fetched, 0, generator(1))["tokens"], still.plain(fetched)["tokens"])


@pytest.mark.parametrize(
    ("title", "whole", "parts"),
    [
        ("Red shoe", "Red shoe. Soft. For summer; light", ("Red shoe", "Soft.", "For summer;", "light")),
        ("Red shoe.", "Red shoe. Soft", ("Red shoe.", "Soft")),
        ("红鞋", "红鞋. 很软。很轻", ("红鞋", "很软。", "很轻")),
        ("", "Soft. Light", ("Soft.", "Light")),
        ("Red shoe", "Red shoe", ("Red shoe",)),
        ("", "", ()),
    ],
)
def test_a_text_in_its_parts(title, whole, parts):
    assert text_of(title, whole) == Text(whole, parts)


def test_changes_are_made_in_their_order():
    texts = [text_of("Red shoe", "Red shoe. Soft. Light. Warm")]
    seen = {changed(texts, WordChanges(shuffle=True), np.random.default_rng(seed))[0] for seed in range(40)}
    assert len(seen) == 6
    assert all(text.startswith("Red shoe.") for text in seen)
    hidden = changed(texts, WordChanges(mask=0.5), np.random.default_rng(0))[0]
    assert "[MASK]" in hidden
    assert changed(texts, WordChanges(), np.random.default_rng(0)) == ["Red shoe. Soft. Light. Warm"]
    assert changed(texts, WordChanges(leave=1.0), np.random.default_rng(0)) == ["Red shoe"]


def test_a_pretrained_vocabulary_is_kept_without_limits(tmp_path):
    learn_vocabulary(TITLES, tmp_path / "own.json")
    tokenizer = open_tokenizer(tmp_path / "own.json")
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=9)
    tokenizer.normalizer = None
    tokenizer.save(str(tmp_path / "given.json"))
    keep_vocabulary(tmp_path / "given.json", tmp_path / "kept.json", lowercase=True)
    assert open_tokenizer(tmp_path / "kept.json").encode("RED SHIRT").tokens == ["[START]", "red", "shirt", "[END]"]
