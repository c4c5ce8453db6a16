"""Networks of pictures made elsewhere, behind what brings bytes into the form they want."""

import torch
from torch import Tensor, nn

from sosie.encoders.brought.pixels import LUMA, PictureInput
from sosie.errors import EncoderError


class FromBytes(nn.Module):
    """A network of pictures that takes bytes and gives one vector a picture; maps are averaged."""

    mean: Tensor
    std: Tensor
    luma: Tensor

    def __init__(self, network: nn.Module, input: PictureInput) -> None:
        super().__init__()
        self.network, self.input = network, input
        mean, std = (torch.tensor(part, dtype=torch.float32) for part in input.pixels)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self.register_buffer("luma", torch.tensor(LUMA)[:, None])

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB bytes (n, size, size, 3) uint8 -> (n, dim). Raises EncoderError where neither vectors nor maps come."""
        x = pixels.to(torch.float32)
        if self.input.channels == 1:
            x = x @ self.luma
        x = (x / 255.0 - self.mean) / self.std
        first = self.input.layout == "nchw"
        found = self.network(x.permute(0, 3, 1, 2) if first else x)
        if isinstance(found, Tensor) and found.ndim == 4:
            return found.mean((2, 3) if first else (1, 2))
        if not isinstance(found, Tensor) or found.ndim != 2:
            what = f"{found.ndim} axes" if isinstance(found, Tensor) else f"a {type(found).__name__}"
            raise EncoderError(f"The network gives {what}; a vector a picture is needed: name a layer, --layer.")
        return found
