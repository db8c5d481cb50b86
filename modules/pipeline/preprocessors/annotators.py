"""Networks of preprocessors: found below the model folders, read when first used, one kept."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from modules.errors import ModelError
from modules.model.depth import estimator
from modules.model.files import Weights, read_weights
from modules.model.networks.edge_networks import Hed, LineDrawer
from modules.model.networks.pose import PoseNetwork
from modules.pipeline.preprocessors.annotator_files import annotator_file, missing_file


def _of(make: Callable[[], nn.Module]) -> Callable[[Weights], nn.Module]:
    """Reads a file whose tensors have the names of the network that `make` makes."""

    def read(weights: Weights) -> nn.Module:
        with torch.device("meta"):
            network = make()
        try:
            network.load_state_dict(dict(weights), assign=True)
        except RuntimeError as error:
            first = (str(error).strip().splitlines() or [""])[-1].strip()[:200]
            raise ModelError(
                f"{weights.name} is not the network its name says: {first}", "Get the file again."
            ) from error
        return network

    return read


NETWORKS: dict[str, Callable[[Weights], nn.Module]] = {
    "ControlNetHED.pth": _of(Hed),
    "body_pose_model.pth": _of(PoseNetwork),
    "sk_model.pth": _of(LineDrawer),
    "sk_model2.pth": _of(LineDrawer),
    "dpt_hybrid-midas-501f0c75.pt": lambda weights: estimator(weights, ""),
}
"""What is in the files, by their names."""


@dataclass(frozen=True)
class _Held:
    path: Path
    changed_ns: int
    network: nn.Module


class AnnotatorShelf:
    """Gives preprocessors their networks, and keeps the one used last."""

    def __init__(self, folders: Sequence[Path], device: torch.device) -> None:
        """`folders` are searched in order, with everything below them."""
        self._folders = tuple(folders)
        self._device = device
        self._held: _Held | None = None

    def find(self, file: str) -> nn.Module:
        """The network in the file of that name. Raises ModelError if it is missing or broken."""
        path = annotator_file(file, self._folders)
        if path is None:
            raise missing_file(file)
        changed = path.stat().st_mtime_ns
        if self._held is None or (self._held.path, self._held.changed_ns) != (path, changed):
            self._held = None  # first let go of the memory of the one before
            self._held = _Held(path, changed, self._load(file, path))
        return self._held.network

    def _load(self, file: str, path: Path) -> nn.Module:
        with read_weights(path) as weights:
            network = NETWORKS[file](weights)
        return network.to(self._device, torch.float32).eval()

    def clear(self) -> None:
        """Give the memory back."""
        self._held = None
