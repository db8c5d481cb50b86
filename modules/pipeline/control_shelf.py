"""Networks for units of control by name, read when they are first used, a few of them kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from weakref import ref

from modules.errors import ModelError
from modules.model.catalogue import natural
from modules.model.control.load import Control, load_control
from modules.model.control_files import find_control, main_file
from modules.model.hashes import stamp
from modules.model.loader import Model
from modules.model.memory import free_bytes
from modules.model.networks.ip_adapter import IPAdapter
from modules.model.networks.t2i_style import StyleAdapter
from modules.model.picture_encoder import (
    PictureEncoder,
    encoder_files,
    encoder_sizes,
    load_picture_encoder,
)
from modules.model.quickening import quicken
from modules.model.residency import Policy

KEPT = 3


@dataclass(frozen=True, eq=False)
class _Held:
    """A network in memory, where it came from, and for whom it was made ready.

    The model is not kept alive by that.
    """

    path: Path
    stamp: list[int]
    model: "ref[Model]"
    control: Control

    def is_for(self, path: Path, changed: list[int], model: Model) -> bool:
        """Whether it is what is asked for."""
        return (self.path, self.stamp) == (path, changed) and self.model() is model


class ControlShelf:
    """Finds networks for control. Those used last stay in memory, at home with a model's policy."""

    def __init__(self, folders: Sequence[Path], encoders: Path, kept: int = KEPT) -> None:
        """`folders` are of networks for control, `encoders` of encoders of pictures."""
        self._folders, self._encoders, self._kept = tuple(folders), encoders, kept
        self._held: list[_Held] = []
        self._encoder: tuple[Path, list[int], PictureEncoder] | None = None

    def find(self, name: str, model: Model) -> Control:
        """The network called `name`, to work beside that of `model`.

        Raises NotFound, ModelError; MemoryError where there is no room beside the model.
        """
        path = find_control(self._folders, name)
        changed = stamp(main_file(path))
        for place, held in enumerate(self._held):
            if held.is_for(path, changed, model):
                self._held.append(self._held.pop(place))
                return held.control
        self._make_room(path, changed)
        control = load_control(path, model)
        check_room(control, model.policy)
        model.policy.settle(control.network)
        quicken(control.network, model.policy)
        self._held.append(_Held(path, changed, ref(model), control))
        return control

    def encoder_for(self, control: Control) -> PictureEncoder:
        """The encoder of pictures that an adapter was trained with, told by its channels.

        Raises ModelError where it is not there.
        """
        wanted, unusable = _seen_by(control), list[str]()
        for path in sorted(encoder_files(self._encoders), key=lambda one: natural(one.name)):
            try:
                width, projection = encoder_sizes(path)
            except ModelError as error:
                unusable.append(error.message)
                continue
            if wanted == (projection if _sees_whole(control) else width):
                return self._encoder_at(path)
        kind = ENCODERS.get(wanted, f"an encoder of {wanted} channels")
        told = f"{control.name} looks at pictures through {kind}, which is not there."
        raise ModelError(
            " ".join([told, *unusable]),
            f"Put it into {self._encoders}, as a file in the layout of transformers.",
        )

    def clear(self) -> None:
        """Give the memory back."""
        while self._held:
            self._let_go(self._held.pop())
        self._encoder = None

    def _make_room(self, path: Path, changed: list[int]) -> None:
        """Let go of what is of no use any more, and of the oldest if there are too many."""
        for held in list(self._held):
            outdated = held.path == path and held.stamp != changed
            if held.model() is None or outdated:
                self._held.remove(held)
                self._let_go(held)
        while len(self._held) >= self._kept:
            self._let_go(self._held.pop(0))

    def _let_go(self, held: _Held) -> None:
        model = held.model()
        if model is not None:
            model.policy.dismiss(held.control.network)

    def _encoder_at(self, path: Path) -> PictureEncoder:
        changed = stamp(path)
        if self._encoder is None or self._encoder[:2] != (path, changed):
            self._encoder = None  # first let go of the memory of the one before
            self._encoder = path, changed, load_picture_encoder(path)
        return self._encoder[2]


ENCODERS = {
    1024: "CLIP ViT-H/14 (vectors) or ViT-L/14 (patches)",
    1280: "CLIP ViT-bigG/14 (vectors) or ViT-H/14 (patches)",
    768: "CLIP ViT-L/14 (vectors)",
    1664: "CLIP ViT-bigG/14 (patches)",
}
"""What people call the encoders whose output has so many channels."""


def _seen_by(control: Control) -> int:
    network = control.network
    assert isinstance(network, IPAdapter | StyleAdapter), "only these look through an encoder"
    return network.config.seen


def _sees_whole(control: Control) -> bool:
    network = control.network
    return isinstance(network, IPAdapter) and network.config.projecting == "plain"


def check_room(control: Control, policy: Policy) -> None:
    """Raise MemoryError if a network has no room beside a model that stays on the device."""
    if policy.name != "all":
        return
    need, free = control.numbers * policy.dtype.itemsize, free_bytes(policy.device)
    if need > free:
        raise MemoryError(
            f"{control.name} needs {need / 1e9:.1f} GB beside the model, {free / 1e9:.1f} are free."
        )
