"""Networks that read texts, from a shop's titles to an encoder that the shop uses."""

import numpy as np
import pytest
import torch
from shop_of import shop_of
from toy_shop import KINDS, PATTERNS, kind, pattern, quiet, split, truth_of

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.errors import TrainingError
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train
from sosie.train.tokens import learn_vocabulary, open_vocabulary
from sosie.types import Product, Query

KILLED = 7  # the step after which a run is cut off
TITLES = [" ".join((KINDS[k], *PATTERNS[p], f"n{at:03}")) for at, (k, p) in enumerate(zip(kind, pattern, strict=True))]


def recipe_of(name, folder, **more):
    small = {"dim": 16, "epochs": 24, "batch": 32, "longest": 16, "rate": 5e-3}
    options = {"transformer": {"folder": str(folder)}, "text-cnn": {"filters": 16}}
    network = RECIPES[name].network
    return changed(RECIPES[name], {**small, "options": options.get(network, {"hidden": 16}), **more}, "test")


@pytest.fixture(scope="module")
def transformer(tmp_path_factory):
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("transformer")
    learn_vocabulary(TITLES, folder / "tokenizer.json")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=open_vocabulary(folder / "tokenizer.json", 16).get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=24,
    )
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture
def store(tmp_path):
    """Products whose titles are alike by their patterns; what counts is the kind."""
    columns = {
        "title": TITLES,
        "split": split.tolist(),
        "kind": [KINDS[k] for k in kind],
        "pattern": [PATTERNS[p][0] for p in pattern],
    }
    return shop_of(tmp_path, columns, {}, on=("words",), ignore=("split", "kind", "pattern"))


TRUTH = truth_of(labels=("kind",), split="split")


@pytest.mark.parametrize("name", ["text-cnn", "gru", "texts"])
def test_what_counts_is_learnt_and_used(store, transformer, name):
    report = train(store, TRUTH, recipe_of(name, transformer), TrainOptions("kinds"), quiet)
    (figure,) = report.figures
    assert report.before == "words"  # the store has no signal "text": it stands beside what there is
    assert figure.trained.value > 0.8
    assert report.export > 0.999
    assert report.active
    encoder = load_encoder(report.model)
    products = [Product(f"q{k}", title=f"{KINDS[k]} {' '.join(PATTERNS[0])}") for k in range(len(KINDS))]
    vectors = encoder.encode([*products, Product("nothing")])
    np.testing.assert_allclose(np.linalg.norm(vectors[:-1], axis=1), 1, atol=1e-5)
    assert not vectors[-1].any()
    for row, product in enumerate(products):  # alone and beside longer ones
        assert encoder.encode([product])[0] @ vectors[row] > 0.9999
    tokens = np.array([[1, 7, 8, 9, 2]])
    padded = np.pad(tokens, ((0, 0), (0, 6)))
    alone = encoder.encode_tokens(tokens, np.ones_like(tokens))[0]
    assert encoder.encode_tokens(padded, np.minimum(padded, 1))[0] @ alone > 0.9999
    assert np.argmax(vectors @ encoder.encode_query(Query(text="jacket striped"))) == KINDS.index("jacket")
    used = Store(store.folder)
    hits = used.similar(f"p{0:05}", limit=5, weights={"text": 1, "words": 0})
    assert [hit.product.title.split()[0] for hit in hits] == [KINDS[0]] * 5


def test_a_run_that_was_killed_comes_to_the_same(store):
    class Killed(BaseException):
        pass

    def killing(stage, done, total):
        if stage.startswith("training: epoch") and done == KILLED:
            raise Killed

    recipe = recipe_of("gru", "", epochs=3, words={"drop": 0.2, "mask": 0.2})
    whole = train(store, TRUTH, recipe, TrainOptions("whole", activate=False), quiet)
    with pytest.raises(Killed):
        train(store, TRUTH, recipe, TrainOptions("cut", activate=False), killing)
    cut = train(store, TRUTH, recipe, TrainOptions("cut", activate=False), quiet)
    one, other = ((report.model / "weights.safetensors").read_bytes() for report in (whole, cut))
    assert one == other


def test_low_rank_learning_changes_the_layers_it_was_merged_into(store, transformer):
    recipe = recipe_of("texts", transformer, options={"folder": str(transformer), "lora": 4}, epochs=2, dim=32)
    report = train(store, TRUTH, recipe, TrainOptions("low-rank", activate=False), quiet)
    assert report.export > 0.999
    assert not any("lora" in name for name in _names(report.model))


def test_views_of_texts_are_learnt_without_labels(store, transformer):
    recipe = recipe_of("gru", transformer, alike=0, views=1, loss={"name": "info-nce"}, words={"drop": 0.3})
    report = train(store, truth_of(), recipe, TrainOptions("views", activate=False), quiet)
    losses = [line["loss"] for line in report.epochs]
    assert losses[-1] < losses[0] - 0.1


def test_an_autoencoder_learns_without_labels_what_words_go_together(store):
    """Titles are mostly of their patterns; labels only judge."""
    recipe = recipe_of("text-vae", "", options={"hidden": 32}, epochs=40, dim=8, beta=0.1)
    report = train(store, truth_of(labels=("pattern",), split="split"), recipe, TrainOptions("vae"), quiet)
    assert report.figures[0].trained.value > 0.9
    losses = [line["loss"] for line in report.epochs]
    assert losses[-1] < losses[0] - 1


def test_only_an_autoencoder_rebuilds(store):
    with pytest.raises(TrainingError, match="text-vae"):
        train(store, TRUTH, recipe_of("gru", "", rebuild=1.0), TrainOptions("wrong"), quiet)


def test_products_without_a_text_are_left_out(tmp_path):
    columns = {"title": ["!", "?", *(f"{KINDS[k]} thing" for k in kind[:40])], "kind": [KINDS[0]] * 2}
    columns["kind"] += [KINDS[k] for k in kind[:40]]
    columns["price"] = list(range(1, 43))
    store = shop_of(tmp_path, columns, {}, on=("words", "price"), ignore=("kind",))
    report = train(store, truth_of(labels=("kind",)), recipe_of("text-cnn", ""), TrainOptions("few"), quiet)
    assert any("have no texts" in note for note in report.notes)


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("gru", {"options": {"hiden": 3}}, "did you mean 'hidden'"),
        ("texts", {"freeze": 99}, "layers, 99 can't be frozen"),
    ],
)
def test_wrong_options_are_told(store, transformer, name, more, said):
    more.setdefault("options", {"folder": str(transformer)})
    with pytest.raises(TrainingError, match=said):
        train(store, TRUTH, recipe_of(name, transformer, **more), TrainOptions("wrong"), quiet)


def _names(model):
    from safetensors import safe_open

    with safe_open(model / "weights.safetensors", "pt") as file:
        return list(file.keys())
