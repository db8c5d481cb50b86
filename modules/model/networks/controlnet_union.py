"""One ControlNet for many kinds of maps (ControlNet++, xinsir 2024), told which kind it reads.

A small transformer looks at the map's mean and shifts the map by what it sees. As the original is
written, its attention runs along the batch and not along what is seen; with one map for a whole
batch that means that the mean is looked at alone, which is what is computed here.
"""

import torch
from torch import Tensor, nn

from modules.model.networks.controlnet import ControlNet, ControlNetConfig
from modules.model.networks.joined_attention import JoinedLayer
from modules.model.networks.layers import Linear
from modules.model.networks.unet import timestep_embedding, two_layers

KIND_WIDTH, HEADS = 256, 8
KINDS = (
    ("openpose", "dw_openpose"),
    ("depth",),
    ("hed", "pidinet", "scribble", "softedge", "ted"),
    ("canny", "lineart", "anime", "mlsd"),
    ("normal",),
    ("seg", "oneformer"),
    ("tile", "blur"),
    ("inpaint",),
)
"""Beginnings of the preprocessors that make each kind of map, in the network's order."""
USUAL = 3
"""Thin lines: what is read where the preprocessor does not tell."""


class ControlNetUnion(ControlNet):
    """A latent, a map and its kind to what is added to the U-Net."""

    def __init__(self, config: ControlNetConfig, kinds: int, layers: int) -> None:
        super().__init__(config)
        width = config.unet.model_channels
        self.kinds, self.kind = kinds, min(USUAL, kinds - 1)
        """How many kinds it knows, and which one it is reading."""
        self.task_embedding = nn.Parameter(torch.zeros(kinds, width))
        self.transformer_layes = nn.ModuleList(  # spelt so in the files
            JoinedLayer(width, HEADS) for _ in range(layers)
        )
        self.spatial_ch_projs = Linear(width, width)
        self.control_add_embedding = two_layers(KIND_WIDTH * kinds, width * 4)

    def told(self) -> Tensor:
        """What is added to the timestep's vector: (1, 4 * model_channels)."""
        marks = torch.zeros(self.kinds)
        marks[self.kind] = 1
        waves = timestep_embedding(marks, KIND_WIDTH).flatten()[None]
        vector: Tensor = self.control_add_embedding(waves.to(self.task_embedding))
        return vector

    def joined(self, h: Tensor, hint: Tensor) -> Tensor:
        """The first feature map (B, C, h, w) with the map's (1 or B, C, h, w)."""
        x = (hint.mean(dim=(2, 3)) + self.task_embedding[self.kind])[:, None]  # (1 or B, 1, C)
        for layer in self.transformer_layes:
            x = layer(x)
        shift = self.spatial_ch_projs(x[:, 0])
        return h + hint + shift[:, :, None, None]


def kind_of_map(module: str, kinds: int) -> int:
    """The kind of the maps that preprocessor `module` makes, of so many that are known."""
    for kind, starts in enumerate(KINDS[:kinds]):
        if module.lower().startswith(starts):
            return kind
    return min(USUAL, kinds - 1)
