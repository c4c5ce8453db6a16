"""The verbs that take in a model: bring one that was made elsewhere, activate one."""

import sys
from contextlib import ExitStack
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sosie.cli.options import DEFAULT, Json, StoreOption

if TYPE_CHECKING:
    from sosie.engine.moved import Moved


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


def activate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a trained encoder, or a brought one.")],
    store: StoreOption = DEFAULT,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Switch without asking.")] = False,
    as_json: Json = False,
) -> None:
    """Switch a store to an encoder: shows how look-alikes change, asks, then switches all products at once.

    A service that runs goes on answering, and answers by the new encoder from then on. `sosie rollback` undoes it.
    """
    from sosie.cli import show
    from sosie.engine.activate import activate as switch_to

    with ExitStack() as running:
        progress = running.enter_context(show.progress())

        def wanted(moved: "Moved") -> bool:
            running.close()  # a bar that moves would write over the question
            if not as_json:
                show.out.print(_told(moved), markup=False, soft_wrap=True)
            return yes or (sys.stdin.isatty() and not as_json and typer.confirm("Switch to it?"))

        done = switch_to(store, model, progress, wanted)
    show.warn(done.notes)
    if as_json:
        show.print_json(done.as_json())
    elif not done.switched:
        show.out.print(f"{store}: not switched; --yes does it without asking.", markup=False)
    elif done.moved is None:
        show.out.print(f"{store}: {model} was in use already.", markup=False)
    else:
        show.out.print(
            f"{store}: version {done.version}, {done.products:,} products by {done.model} ({done.signal}) in "
            f"{done.seconds:.1f} s; sosie rollback undoes it.",
            markup=False,
            soft_wrap=True,
        )


def _told(moved: "Moved") -> str:
    """How look-alikes change, in a few lines."""
    lines = [
        f"Of the first {moved.first} look-alikes of {moved.asked:,} products {moved.kept:.0%} stay; "
        f"{moved.lost:,} of these products keep none."
    ]
    for one in moved.examples:
        before, after = (", ".join(ids[:5]) or "nothing" for ids in (one.before, one.after))
        lines.append(f"  {one.id}: {before}, ... -> {after}, ...")
    return "\n".join(lines)
