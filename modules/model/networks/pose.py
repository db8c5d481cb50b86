"""The network of OpenPose for bodies (Cao et al. 2017), with the names of its file.

It tells where joints are, and in which direction limbs run, and corrects itself five times.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

LIMB_CHANNELS, JOINT_CHANNELS = 38, 19
"""Two for each of 19 limbs; 18 joints and the background."""
SEEN = 128
STAGES = 6
STEM = (
    ("conv1_1", 3, 64), ("conv1_2", 64, 64), ("", 0, 0),
    ("conv2_1", 64, 128), ("conv2_2", 128, 128), ("", 0, 0),
    ("conv3_1", 128, 256), ("conv3_2", 256, 256), ("conv3_3", 256, 256), ("conv3_4", 256, 256),
    ("", 0, 0),
    ("conv4_1", 256, 512), ("conv4_2", 512, 512), ("conv4_3_CPM", 512, 256),
    ("conv4_4_CPM", 256, SEEN),
)  # fmt: skip
"""Name, channels in and out; an empty name halves the sides."""
BRANCHES = (("L1", LIMB_CHANNELS), ("L2", JOINT_CHANNELS))


class PoseNetwork(nn.Module):
    """Limbs and joints of all people in a picture."""

    def __init__(self) -> None:
        super().__init__()
        for name, before, after in STEM:
            if name:
                self.add_module(name, nn.Conv2d(before, after, 3, padding=1))
        for branch, told in BRANCHES:
            widths: tuple[int, ...] = (SEEN, SEEN, SEEN, SEEN, 512, told)
            for place, (before, after) in enumerate(pairwise(widths), 1):
                side = 3 if place <= 3 else 1
                layer = nn.Conv2d(before, after, side, padding=side // 2)
                self.add_module(f"conv5_{place}_CPM_{branch}", layer)
            for stage in range(2, STAGES + 1):
                first = SEEN + LIMB_CHANNELS + JOINT_CHANNELS
                widths = (first, SEEN, SEEN, SEEN, SEEN, SEEN, SEEN, told)
                for place, (before, after) in enumerate(pairwise(widths), 1):
                    side = 7 if place <= 5 else 1
                    layer = nn.Conv2d(before, after, side, padding=side // 2)
                    self.add_module(f"Mconv{place}_stage{stage}_{branch}", layer)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """BGR (b, 3, h, w), -0.5 to 0.5, to limbs (b, 38, h / 8, w / 8) and joints (b, 19, ...)."""
        for name, _, _ in STEM:
            x = relu(self.get_submodule(name)(x)) if name else max_pool2d(x, 2)
        first = [[f"conv5_{place}_CPM_{branch}" for place in range(1, 6)] for branch, _ in BRANCHES]
        limbs, joints = (self._through(x, names) for names in first)
        for stage in range(2, STAGES + 1):
            seen = torch.cat([limbs, joints, x], dim=1)
            limbs, joints = (
                self._through(
                    seen, [f"Mconv{place}_stage{stage}_{branch}" for place in range(1, 8)]
                )
                for branch, _ in BRANCHES
            )
        return limbs, joints

    def _through(self, x: Tensor, names: list[str]) -> Tensor:
        for name in names[:-1]:
            x = relu(self.get_submodule(name)(x))
        result: Tensor = self.get_submodule(names[-1])(x)
        return result
