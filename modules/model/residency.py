"""Where the networks are while they work: a policy, so that the pipeline need not know.

A freshly loaded network is *at home*: on the CPU, in the file's own number type, often nothing but
a mapped file. To compute it must be on the device in the type of the computation. The policies
differ in how much is there at once: everything, one network, or one layer of one network. None of
them changes what is computed: numbers of fewer bits widen exactly.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from modules.model.networks.packed_linear import PackedLinear
from modules.model.streaming import Road

CPU = torch.device("cpu")
STREAMED_FROM = 2**16
"""Numbers in a weight from which it is worth fetching for a moment only."""


class Policy(Protocol):
    """Decides where networks are."""

    name: str
    device: torch.device
    dtype: torch.dtype
    """What networks compute in, unless told otherwise."""
    home_dtype: torch.dtype | None
    """What networks are read from their files as; None: as they are there."""

    def settle(self, network: nn.Module) -> None:
        """Take in a network that was just loaded."""

    def resident(self, network: nn.Module) -> AbstractContextManager[nn.Module]:
        """`network`, ready to compute on the device, for the duration of the block."""

    def compute_in(self, network: nn.Module, dtype: torch.dtype) -> None:
        """Have `network` compute in `dtype` from now on."""

    def dismiss(self, network: nn.Module) -> None:
        """Send `network` home and forget it, until it is settled or resident again."""

    def rest(self) -> None:
        """Leave the device to other models until the next block."""

    def before_changes(self) -> None:
        """Have weights where changes to them are always made, whatever was computed before."""


class Guest:
    """Parameters of a network that are away from home for a while."""

    def __init__(self) -> None:
        self._homes: dict[nn.Parameter, tuple[Tensor, int]] = {}

    @torch.no_grad()
    def invite(
        self,
        parameter: nn.Parameter,
        device: torch.device,
        dtype: torch.dtype,
        road: Road | None = None,
    ) -> None:
        """Bring one to the device, by a `road` if there is one; remembers where it came from."""
        home = parameter.data
        wanted = dtype if home.is_floating_point() else None
        parameter.data = home.to(device, wanted) if road is None else road.send(home, wanted)
        self._homes[parameter] = home, parameter._version

    def invite_all(self, network: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        """Bring every parameter of `network`."""
        road = Road(device) if device.type == "cuda" else None
        for parameter in network.parameters():
            self.invite(parameter, device, dtype, road)

    @torch.no_grad()
    def send_home(self) -> None:
        """Let all go. One that was written to meanwhile takes its new value along, unrounded."""
        for parameter, (home, version) in self._homes.items():
            changed = parameter._version != version
            parameter.data = parameter.data.to(home.device) if changed else home
        self._homes.clear()


class AllOnDevice:
    """Every network is on the device all the time: the fastest way, if they fit."""

    name = "all"

    def __init__(self, device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> None:
        self.device, self.dtype = device, dtype
        self.home_dtype: torch.dtype | None = dtype if device.type == "cpu" else None
        self._dtypes: dict[nn.Module, torch.dtype] = {}
        self._guests: dict[nn.Module, Guest] = {}

    def settle(self, network: nn.Module) -> None:
        """Bring it. On the CPU its home is given up; elsewhere that costs little and is kept."""
        if self.device.type != "cpu":
            self._bring(network)
            return
        dtype = self._dtypes.get(network, self.dtype)
        if any(one.dtype != dtype for one in network.parameters()):
            network.to(dtype)

    @contextmanager
    def resident(self, network: nn.Module) -> Iterator[nn.Module]:
        """`network`, which is there already, unless all have been at rest."""
        if self.device.type != "cpu":
            self._bring(network)
        yield network

    def compute_in(self, network: nn.Module, dtype: torch.dtype) -> None:
        """Convert it now and whenever it comes."""
        self._dtypes[network] = dtype
        if self.device.type == "cpu":
            network.to(dtype)
        elif network in self._guests:
            self._guests.pop(network).send_home()
            self._bring(network)

    def dismiss(self, network: nn.Module) -> None:
        """Send it home. On the CPU it is there already."""
        self._dtypes.pop(network, None)
        if network in self._guests:
            self._guests.pop(network).send_home()

    def rest(self) -> None:
        """Leave the device to others."""
        for guest in self._guests.values():
            guest.send_home()
        self._guests.clear()

    def before_changes(self) -> None:
        """They are always here."""

    def _bring(self, network: nn.Module) -> None:
        if network not in self._guests:
            guest = self._guests[network] = Guest()
            guest.invite_all(network, self.device, self._dtypes.get(network, self.dtype))


class OneAtATime:
    """One network is on the device; it leaves when another one is needed."""

    name = "one"
    home_dtype: torch.dtype | None = None

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        self.device, self.dtype = device, dtype
        self._dtypes: dict[nn.Module, torch.dtype] = {}
        self._here: nn.Module | None = None
        self._blocks: list[nn.Module] = []
        self._guest = Guest()

    def settle(self, network: nn.Module) -> None:
        """Leave it at home."""

    @contextmanager
    def resident(self, network: nn.Module) -> Iterator[nn.Module]:
        """`network` alone. If this is inside another one's block, that one comes back after it."""
        self._blocks.append(network)
        try:
            self._bring(network)
            yield network
        finally:
            self._blocks.pop()
            if self._blocks:
                self._bring(self._blocks[-1])

    def compute_in(self, network: nn.Module, dtype: torch.dtype) -> None:
        """Convert it now and whenever it comes."""
        self._dtypes[network] = dtype
        if network is self._here:
            self._bring(None)
            self._bring(network)

    def dismiss(self, network: nn.Module) -> None:
        """Send it home if it is here."""
        self._dtypes.pop(network, None)
        if network is self._here and network not in self._blocks:
            self._bring(None)

    def rest(self) -> None:
        """Leave the device to others."""
        self._bring(None)

    def before_changes(self) -> None:
        """Send all home, unless a network is in the midst of its work."""
        if not self._blocks:
            self._bring(None)

    def _bring(self, network: nn.Module | None) -> None:
        if network is self._here:
            return
        self._guest.send_home()
        self._here = network
        if network is not None:
            dtype = self._dtypes.get(network, self.dtype)
            self._guest.invite_all(network, self.device, dtype)


