"""Networks that draw a clean face for a spoilt one: CodeFormer, GFPGAN and RestoreFormer.

CodeFormer's network is our own; spandrel knows the other two by their weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.face_files import CODEFORMER, GFPGAN, RESTOREFORMER, kind_of
from modules.model.files import read_weights
from modules.model.networks.codeformer import CodeFormer, CodeFormerConfig
from modules.model.upscaler import load_upscaler

USUAL_SIDE = 512

Mend = Callable[[Tensor, float], Tensor]
"""A face (1, 3, side, side) from -1 to 1, RGB, and how close to stay to it, to the clean one."""


@dataclass(frozen=True)
class FaceRestorer:
    """A loaded network."""

    kind: str
    side: int
    """Pixels of the faces it takes and gives."""
    mend: Mend

    @torch.inference_mode()
    def __call__(self, face: Tensor, weight: float) -> Tensor:
        """(1, 3, side, side) from 0 to 1 to the same, float32.

        With `weight` 0 CodeFormer's result is cleanest, with 1 closest to what it was; the others
        know no such choice.
        """
        return ((self.mend(face * 2 - 1, weight).float() + 1) / 2).clamp(0, 1)


def load_restorer(path: Path, device: torch.device | str = "cpu") -> FaceRestorer:
    """Load the network in a file. Raises ModelError."""
    kind = kind_of(path)
    if kind == CODEFORMER:
        return _codeformer(path, torch.device(device))
    if kind not in (GFPGAN, RESTOREFORMER):
        raise ModelError(
            f"{path.name} restores no faces.",
            f"{CODEFORMER}, {GFPGAN} (1.2 and later) and {RESTOREFORMER} do.",
        )
    network = load_upscaler(path, device).network.model
    if kind == GFPGAN:  # it would add other noise every time
        return FaceRestorer(
            kind, USUAL_SIDE, lambda face, _: network(face, randomize_noise=False)[0]
        )
    return FaceRestorer(kind, USUAL_SIDE, lambda face, _: network(face)[0])


def _codeformer(path: Path, device: torch.device) -> FaceRestorer:
    with read_weights(path) as weights:
        names = {name.removeprefix("module."): name for name in weights}
        try:
            config = CodeFormerConfig.from_shapes(
                {name: weights.shapes[source] for name, source in names.items()}
            )
        except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
            raise ModelError(
                f"{path.name} holds only part of {CODEFORMER}: {error}.", "Get it again."
            ) from error
        network = build(lambda: CodeFormer(config), weights, names, device, torch.float32)
    return FaceRestorer(CODEFORMER, config.side, network)
