"""Networks of pictures in folders of timm and of open_clip, opened from local safetensors alone."""

import json
import os
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from sosie.encoders.brought.pixels import Said
from sosie.errors import EncoderError

OPEN_CLIP = "open_clip_config.json"
WEIGHTS = {"timm": ("model.safetensors",), "open_clip": ("open_clip_model.safetensors", "model.safetensors")}


class Look(nn.Module):
    """The side of a model of pictures and words that sees pictures."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401 (open_clip has no types)
        super().__init__()
        self.visual = model.visual

    def forward(self, pictures: Tensor) -> Tensor:
        """Pictures (n, 3, h, w) -> (n, dim)."""
        found: Tensor = self.visual(pictures)
        return found


def timm_network(folder: Path) -> nn.Module:
    """The network of a folder that timm wrote, without its classifier. Raises EncoderError."""
    _weights(folder, "timm")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import timm
    except ImportError as error:
        raise EncoderError(f"{folder}: was written by timm: pip install 'sosie[timm]' ({error}).") from error
    try:
        network: nn.Module = timm.create_model(f"local-dir:{folder.absolute()}", pretrained=True, num_classes=0)
    except Exception as error:  # timm raises many kinds
        raise EncoderError(f"{folder}: can't be opened by timm {timm.__version__} ({error}).") from error
    return network.eval()


def open_clip_network(folder: Path) -> nn.Module:
    """The side of pictures of a folder that open_clip wrote. Raises EncoderError."""
    _weights(folder, "open_clip")
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        import open_clip
    except ImportError as error:
        raise EncoderError(f"{folder}: was written by open_clip: pip install 'sosie[open-clip]' ({error}).") from error
    try:
        model = open_clip.create_model(f"local-dir:{folder.absolute()}", require_pretrained=True)
    except Exception as error:  # open_clip raises many kinds
        raise EncoderError(f"{folder}: can't be opened by open_clip {open_clip.__version__} ({error}).") from error
    return Look(model).eval()


def said_by(folder: Path) -> Said:
    """What the configuration of such a folder says of the pictures it wants. Raises EncoderError."""
    file = next(file for file in (folder / OPEN_CLIP, folder / "config.json") if file.is_file())
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if file.name == OPEN_CLIP:
            size, pixels = values["model_cfg"]["vision_cfg"].get("image_size", 224), values["preprocess_cfg"]
        else:
            pixels = values.get("pretrained_cfg", values)
            size = pixels["input_size"][-1]
        side = size if isinstance(size, int) else size[0]
        return Said(side, "nchw", (tuple(map(float, pixels["mean"])), tuple(map(float, pixels["std"]))))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EncoderError(f"{file}: does not say how pictures are to be given ({error!r}).") from error


def _weights(folder: Path, kind: str) -> None:
    if not any((folder / name).is_file() for name in WEIGHTS[kind]):
        raise EncoderError(
            f"{folder}: holds no {WEIGHTS[kind][0]}; other files of weights may run a program when they are opened. "
            "Where you trust them: safetensors.torch.save_file(torch.load(FILE, weights_only=True), NEW)."
        )
