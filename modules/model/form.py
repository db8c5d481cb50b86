"""A network compiled for inputs of one shape: a file of machine code without weights.

torch exports the network for fixed shapes and inductor makes C++ or Triton of it (Ansel et al.
2024, "PyTorch 2"), ahead of time. Weights are bound where they lie when the file is loaded: every
checkpoint of the same architecture shares the file, and what networks for the prompt change in the
weights is seen. Compiling is done by a process of its own, which runs this module.
"""

import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from modules.errors import ModelError
from modules.model.attention import Kernel
from modules.model.networks.unet import CrossAttention, UNet
from modules.model.networks.unet_config import UNetConfig

SMALL = 8
"""Numbers up to which inductor would write the values of a vector into the code: these parameters
are given with each call instead."""
FORMAT = 1
"""Goes up when files of before can no longer be used."""
SUFFIX = ".pt2"


@dataclass(frozen=True)
class Like:
    """A tensor but for its numbers: shape, strides in numbers, torch's name of the type."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, tensor: Tensor) -> "Like":
        """What `tensor` is like."""
        name = str(tensor.dtype).removeprefix("torch.")
        return cls(tuple(tensor.shape), tuple(tensor.stride()), name)

    def empty(self, device: torch.device) -> Tensor:
        """One that holds nothing in particular."""
        dtype = getattr(torch, self.dtype)
        return torch.empty_strided(self.shape, self.stride, dtype=dtype, device=device)


@dataclass(frozen=True, kw_only=True)
class FormRecipe:
    """Everything machine code depends on."""

    config: UNetConfig
    kernel: Kernel
    """How attention is computed."""
    device: str
    inputs: tuple[Like, ...]
    """Latents, timesteps, context, and a vector for networks that take one."""
    parameters: tuple[tuple[str, Like], ...]
    machine: str
    """The processor or card, and the version of torch."""
    format: int = FORMAT

    @property
    def name(self) -> str:
        """The file's name: another one for whatever differs."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32] + SUFFIX

    def to_json(self) -> str:
        """For the process that compiles."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "FormRecipe":
        """The opposite."""
        told = json.loads(text)
        told["config"] = UNetConfig(**{key: tupled(one) for key, one in told["config"].items()})
        told["inputs"] = tuple(like_from(one) for one in told["inputs"])
        told["parameters"] = tuple((name, like_from(one)) for name, one in told["parameters"])
        return cls(**told)


def tupled(value: Any) -> Any:
    """JSON has lists where records have tuples."""
    return tuple(value) if isinstance(value, list) else value


def like_from(told: dict[str, Any]) -> Like:
    """A `Like` from JSON."""
    return Like(tuple(told["shape"]), tuple(told["stride"]), told["dtype"])


def recipe_for(network: UNet, inputs: Sequence[Tensor]) -> FormRecipe:
    """What machine code for `network` as it lies in memory, called with such inputs, depends on."""
    device = inputs[0].device
    return FormRecipe(
        config=network.config,
        kernel=kernel_of(network),
        device=str(device),
        inputs=tuple(Like.of(one) for one in inputs),
        parameters=tuple((name, Like.of(one)) for name, one in network.named_parameters()),
        machine=machine(device),
    )


def kernel_of(network: nn.Module) -> Kernel:
    """How the attention layers of a network compute; all do it alike."""
    layers = (one for one in network.modules() if isinstance(one, CrossAttention))
    return next((one.kernel for one in layers), "sdpa")


def machine(device: torch.device) -> str:
    """What machine code is for: the card, or the processor with its abilities."""
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        return f"torch {torch.__version__}, {torch.cuda.get_device_name(device)} {major}.{minor}"
    abilities = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__}, {platform.machine()} {abilities} {processor_flags()}"


def processor_flags() -> str:
    """A short name for what the processor can do, where the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    told = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def hollow(recipe: FormRecipe) -> UNet:
    """The network of a recipe, with parameters that hold nothing in particular."""
    with torch.device("meta"):
        network = UNet(recipe.config)
    for name, like in recipe.parameters:
        place, _, key = name.rpartition(".")
        tensor = like.empty(torch.device(recipe.device))
        setattr(network.get_submodule(place), key, nn.Parameter(tensor, requires_grad=False))
    for layer in network.modules():
        if isinstance(layer, CrossAttention):
            layer.kernel = recipe.kernel
    return network.eval()


def small_parameters(network: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """Those that are given with each call."""
    for name, parameter in network.named_parameters():
        if parameter.numel() <= SMALL:
            yield name, parameter


class Opened(nn.Module):
    """A network called with its inputs, then its small parameters."""

    def __init__(self, network: nn.Module, inputs: int) -> None:
        super().__init__()
        self.network, self.inputs = network, inputs
        self.small = [name for name, _ in small_parameters(network)]

    def forward(self, *tensors: Tensor) -> Tensor:
        """What the network answers."""
        small = dict(zip(self.small, tensors[self.inputs :], strict=True))
        answer = torch.func.functional_call(self.network, small, tensors[: self.inputs])
        return cast(Tensor, answer)


@torch.no_grad()
def compile_form(recipe: FormRecipe, path: Path) -> None:
    """Compile what `recipe` describes into the file at `path`; takes from seconds to minutes."""
    device = torch.device(recipe.device)
    network = hollow(recipe)
    inputs = [like.empty(device).zero_() for like in recipe.inputs]
    small = [parameter.data for _, parameter in small_parameters(network)]
    opened = Opened(network, len(inputs))
    exported = torch.export.export(opened, (*inputs, *small), strict=False)
    options: dict[str, Any] = {"aot_inductor.package_constants_in_so": False}
    if device.type == "cpu":
        options |= {"cpp.dynamic_threads": True, "compile_threads": 1}
    part = path.with_name(f"part-{os.getpid()}-{path.name}")
    try:
        torch._inductor.aoti_compile_and_package(
            exported, package_path=str(part), inductor_configs=options
        )
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Form:
    """A file at work for one network."""

    def __init__(self, path: Path, network: UNet, inputs: int) -> None:
        """`inputs` counts them. Raises ModelError if the file does not suit the network."""
        self.network = network
        self.proven = False
        """Whether its answer has been compared with the network's."""
        self._compiled = torch._inductor.aoti_load_package(str(path))
        self._names = set(self._compiled.get_constant_fqns())
        self._small = [parameter for _, parameter in small_parameters(network)]
        self._bound: tuple[int, ...] = ()
        opened = {
            f"network.{name}" for name, one in network.named_parameters() if one.numel() > SMALL
        }
        if self._names != opened:
            raise ModelError(f"{path.name} was compiled for another network.")

    def bind(self) -> None:
        """Let it compute with the weights where they lie now."""
        places = tuple(one.data_ptr() for one in self.network.parameters())
        if places == self._bound:
            return
        weights = {f"network.{name}": one.data for name, one in self.network.named_parameters()}
        given = {name: weights[name] for name in self._names}
        self._compiled.load_constants(given, check_full_update=True, user_managed=True)
        self._bound = places

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """What the network answers; the inputs lie in memory as those of the recipe."""
        return cast(Tensor, self._compiled(*inputs, *(one.data for one in self._small)))


def main() -> None:
    """Compile the recipe in the file named first into the file named second, with low priority.

    Ends at once when the process that started it is gone, which closes the standard input.
    """
    recipe = FormRecipe.from_json(Path(sys.argv[1]).read_text(encoding="utf-8"))
    path = Path(sys.argv[2])
    if hasattr(os, "nice"):
        os.nice(19)

    def wait_for_the_end() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="part-") as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
        compile_form(recipe, path)


if __name__ == "__main__":
    main()
