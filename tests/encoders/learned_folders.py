"""Folders of learned encoders whose networks are a few lines of ONNX: nothing is trained, opening them is quick."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from sosie.encoders.learned import LearnedPictures, LearnedTexts
from sosie.encoders.learned_products import LearnedProducts

SIZE, SIDE = 24, 4  # pixels a side, and patches a side whose mean colours are looked at
MARKS = ("[PAD]", "[START]", "[END]", "[UNK]")
WORDS = "blue boots brass brown candlestick cotton green lamp leather mug purple red running shirt shoes"


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def write_network(file, nodes, inputs, arrays, dim):
    """An ONNX file with one output named `output`, (n, dim)."""
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", dim])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(file))
    return file


def picture_network(file, dim=16, seed=0):
    """The mean colours of 4 x 4 patches, times a random matrix."""
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["planes"], ["pooled"], kernel_shape=[6, 6], strides=[6, 6]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Sub", ["flat", "grey"], ["centred"]),
        helper.make_node("MatMul", ["centred", "weight"], ["output"]),
    ]
    arrays = {"grey": np.float32(100), "weight": drawn(3 * SIDE * SIDE, dim, seed=seed)}
    return write_network(file, nodes, {"pixels": (TensorProto.UINT8, ["n", SIZE, SIZE, 3])}, arrays, dim)


def text_network(file, dim=16, seed=0):
    """The sum of the vectors of the words; those it doesn't know and the marks around them count next to nothing."""
    table = drawn(len(MARKS) + len(WORDS.split()), dim, seed=seed)
    table[: len(MARKS)] *= 0.01
    nodes = [
        helper.make_node("Gather", ["table", "tokens"], ["vectors"]),
        helper.make_node("Cast", ["mask"], ["kept"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["kept", "last"], ["column"]),
        helper.make_node("Mul", ["vectors", "column"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["output"], keepdims=0),
    ]
    arrays = {"table": table, "last": np.array([2]), "middle": np.array([1])}
    shape = (TensorProto.INT64, ["n", "length"])
    return write_network(file, nodes, {"tokens": shape, "mask": shape}, arrays, dim)


def tokenizer(file):
    """A token a word, a start and an end around each text."""
    made = Tokenizer(
        models.WordLevel({word: at for at, word in enumerate((*MARKS, *WORDS.split()))}, unk_token="[UNK]")
    )
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[START] $A [END]", special_tokens=[("[START]", 1), ("[END]", 2)]
    )
    made.save(str(file))
    return file


def product_network(file, dims, dim=16, seed=0):
    """The sum of each part's vector times a random matrix, and a constant: a product that lacks all is no zero."""
    nodes, inputs, arrays, last = [], {}, {"constant": np.full(dim, 0.01, np.float32)}, "constant"
    for at, (signal, inside) in enumerate(sorted(dims.items())):
        out = "output" if at == len(dims) - 1 else f"sum{at}"
        nodes += [
            helper.make_node("MatMul", [signal, f"weight{at}"], [f"seen{at}"]),
            helper.make_node("Add", [f"seen{at}", last], [out]),
        ]
        inputs[signal] = (TensorProto.FLOAT, ["n", inside])
        arrays[f"weight{at}"] = drawn(inside, dim, seed=seed + at)
        last = out
    return write_network(file, nodes, inputs, arrays, dim)


def pictures_folder(folder: Path, dim=16, seed=0) -> Path:
    LearnedPictures(picture_network(folder.with_suffix(".onnx"), dim, seed), dim, SIZE).save(folder)
    return folder


def texts_folder(folder: Path, dim=16, seed=0) -> Path:
    network = text_network(folder.with_suffix(".onnx"), dim, seed)
    LearnedTexts(network, tokenizer(folder.with_suffix(".json")), dim).save(folder)
    return folder


def recipes_folder(folder: Path, recipe: str, texts: list[str], dim=32) -> Path:
    """A recipe's network of texts that has learnt nothing but their vocabulary."""
    import torch

    from sosie.train.recipe import RECIPES
    from sosie.train.text_networks import begin_vocabulary, make_text_network, write_texts

    wanted = RECIPES[recipe].model_copy(update={"dim": dim})
    vocabulary = folder.with_suffix(".json")
    vocabulary.parent.mkdir(parents=True, exist_ok=True)
    begin_vocabulary(wanted, texts, vocabulary)
    torch.manual_seed(0)
    vectors = drawn(Tokenizer.from_file(str(vocabulary)).get_vocab_size(), 16)
    write_texts(make_text_network(wanted, vectors).eval(), vocabulary, 32, dim, recipe).save(folder)
    return folder


def products_folder(folder: Path, parts=None, dim=16, seed=0) -> Path:
    """On learned pictures and texts, unless other parts are given."""
    if parts is None:
        parts = {
            "image": LearnedPictures.load(pictures_folder(folder.with_name(f"{folder.name}-image"))),
            "text": LearnedTexts.load(texts_folder(folder.with_name(f"{folder.name}-text"))),
        }
    dims = {signal: part.dim for signal, part in parts.items()}
    LearnedProducts(parts, product_network(folder.with_suffix(".onnx"), dims, dim, seed), dim).save(folder)
    return folder
