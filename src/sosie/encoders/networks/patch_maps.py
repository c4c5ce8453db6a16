"""What EfficientNet-Lite0 sees at each place of a picture, before it forgets the places."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the name everybody knows)

from sosie.encoders.networks.efficientnet_lite import STAGES, EfficientNetLite0

EARLY = sum(stage.repeats for stage in STAGES[:5])  # blocks up to the last map of 14 × 14
LATE = EARLY + STAGES[5].repeats  # and up to the last but one of 7 × 7, which is less bent on ImageNet's classes
WIDTHS = STAGES[4].width, STAGES[5].width


class PatchMaps(nn.Module):
    """The maps of two depths side by side, the earlier one averaged to the places of the later one."""

    def __init__(self, network: EfficientNetLite0) -> None:
        super().__init__()
        self.stem, self.norm = network._conv_stem, network._bn0
        self.early, self.late = network._blocks[:EARLY], network._blocks[EARLY:LATE]

    def forward(self, pictures: Tensor) -> Tensor:
        """Normalised pictures (n, 3, 224, 224) -> (n, 49 places, 112 + 192)."""
        early: Tensor = self.early(F.relu6(self.norm(self.stem(pictures))))
        late = self.late(early)
        return torch.cat([F.avg_pool2d(early, 2), late], 1).flatten(2).transpose(1, 2)
