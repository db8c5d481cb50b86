"""Small files for faces, of the real layouts with random or chosen weights."""

import torch

from modules.model.networks.codeformer import CodeFormer, CodeFormerConfig
from modules.model.networks.retinaface import RetinaFace, RetinaFaceConfig

TINY_CODEFORMER = CodeFormerConfig(
    base=8,
    widths=(1, 2, 2),
    blocks=2,
    words=16,
    word_width=8,
    width=16,
    layers=2,
    intermediate=16,
    places=16,
    fused=(0, 1),
)
"""Faces of 16 pixels."""
TINY_RESIDUAL = RetinaFaceConfig(first=4, blocks=(1, 1, 1, 1), out=8)


def save_codeformer(path, *, seed=0):
    """Write a file as `codeformer-v0.1.0.pth` is: everything below `params_ema`."""
    torch.manual_seed(seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"params_ema": CodeFormer(TINY_CODEFORMER).state_dict()}, path)
    return path


def save_detector(path, network=None):
    """Write a file as `detection_Resnet50_Final.pth` is: names begin with `module.`."""
    network = network or RetinaFace(TINY_RESIDUAL)
    table = {f"module.{name}": tensor for name, tensor in network.state_dict().items()}
    table["module.body.bn1.num_batches_tracked"] = torch.tensor(7)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(table, path)
    return path