class LayerByLayer:
    """Large weights visit the device for the moment they are needed: the least memory."""

    name = "layers"
    home_dtype: torch.dtype | None = None

    def __init__(
        self, device: torch.device, dtype: torch.dtype, streamed_from: int = STREAMED_FROM
    ) -> None:
        self.device, self.dtype, self.streamed_from = device, dtype, streamed_from
        self._dtypes: dict[nn.Module, torch.dtype] = {}
        self._small: dict[nn.Module, list[nn.Parameter]] = {}

    def settle(self, network: nn.Module) -> None:
        """Leave it at home."""

    @contextmanager
    def resident(self, network: nn.Module) -> Iterator[nn.Module]:
        """`network` with its small parameters; each large layer comes and goes by itself."""
        if network in self._small:  # inside its own block
            yield network
            return
        guest, large = Guest(), set[nn.Parameter]()
        with ExitStack() as stack:
            for layer in network.modules():
                if self._is_large(layer):
                    large.update(layer.parameters(recurse=False))
                    self._stream(layer, network, stack)
            small = [one for one in network.parameters() if one not in large]
            self._small[network] = small
            stack.callback(self._small.pop, network)
            stack.callback(guest.send_home)
            for parameter in small:
                guest.invite(parameter, self.device, self._dtype_of(network))
            yield network

    def _dtype_of(self, network: nn.Module) -> torch.dtype:
        return self._dtypes.get(network, self.dtype)

    def compute_in(self, network: nn.Module, dtype: torch.dtype) -> None:
        """Convert what comes from now on; the small parameters of a block under way too."""
        self._dtypes[network] = dtype
        for parameter in self._small.get(network, ()):
            parameter.data = parameter.data.to(dtype)

    def dismiss(self, network: nn.Module) -> None:
        """Forget it; nothing of it is on the device between blocks."""
        self._dtypes.pop(network, None)

    def rest(self) -> None:
        """Nothing is on the device between blocks anyway."""

    def before_changes(self) -> None:
        """They are at home."""

    def _is_large(self, layer: nn.Module) -> bool:
        if isinstance(layer, PackedLinear):
            return layer.in_features * layer.out_features >= self.streamed_from
        known = isinstance(layer, nn.Linear | nn.Conv2d)
        return known and layer.weight.numel() >= self.streamed_from  # type: ignore[operator]

    def _stream(self, layer: nn.Module, network: nn.Module, stack: ExitStack) -> None:
        guest = Guest()

        def bring(*_: Any) -> None:
            for parameter in layer.parameters(recurse=False):
                guest.invite(parameter, self.device, self._dtype_of(network))

        def send_home(*_: Any) -> None:
            guest.send_home()

        stack.callback(layer.register_forward_pre_hook(bring).remove)
        stack.callback(layer.register_forward_hook(send_home, always_call=True).remove)


POLICIES: dict[str, type[AllOnDevice | OneAtATime | LayerByLayer]] = {
    policy.name: policy for policy in (AllOnDevice, OneAtATime, LayerByLayer)
}
"""Every policy by its name, from the fastest to the most sparing."""
