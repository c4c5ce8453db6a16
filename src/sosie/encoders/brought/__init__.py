"""Encoders of the user's own: a model made elsewhere becomes the folder of an encoder, once."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sosie.encoders.brought.graphs import Graph, open_graph, picture_graph, text_graph
from sosie.encoders.brought.pixels import PREPROCESSOR, Said, picture_input, preprocessing
from sosie.encoders.brought.texts import CONFIG, MODULES, VOCABULARY, read_text_folder
from sosie.encoders.export import exported, file_key, kept
from sosie.encoders.learned import BroughtPictures, LearnedTexts
from sosie.encoders.minilm import open_tokenizer
from sosie.encoders.runtime import Precision, Runtime
from sosie.encoders.state import digest, unit_rows
from sosie.encoders.windows import LONGEST
from sosie.errors import EncoderError
from sosie.types import Matrix

if TYPE_CHECKING:
    from torch import nn

VERSION = 1
SIGNALS = ("image", "text")
ALIKE = 0.9999  # least cosine of what a network says of something alone and beside others
PICKLES = (".bin", ".ckpt", ".h5", ".hdf5", ".joblib", ".pickle", ".pkl", ".pt", ".pth")


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a model is to be read; what is empty is found out, from the model or from what lies beside it."""

    size: int = 0  # pixels a side
    layout: str = ""  # nchw, nhwc
    pixels: str = ""  # what numbers stand for: see RANGES
    layer: str = ""  # whose answer is taken: a layer of a Keras model, a tensor of an ONNX file
    tokenizer: Path | None = None  # of an ONNX file of texts
    precision: Precision = "fp32"


@dataclass(frozen=True, slots=True)
class Brought:
    """A model that became an encoder: where it is, and how it was read."""

    folder: Path
    kind: str
    signal: str
    dim: int
    reads: str
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    """A network as ONNX, and how it was understood."""

    kind: str
    network: Path
    reads: str
    remarks: tuple[str, ...] = ()
    size: int = 0  # of pictures
    vocabulary: Path | None = None  # of texts
    longest: int = LONGEST


def bring(source: str | Path, signal: str, folder: str | Path, wanted: Wanted = Wanted()) -> Brought:
    """Make the folder of an encoder from a model that was made elsewhere; settings can name it, nothing else is needed.

    `source` is a `.keras` file, an `.onnx` file, or a folder of sentence-transformers, Hugging Face, timm or open_clip;
    `signal` is "image" or "text". No program that comes with a model is run, and no pickle is opened. Raises
    EncoderError: `folder` is there already, or the model can't be used, or not understood without being told more.
    """
    source, folder = Path(source), Path(folder)
    if signal not in SIGNALS:
        raise EncoderError(f"A model can be brought for the signals {' and '.join(SIGNALS)}, not for '{signal}'.")
    if folder.exists():
        raise EncoderError(f"{folder}: is there already; give the encoder another folder, or remove this one.")
    found = _pictures(source, wanted) if signal == "image" else _texts(source, wanted)
    dim = _checked(found, source)
    encoder: BroughtPictures | LearnedTexts
    if found.vocabulary is None:
        encoder = BroughtPictures(found.network, dim, found.size, wanted.precision)
    else:
        encoder = LearnedTexts(found.network, found.vocabulary, dim, wanted.precision, longest=found.longest)
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    encoder.save(partial)
    partial.rename(folder)
    return Brought(folder, found.kind, signal, dim, found.reads, found.remarks)


