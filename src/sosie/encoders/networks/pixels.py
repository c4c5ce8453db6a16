"""What networks of pictures share: pixels as they lie in memory to normalised channels, and their usual layer."""

import torch
from torch import Tensor, nn


def normalised(pixels: Tensor) -> Tensor:
    """RGB (n, h, w, 3), uint8 or float in 0..255 -> (n, 3, h, w) in about -2..2, channels last in memory."""
    return (pixels.permute(0, 3, 1, 2).to(torch.float32) - 127.5) / 64.0


def convolution(inside: int, outside: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, ReLU: (n, inside, h, w) -> (n, outside, ceil(h / stride), ceil(w / stride))."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU()
    )
