"""The verb that takes in a model made elsewhere: bring."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sosie.cli.options import Json


class Signal(StrEnum):
    """What a model can be brought for."""

    image = "image"
    text = "text"


class Layout(StrEnum):
    """How the axes of pictures lie: colours before them, or after."""

    nchw = "nchw"
    nhwc = "nhwc"


class Precision(StrEnum):
    """What a network computes in."""

    fp32 = "fp32"
    auto = "auto"
    bf16 = "bf16"


def bring(
    model: Annotated[
        Path,
        typer.Argument(
            metavar="MODEL",
            help="A .keras or .onnx file, or a folder of sentence-transformers, Hugging Face, timm or open_clip.",
        ),
    ],
    signal: Annotated[Signal, typer.Option("--signal", help="What it reads of a product: image or text.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where the encoder is written to.")],
    size: Annotated[int, typer.Option("--size", min=0, max=1024, help="Pixels a side; 0 = as the model says.")] = 0,
    layout: Annotated[
        Layout | None, typer.Option("--layout", help="Axes of its pictures where that is not clear: nchw, nhwc.")
    ] = None,
    pixels: Annotated[
        str,
        typer.Option(
            "--pixels",
            metavar="RANGE",
            help="What its numbers are: 0..255, 0..1, -1..1, imagenet, clip, or means/deviations where white is 1.",
        ),
    ] = "",
    layer: Annotated[
        str, typer.Option("--layer", metavar="NAME", help="Take the answer of this layer or tensor, not the last one.")
    ] = "",
    tokenizer: Annotated[
        Path | None, typer.Option("--tokenizer", metavar="FILE", help="The tokenizer.json of an ONNX file of texts.")
    ] = None,
    precision: Annotated[
        Precision,
        typer.Option(
            "--precision", help="fp32, auto or bf16; the last two are quicker where the processor can, and less exact."
        ),
    ] = Precision.fp32,
    as_json: Json = False,
) -> None:
    """Make an encoder of a model of your own, for the settings to name."""
    from sosie.cli import show
    from sosie.encoders.brought import Wanted
    from sosie.encoders.brought import bring as bring_in

    wanted = Wanted(size, layout.value if layout else "", pixels, layer, tokenizer, precision.value)
    brought = bring_in(model, signal.value, out, wanted)
    show.warn(brought.remarks)
    if as_json:
        show.print_json(asdict(brought) | {"folder": str(brought.folder)})
        return
    facts = {"made from": f"{model} ({brought.kind})", "reads": brought.reads, "numbers a product": brought.dim}
    setting = f'[signals.{brought.signal}] encoder = "{brought.folder}"'
    show.print_facts(str(brought.folder), facts | {"to use it, say in sosie.toml": setting})
