"""Tiny models as others make them: ONNX files written by hand, a Keras file, folders of transformers."""

import json
from pathlib import Path

import numpy as np
import onnx
from learned_folders import MARKS, WORDS, drawn, text_network, tokenizer
from onnx import TensorProto, helper, numpy_helper

SIZE, DIM = 24, 8
KINDS = {"float": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "uint8": TensorProto.UINT8}


def onnx_pictures(
    file, layout="nchw", kind="float", channels=3, shape=None, notes=None, maps=False, softmax=False, weight=None
):
    """Mean colours of 2 x 2 patches times a random matrix; with `maps`, a random matrix for each pixel's colours."""
    weight = drawn(channels if maps else 4 * channels, DIM) if weight is None else weight
    nodes = [helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT)]  # a name that sosie uses, too
    last = "floats"
    if layout == "nhwc":
        nodes.append(helper.make_node("Transpose", [last], ["planes"], perm=[0, 3, 1, 2]))
        last = "planes"
    if maps:
        nodes.append(helper.make_node("Conv", [last, "weight"], ["maps"]))
        last, weight = "maps", weight.T[:, :, None, None]
        if layout == "nhwc":
            nodes.append(helper.make_node("Transpose", [last], ["turned"], perm=[0, 2, 3, 1]))
            last = "turned"
    else:
        nodes += [
            helper.make_node("AveragePool", [last], ["pooled"], kernel_shape=[SIZE // 2] * 2, strides=[SIZE // 2] * 2),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weight"], ["vectors"]),
        ]
        last = "vectors"
    if softmax:
        nodes.append(helper.make_node("Softmax", [last], ["shares"]))
        last = "shares"
    shape = shape or (["n", channels, SIZE, SIZE] if layout == "nchw" else ["n", SIZE, SIZE, channels])
    graph = helper.make_graph(
        [*nodes, helper.make_node("Identity", [last], ["output"])],
        "theirs",
        [helper.make_tensor_value_info("pixels", KINDS[kind], shape)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight.astype(np.float32), "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, notes or {})
    file.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(file))
    return file


def onnx_texts(folder: Path, states=False, names=("input_ids", "attention_mask", "token_type_ids"), kind="int64"):
    """The vectors of the words summed, or (`states`) one a token; those of the second kind of token are far away."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(folder / "tokenizer.json")
    plain = onnx.load(str(text_network(folder / "plain.onnx", DIM)))
    integers = TensorProto.INT64 if kind == "int64" else TensorProto.INT32
    nodes = [
        helper.make_node("Cast", [names[0]], ["tokens"], to=TensorProto.INT64),
        helper.make_node("Cast", [names[1]], ["mask"], to=TensorProto.INT64),
        helper.make_node("Cast", [names[2]], ["far"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["far", "thousand"], ["shift"]),
        helper.make_node("Unsqueeze", ["shift", "last"], ["shifts"]),
    ]
    own = list(plain.graph.node)
    last = "vectors" if states else "output"
    if states:
        own = own[:1]
    nodes += own
    if states:
        nodes.append(helper.make_node("Add", ["vectors", "shifts"], ["last_hidden_state"]))
        last = "last_hidden_state"
    axes = ["n", "length", DIM] if states else ["n", DIM]
    graph = helper.make_graph(
        nodes,
        "theirs",
        [helper.make_tensor_value_info(name, integers, ["n", "length"]) for name in names],
        [helper.make_tensor_value_info(last, TensorProto.FLOAT, axes)],
        [*plain.graph.initializer, numpy_helper.from_array(np.float32(1000), "thousand")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, str(folder / "model.onnx"))
    return folder / "model.onnx"


def keras_pictures(file, scaled=True, softmax=False):
    """A small convolutional network, with its own scaling of pixels in front where `scaled`."""
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            *([layers.Rescaling(1 / 255, offset=-0.5)] if scaled else []),
            layers.Conv2D(6, 3, strides=2, padding="same", activation="relu", name="conv"),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(DIM, activation="softmax" if softmax else None, name="last"),
        ]
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    model.save(file)
    return model


def bert(folder: Path, seed=0, **config):
    """A random BERT of 16 numbers a token, whose states depend on the words of our tests above all."""
    import torch
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    made = BertConfig(vocab_size=len(MARKS) + len(WORDS.split()), max_position_embeddings=64, **(sizes | config))
    model = BertModel(made, add_pooling_layer=False)
    with torch.no_grad():
        model.embeddings.word_embeddings.weight[len(MARKS) :] *= 20
        model.embeddings.position_embeddings.weight.zero_()
    model.save_pretrained(folder)
    marks = dict(zip(("pad_token", "cls_token", "sep_token", "unk_token"), MARKS, strict=True))
    tokens = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer(folder / "tokenizer.json")), **marks)
    tokens.model_max_length = 48
    tokens.save_pretrained(folder)
    return folder


def sentence_folder(folder: Path, pooling="mean", dense=True, seed=0):
    """A folder of sentence-transformers around that BERT, written by its own library."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Dense, Normalize, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    inner = bert(folder.with_name(f"{folder.name}-bert"), seed)
    modules = [Transformer(str(inner)), Pooling(16, pooling_mode=pooling), *([Dense(16, DIM)] if dense else [])]
    SentenceTransformer(modules=[*modules, Normalize()], device="cpu").save(str(folder))
    return folder


def vit(folder: Path, seed=0, **more):
    """A random ViT for pictures of SIZE pixels, and how it wants them."""
    import torch
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(seed)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = ViTConfig(image_size=SIZE, patch_size=8, **sizes, **more)
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    wants = {
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "size": {"height": SIZE, "width": SIZE},
    }
    wants |= {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4]}
    (folder / "preprocessor_config.json").write_text(json.dumps(wants))
    return folder
