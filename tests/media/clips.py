"""Clips made of pictures, as shops have them."""

from pathlib import Path

import av
import numpy as np
from PIL import Image


def clip(file: Path, pictures, seconds=1.0, rate=10, codec="libx264", gop=12):
    """A video that shows each picture for so long, with a whole frame after `gop` at most; written with PyAV."""
    width, height = pictures[0].size
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=rate, options={"g": str(gop)})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), format="rgb24")
            for _ in range(round(seconds * rate)):
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file


def plain(colour, size=(64, 48)):
    return Image.new("RGB", size, colour)