def _pictures(source: Path, wanted: Wanted) -> _Found:
    said = Said(wanted.size, wanted.layout, wanted.pixels)
    kind = _kind(source)
    if kind == "ONNX":
        graph = open_graph(source)
        beside = [preprocessing(place / PREPROCESSOR) for place in (source.parent, source.parent.parent)]
        content, input, name = picture_graph(graph, [said, *beside], wanted.layer)
        return _Found(kind, _kept(graph, content), input.told, _shares(graph, name), input.size)
    if wanted.layer and kind != "Keras":
        raise EncoderError(f"{source}: 'layer' names a part of ONNX files and Keras models, not of {kind}.")
    key = f"{VERSION} {_content(source)} {wanted}"
    remarks: tuple[str, ...] = ()
    if kind == "Keras":
        from sosie.encoders.networks.keras_model import KerasNetwork, open_keras, takes_bytes

        model, told = open_keras(source, wanted.layer)
        own = Said(pixels="0..255" if takes_bytes(model) else "")
        input = picture_input(tuple(model.inputs[0].shape), False, [said, own], source)
        network: nn.Module = KerasNetwork(model)
        remarks = tuple(told)
    elif kind in ("timm", "open_clip"):
        from sosie.encoders.networks.vision_folders import open_clip_network, said_by, timm_network

        input = picture_input((None, 3, None, None), False, [said, said_by(source)], source)
        network = (timm_network if kind == "timm" else open_clip_network)(source)
    elif kind == "Hugging Face":
        from sosie.encoders.networks.hugging_face import picture_network

        input = picture_input((None, 3, None, None), False, [said, preprocessing(source / PREPROCESSOR)], source)
        network = picture_network(source)
    else:
        raise EncoderError(f"{source}: is of {kind}, which reads texts: bring it for the signal 'text'.")
    from sosie.encoders.networks.from_bytes import FromBytes

    example = {"pixels": np.zeros((2, input.size, input.size, 3), np.uint8)}
    file = _exported(source, key, FromBytes(network, input), example, {"pixels": ("n",)})
    return _Found(kind, file, input.told, remarks, input.size)


def _texts(source: Path, wanted: Wanted) -> _Found:
    kind = _kind(source)
    if wanted.size or wanted.layout or wanted.pixels:
        raise EncoderError("Size, layout and pixels are of pictures; the signal 'text' reads words.")
    if kind == "ONNX":
        graph = open_graph(source)
        content, name, averaged = text_graph(graph, wanted.layer)
        vocabulary = _beside(source, wanted.tokenizer)
        reads = f"texts; {f'the vectors of its tokens, {name}, averaged' if averaged else name}"
        return _Found(kind, _kept(graph, content), reads, vocabulary=_plain(vocabulary, False))
    if kind not in ("sentence-transformers", "Hugging Face"):
        raise EncoderError(
            f"{source}: is of {kind}; for the signal 'text' a folder of sentence-transformers or Hugging Face, or an "
            "ONNX file with its tokenizer.json, can be brought."
        )
    plan = read_text_folder(source)
    from sosie.encoders.networks.hugging_face import text_network

    example = {"tokens": np.ones((2, 8), np.int64), "mask": np.ones((2, 8), np.int64)}
    axes = dict.fromkeys(example, ("n", "length"))
    network = _exported(source, f"{VERSION} {_content(source)}", text_network(plan), example, axes)
    remarks = (f"Its folder wants '{plan.prompt}' before each text; sosie puts nothing there.",) if plan.prompt else ()
    reads = f"texts of up to {plan.longest} tokens at once; states pooled by {plan.pooling}"
    return _Found(
        kind, network, reads, remarks, vocabulary=_plain(plan.vocabulary, plan.lowercase), longest=plan.longest
    )


def _kind(source: Path) -> str:
    """Who made a model. Raises EncoderError where nobody known did, or opening it could run a program."""
    if source.suffix == ".keras" and source.is_file():
        return "Keras"
    if source.suffix == ".onnx" and source.is_file():
        return "ONNX"
    if source.suffix.lower() in PICKLES and source.is_file():
        raise EncoderError(
            f"{source}: may run a program when it is opened. Write the model from where it was made as .keras or "
            ".onnx, or as a folder with safetensors."
        )
    if not source.is_dir():
        raise EncoderError(f"{source}: is {'no model that is known' if source.exists() else 'not there'}. {_KNOWN}")
    if (source / "open_clip_config.json").is_file():
        return "open_clip"
    if (source / MODULES).is_file():
        return "sentence-transformers"
    config = source / CONFIG
    text = config.read_text(encoding="utf-8", errors="replace") if config.is_file() else ""
    if '"model_type"' in text:
        return "Hugging Face"
    if '"architecture"' in text:
        return "timm"
    raise EncoderError(
        f"{source}: no model was found there; looked for {MODULES}, open_clip_config.json and {CONFIG}. {_KNOWN}"
    )


