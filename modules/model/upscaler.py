"""Networks that make pictures larger, through spandrel, which knows them by their weights."""

import importlib
import importlib.util
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.files import read_weights

TORCHVISION = "torchvision.transforms.functional"


@dataclass(frozen=True)
class Upscaler:
    """A loaded network."""

    name: str
    architecture: str
    scale: int
    """How many times larger its result is; 1 for networks that only mend."""
    smallest: int
    """A picture's sides must be at least so long, in pixels, and ..."""
    multiple: int
    """... multiples of this; it is padded to that."""
    channels: int
    network: Any

    @torch.inference_mode()
    def __call__(self, picture: Tensor) -> Tensor:
        """(1, 3, h, w) in [0, 1] to (1, 3, scale * h, scale * w) in [0, 1], float32."""
        found: Tensor = self.network(picture).float().clamp(0, 1)
        return found


def load_upscaler(
    path: Path, device: torch.device | str = "cpu", *, half: bool = False
) -> Upscaler:
    """Load the network in a file. Raises ModelError if it is none that makes pictures of pictures.

    `half` computes in float16 where the architecture bears it.
    """
    with read_weights(path) as weights:
        table = dict(weights)
    for name, tensor in table.items():
        if not torch.isfinite(tensor).all():
            raise ModelError(f"{path.name} is damaged: {name} holds no numbers.", "Get it again.")
    with standing_in_for_torchvision():
        from spandrel import ImageModelDescriptor, ModelLoader, UnsupportedModelError

        try:
            found = ModelLoader(device=device).load_from_state_dict(table)
        except UnsupportedModelError as error:
            raise ModelError(
                f"{path.name} is no upscaler that is known here.",
                "ESRGAN, SwinIR, DAT, HAT and some forty other kinds are.",
            ) from error
        except (RuntimeError, KeyError, IndexError, ValueError, AssertionError) as error:
            raise ModelError(
                f"{path.name} looks like an upscaler but cannot be loaded: {first_line(error)}",
                "Get the file again, or another version of it.",
            ) from error
    if not isinstance(found, ImageModelDescriptor) or found.input_channels != 3:
        raise ModelError(f"{path.name} is a network, but none for whole colour pictures.")
    dtype = torch.float16 if half and found.supports_half else torch.float32
    found.to(device, dtype).eval()
    need = found.size_requirements
    return Upscaler(
        name=path.stem,
        architecture=found.architecture.name,
        scale=found.scale,
        smallest=need.minimum,
        multiple=need.multiple_of,
        channels=found.input_channels,
        network=found,
    )


def first_line(error: Exception) -> str:
    """What an error says, shortened."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def normalize(tensor: Tensor, mean: list[float], std: list[float], inplace: bool = False) -> Tensor:
    """(B, C, H, W) less the means, divided by the deviations: what one architecture asks for."""
    shape = (1, -1, 1, 1) if tensor.dim() == 4 else (-1, 1, 1)
    shift = tensor.new_tensor(mean).view(shape)
    return (tensor - shift) / tensor.new_tensor(std).view(shape)


def _missing(*_: Any, **__: Any) -> Any:
    raise ModelError("This kind of network needs the package torchvision.", "pip install it.")


@contextmanager
def standing_in_for_torchvision() -> Iterator[None]:
    """Let spandrel be imported without torchvision, of which it uses one function.

    The stand-in is gone afterwards, so that nobody else takes torchvision for installed.
    """
    if importlib.util.find_spec("torchvision") is not None or "spandrel" in sys.modules:
        yield
        return
    if importlib.util.find_spec("transformers") is not None:  # it looks for torchvision only once
        importlib.import_module("transformers.utils.import_utils")

    names = ["torchvision", "torchvision.transforms", TORCHVISION]
    for name in names:
        module = types.ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        sys.modules[name] = module
    functional: Any = sys.modules[TORCHVISION]
    functional.normalize = normalize
    functional.rotate = _missing
    functional.InterpolationMode = types.SimpleNamespace(BILINEAR=2, NEAREST=0)
    try:
        yield
    finally:
        for name in names:
            sys.modules.pop(name, None)
