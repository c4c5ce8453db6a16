"""Larger language models, which read from left to right: given as a folder, trained on beside their layers."""

import json

import numpy as np
import pytest
import torch
import toy_shop
from safetensors.torch import load_file
from toy_shop import KINDS, PATTERNS, kind, pattern, quiet, truth_of

from sosie.encoders import load_encoder
from sosie.engine.shop import Store
from sosie.train.recipe import RECIPES, changed
from sosie.train.run import TrainOptions, train
from sosie.train.tokens import learn_vocabulary, open_vocabulary
from sosie.types import Product

LONGEST = 16
TITLES = [" ".join((KINDS[k], *PATTERNS[p], f"n{at:03}")) for at, (k, p) in enumerate(zip(kind, pattern, strict=True))]


def gpt2(size):
    from transformers import GPT2Config, GPT2Model

    config = GPT2Config(vocab_size=size, n_positions=24, n_embd=32, n_layer=2, n_head=2, bos_token_id=1, eos_token_id=2)
    return GPT2Model(config)


def llama(size):
    from transformers import LlamaConfig, LlamaModel

    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    return LlamaModel(LlamaConfig(vocab_size=size, num_key_value_heads=1, max_position_embeddings=24, **sizes))


def folder_of(folder, make, pooling):
    """A random network, which was written in bf16 as large ones are, and its words; where told, how it is pooled."""
    folder.mkdir()
    learn_vocabulary(TITLES, folder / "tokenizer.json")
    torch.manual_seed(0)
    network = make(open_vocabulary(folder / "tokenizer.json", LONGEST).get_vocab_size())
    network.to(torch.bfloat16).save_pretrained(folder)
    if pooling != "mean":
        kinds = [("Transformer", ""), ("Pooling", "pooling")]
        modules = [{"type": f"sentence_transformers.models.{name}", "path": path} for name, path in kinds]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "sentence_bert_config.json").write_text("{}")
        (folder / "pooling").mkdir()
        (folder / "pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{pooling}": True}))
    return folder


@pytest.mark.parametrize(("make", "pooling", "dim"), [(gpt2, "mean", 32), (llama, "lasttoken", 16)])
def test_a_decoder_learns_what_counts(tmp_path, make, pooling, dim):
    torch.set_num_threads(1)
    folder = folder_of(tmp_path / "model", make, pooling)
    store = toy_shop.shop(tmp_path / "shop")
    small = {"dim": dim, "epochs": 8, "batch": 32, "longest": LONGEST, "rate": 2e-2}
    recipe = changed(RECIPES["texts"], {**small, "options": {"folder": str(folder), "lora": 4}}, "test")
    report = train(store, truth_of(labels=("kind",), split="split"), recipe, TrainOptions("kinds"), quiet)
    assert report.export > 0.999
    assert report.figures[0].trained.value > 0.5  # a sixth by chance
    assert report.epochs[-1]["loss"] < 0.6 * report.epochs[0]["loss"]

    encoder = load_encoder(report.model)
    tokens = np.array([[1, 7, 8, 9, 2], [1, 9, 8, 7, 2]])
    alone = encoder.encode_tokens(tokens, np.ones_like(tokens))
    padded = np.pad(tokens, ((0, 0), (0, 6)))
    np.testing.assert_allclose(encoder.encode_tokens(padded, np.minimum(padded, 1)), alone, atol=1e-3)
    padded[:, 5:] = 11  # whatever it is padded with
    mask = np.pad(np.ones_like(tokens), ((0, 0), (0, 6)))
    np.testing.assert_allclose(encoder.encode_tokens(padded, mask), alone, atol=1e-3)
    assert alone[0] @ alone[1] < 0.999  # the order of words counts
    short, long = Product("short", title=KINDS[0]), Product("long", title=TITLES[0])
    both = encoder.encode([short, long])
    assert encoder.encode([short])[0] @ both[0] > 0.999
    assert both[0] @ both[1] < 0.999
    hits = Store(store.folder).similar("p00000", limit=5, weights={"text": 1, "words": 0})
    assert [hit.product.title.split()[0] for hit in hits].count(KINDS[0]) >= 3
    assert not any("lora" in name for name in load_file(report.model / "weights.safetensors"))