_KNOWN = (
    "A .keras or .onnx file can be brought, and a folder of sentence-transformers, Hugging Face, timm or open_clip."
)


def _exported(
    source: Path,
    key: str,
    network: "nn.Module",
    example: Mapping[str, NDArray[Any]],
    axes: Mapping[str, tuple[str, ...]],
) -> Path:
    try:
        return exported("brought", key, lambda: network, example, axes)
    except EncoderError as error:
        raise EncoderError(f"{source}: {error}") from error


def _kept(graph: Graph, content: bytes) -> Path:
    return kept("brought.onnx", f"{VERSION} {_key(content)}", lambda: content)


def _shares(graph: Graph, name: str) -> tuple[str, ...]:
    if graph.made_by(name) != "Softmax":
        return ()
    return (
        f"'{name}' gives shares of classes, which tell little of likeness; a tensor before it may be better: --layer.",
    )


def _beside(source: Path, tokenizer: Path | None) -> Path:
    places = [tokenizer] if tokenizer else [place / VOCABULARY for place in (source.parent, source.parent.parent)]
    for place in places:
        if place.is_file():
            return place
    raise EncoderError(f"{source}: has no {VOCABULARY}; looked for {' and '.join(map(str, places))}: --tokenizer FILE.")


def _plain(vocabulary: Path, lowercase: bool) -> Path:
    """A tokenizer that neither pads nor cuts off; its texts in lower case where that is wanted."""
    tokenizer = open_tokenizer(vocabulary)
    tokenizer.no_padding()
    tokenizer.no_truncation()
    if lowercase:
        from tokenizers.normalizers import Lowercase, Sequence

        tokenizer.normalizer = Sequence([Lowercase(), *([tokenizer.normalizer] if tokenizer.normalizer else [])])
    content = tokenizer.to_str().encode()
    return kept(VOCABULARY, _key(content), lambda: content)


def _key(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _content(source: Path) -> str:
    files = sorted(file for file in source.rglob("*") if file.is_file()) if source.is_dir() else [source]
    return digest("\n".join(f"{file.relative_to(source.parent)} {file_key(file)}" for file in files))


def _checked(found: _Found, source: Path) -> int:
    """Length of a network's vectors, after it was tried. Raises EncoderError where they can't be used."""
    generator = np.random.default_rng(0)
    batch: Mapping[str, Any]
    if found.vocabulary is None:
        shades = generator.integers(0, 256, (3, 2, 2, 3), np.uint8)
        batch = {
            "pixels": shades.repeat(-(-found.size // 2), 1).repeat(-(-found.size // 2), 2)[
                :, : found.size, : found.size
            ]
        }
    else:
        tokens = generator.integers(1, open_tokenizer(found.vocabulary).get_vocab_size(), (3, 6))
        batch = {"tokens": tokens, "mask": np.ones_like(tokens)}
    try:
        runtime = Runtime(found.network, "fp32")
        together: Matrix = runtime.run(batch)
        alone = np.concatenate(
            [runtime.run({name: array[at : at + 1] for name, array in batch.items()}) for at in range(3)]
        )
    except Exception as error:  # the engines raise kinds of their own
        raise EncoderError(
            f"{source}: can't be run on what sosie gives it, {found.reads} "
            f"({str(error).strip().splitlines()[-1][:300]}). Layout or size may be others, or its first axis is fixed: "
            "export it again so that any number of rows can come."
        ) from error
    if together.ndim != 2 or len(together) != 3:
        raise EncoderError(
            f"{source}: gives {' x '.join(map(str, together.shape))} of 3 inputs; a vector each is needed."
        )
    if not np.isfinite(together).all():
        raise EncoderError(f"{source}: gives numbers that are not finite.")
    if np.allclose(together[0], together[1:], rtol=1e-6, atol=0):
        raise EncoderError(f"{source}: gives the same of different inputs; are its weights trained, its pixels right?")
    if (unit_rows(together) * unit_rows(alone)).sum(1).min() < ALIKE:
        raise EncoderError(f"{source}: answers differently alone and beside others; export it in evaluation mode.")
    return int(together.shape[1])
