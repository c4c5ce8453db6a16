"""ONNX files made by others, with what sosie hands over at their start and one vector a row at their end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from sosie.encoders.brought.pixels import LUMA, PictureInput, Said, picture_input
from sosie.errors import EncoderError

OLDEST = 7  # set of operators: those before had other rules for axes of different lengths
TOKENS = ("input_ids", "tokens")  # names of what a network of texts takes
MASK = ("attention_mask", "mask")
KINDS = ("token_type_ids", "segment_ids")  # zeros: one text at a time
PREFERRED = ("sentence_embedding", "last_hidden_state")  # outputs that are taken where nobody says which

Step = tuple[str, tuple[str, ...], dict[str, Any]]  # operator, what it takes besides the last result, attributes


@dataclass(frozen=True, slots=True)
class Graph:
    """An opened ONNX file."""

    source: Path
    model: Any  # onnx.ModelProto

    @property
    def inputs(self) -> dict[str, Any]:
        """What has to be given, by name."""
        own = {array.name for array in self.model.graph.initializer}
        return {value.name: value for value in self.model.graph.input if value.name not in own}

    @property
    def outputs(self) -> list[str]:
        """Names of what it answers."""
        return [value.name for value in self.model.graph.output]

    def axes(self, name: str) -> list[int | None] | None:
        """Lengths of the axes of a tensor, None where any will do; None where nothing is known of them."""
        graph = self.model.graph
        for value in (*graph.input, *graph.output, *graph.value_info):
            if value.name == name and value.type.tensor_type.HasField("shape"):
                return [axis.dim_value or None for axis in value.type.tensor_type.shape.dim]
        return None

    def made_by(self, name: str) -> str:
        """The operator that a tensor comes from."""
        return next((node.op_type for node in self.model.graph.node if name in node.output), "")


def open_graph(source: Path) -> Graph:
    """Read an ONNX file, its shapes filled in. Raises EncoderError where it is none, or too old."""
    import onnx

    try:
        model = onnx.load(str(source))
        graph = Graph(source, onnx.shape_inference.infer_shapes(model))
    except Exception as error:  # onnx and protobuf share no base
        raise EncoderError(f"{source}: can't be read as an ONNX file ({error}).") from error
    version = next((used.version for used in model.opset_import if used.domain in ("", "ai.onnx")), 0)
    if version < OLDEST:
        raise EncoderError(
            f"{source}: was written for operators of version {version}; export it for {OLDEST} or later."
        )
    return graph


def picture_graph(graph: Graph, says: Sequence[Said], layer: str) -> tuple[bytes, PictureInput, str]:
    """An ONNX file that takes `pixels`, uint8 (n, size, size, 3), and gives `output`, (n, dim); and how it was read.

    `says` comes before what the file itself says; maps are averaged. The text names the output that was taken.
    Raises EncoderError: no network of pictures, or unclear what it takes or gives.
    """
    from onnx import TensorProto

    if len(graph.inputs) != 1:
        raise EncoderError(f"{graph.source}: takes {', '.join(graph.inputs)}; a network of pictures takes one input.")
    ((entry, value),) = graph.inputs.items()
    kind = value.type.tensor_type.elem_type
    takes_bytes = kind == TensorProto.UINT8
    notes = {note.key: note.value for note in graph.model.metadata_props}
    own = Said(int(notes.get("size", "0")), notes.get("layout", ""), notes.get("pixels", ""))
    wanted = picture_input(graph.axes(entry) or [], takes_bytes, [*says, own], graph.source)
    name = _output(graph, layer or notes.get("layer", ""))
    axes = graph.axes(name)
    if axes is not None and len(axes) not in (2, 4):
        raise EncoderError(f"{graph.source}: '{name}' has {len(axes)} axes; a vector a picture is needed: say --layer.")

    mean, std = (np.array(part, np.float32) for part in wanted.pixels)
    arrays = {"white": np.float32(255), "mean": mean, "std": std, "luma": np.array(LUMA, np.float32)[:, None]}
    steps: list[Step] = [("Cast", (), {"to": TensorProto.FLOAT})]
    if wanted.channels == 1:
        steps.append(("MatMul", ("luma",), {}))
    if not takes_bytes:
        steps += [("Div", ("white",), {}), ("Sub", ("mean",), {}), ("Div", ("std",), {})]
    if wanted.layout == "nchw":
        steps.append(("Transpose", (), {"perm": [0, 3, 1, 2]}))
    before = _chain("pixels", [*steps, ("Cast", (), {"to": kind})], _own(entry))

    steps = [("Cast", (), {"to": TensorProto.FLOAT})]
    if axes is not None and len(axes) == 4:
        turned: list[Step] = [("Transpose", (), {"perm": [0, 3, 1, 2]})] if wanted.layout == "nhwc" else []
        steps += [*turned, ("GlobalAveragePool", (), {}), ("Flatten", (), {})]
    after = _chain(_own(name), steps, "output")
    inputs = {"pixels": (TensorProto.UINT8, ["n", wanted.size, wanted.size, 3])}
    return _framed(graph, inputs, before, after, arrays), wanted, name


def text_graph(graph: Graph, layer: str) -> tuple[bytes, str, bool]:
    """An ONNX file that takes `tokens` and `mask`, int64 (n, length), and gives `output`, (n, dim).

    Also the name of the output that was taken, and whether it is a vector a token: these are averaged.
    Raises EncoderError: no network of texts, or unclear what it gives.
    """
    from onnx import TensorProto

    given = {**dict.fromkeys(TOKENS, "tokens"), **dict.fromkeys(MASK, "mask"), **dict.fromkeys(KINDS, "nothing")}
    strange = [name for name in graph.inputs if name not in given]
    if strange or not {*TOKENS} & {*graph.inputs}:
        raise EncoderError(
            f"{graph.source}: takes {', '.join(graph.inputs)}; a network of texts takes {TOKENS[0]}, and may take "
            f"{MASK[0]} and {KINDS[0]}."
        )
    name = _output(graph, layer or next((name for name in PREFERRED if name in graph.outputs), ""))
    axes = graph.axes(name) or [None, None]
    if len(axes) not in (2, 3):
        raise EncoderError(f"{graph.source}: '{name}' has {len(axes)} axes; a vector a text or token is needed.")

    arrays = {"nil": np.int64(0), "row": np.array([0, 1, -1])}
    before = _chain("tokens", [("Mul", ("nil",), {})], "nothing")
    for entry, value in graph.inputs.items():
        before += _chain(given[entry], [("Cast", (), {"to": value.type.tensor_type.elem_type})], _own(entry))
    as_floats: Step = ("Cast", (), {"to": TensorProto.FLOAT})
    if len(axes) == 2:
        after = _chain(_own(name), [as_floats], "output")
    else:  # the sum over the tokens that are there points where their mean does
        after = [
            *_chain("mask", [as_floats, ("Reshape", ("row",), {})], "kept"),
            *_chain(_own(name), [as_floats], "states"),
            *_chain("kept", [("MatMul", ("states",), {}), ("Flatten", (), {})], "output"),
        ]
    inputs = dict.fromkeys(("tokens", "mask"), (TensorProto.INT64, ["n", "length"]))
    return _framed(graph, inputs, before, after, arrays), name, len(axes) == 3


def _output(graph: Graph, named: str) -> str:
    if named:
        known = {name for node in graph.model.graph.node for name in node.output if name}
        if named not in known:
            raise EncoderError(
                f"{graph.source}: nothing in it is named '{named}'; it gives {', '.join(graph.outputs)}."
            )
        return named
    if len(graph.outputs) != 1:
        raise EncoderError(f"{graph.source}: gives {', '.join(graph.outputs)}; say which: --layer.")
    return graph.outputs[0]


def _own(name: str) -> str:
    return f"own/{name}"  # no name of theirs is one of ours


def _chain(first: str, steps: Sequence[Step], last: str) -> list[Any]:
    """Operators one after the other, from the tensor `first` to the tensor `last`."""
    from onnx import helper

    names = [first, *(f"{last} {at}" for at in range(1, len(steps))), last]
    return [
        helper.make_node(operator, [before, *more], [after], **how)
        for (operator, more, how), (before, after) in zip(steps, pairwise(names), strict=True)
    ]


def _framed(
    graph: Graph,
    inputs: Mapping[str, tuple[int, Sequence[Any]]],
    before: Sequence[Any],
    after: Sequence[Any],
    arrays: Mapping[str, Any],
) -> bytes:
    """The file with other inputs, one output, and operators before and after its own."""
    from onnx import TensorProto, compose, helper, numpy_helper

    model = compose.add_prefix(graph.model, _own(""))
    own = model.graph
    whole = helper.make_graph(
        [*before, *own.node, *after],
        "network",
        [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["n", None])],
        [*own.initializer, *(numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items())],
        sparse_initializer=own.sparse_initializer,
    )
    made = helper.make_model(
        whole, opset_imports=model.opset_import, functions=model.functions, ir_version=max(model.ir_version, 8)
    )
    return bytes(made.SerializeToString())
