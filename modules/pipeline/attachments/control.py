"""Units of control join the loop: which networks, when, and how strongly."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Protocol

import torch

from modules.errors import InvalidRequest, ModelError
from modules.model.control.load import Control, check_controllable
from modules.model.control_files import names_nothing
from modules.model.loader import Model
from modules.model.networks.additions import Additions, summed
from modules.model.networks.ip_adapter import IPAdapter
from modules.model.networks.t2i_style import StyleAdapter
from modules.model.picture_encoder import PictureEncoder
from modules.pipeline.attachments.control_work import AtWork, Order, at_work
from modules.pipeline.attachments.inpaint import keep_unmasked
from modules.pipeline.attachments.reference import ReferenceAtWork
from modules.pipeline.masks import latent_mask
from modules.pipeline.pictures import as_picture, fractions
from modules.pipeline.points import Attachment, Call
from modules.pipeline.preprocessors.catalogue import find_preprocessor
from modules.sampling.catalogue import Sampler
from modules.sampling.step import Step
from modules.schema.control import ControlUnit

KEEPING_THE_REST = "inpaint_only"
"""The preprocessor that lets nothing change outside of its mask."""


class FindControl(Protocol):
    """Gives networks for control. `modules.pipeline.control_shelf.ControlShelf` is one."""

    def find(self, name: str, model: Model) -> Control:
        """The network called `name`, to work beside that of `model`."""
        ...

    def encoder_for(self, control: Control) -> PictureEncoder:
        """The encoder of pictures that it was trained with."""
        ...


def orders_for(
    units: Sequence[ControlUnit], model: Model, finder: FindControl, *, second_pass: bool
) -> list[AtWork]:
    """The networks of units made ready for a pass, beside that of `model`.

    Raises InvalidRequest, NotFound or ModelError for what cannot be used.
    """
    found: list[AtWork] = []
    for unit in units:
        if find_preprocessor(unit.module).model_free:
            check_controllable(model)
            found.append(ReferenceAtWork(unit, model))
            continue
        if names_nothing(unit.model):
            raise InvalidRequest(
                f"A ControlNet unit with the preprocessor {unit.module} has no model.",
                "Choose one, or switch the unit off.",
            )
        control = finder.find(unit.model, model)
        looks = isinstance(control.network, IPAdapter | StyleAdapter)
        encoder = finder.encoder_for(control) if looks else None
        order = Order(
            unit=unit, control=control, model=model, second_pass=second_pass, encoder=encoder
        )
        found.append(at_work(order))
    return found


def keeper_of(unit: ControlUnit, model: Model, sampler: Sampler) -> Attachment:
    """Keeps what a unit's mask does not cover as it is in the unit's picture."""
    assert unit.image is not None, "units are made ready before"
    assert unit.mask is not None, "this preprocessor comes with a mask"
    picture = fractions(as_picture(unit.image).convert("RGB"))[None] * 2 - 1
    latent = model.encode_image(picture, torch.zeros((), device=model.device))
    mask = latent_mask(as_picture(unit.mask), latent.shape[3], latent.shape[2], hard=False)
    return keep_unmasked(latent, mask[None, None].to(latent), sampler)


class ControlAttachment:
    """The units of one pass. `tell` hears what a person should know."""

    def __init__(
        self,
        units: Sequence[ControlUnit],
        model: Model,
        finder: FindControl,
        steps: int,
        sampler: Sampler,
        *,
        second_pass: bool,
        tell: Callable[[str], None],
    ) -> None:
        """`steps` and `sampler` are those of the pass. Raises as `orders_for`."""
        self.units, self.finder, self.steps, self.tell = tuple(units), finder, steps, tell
        self.second_pass = second_pass
        self.step = 0
        """How many steps of the pass are done."""
        self._model = model
        self._at_work = orders_for(units, model, finder, second_pass=second_pass)
        self._keepers = [
            keeper_of(unit, model, sampler) for unit in units if unit.module == KEEPING_THE_REST
        ]

    def begin(self) -> tuple[Attachment, ...]:
        """What joins the loop of a pass that begins now."""
        self.step = 0
        return (Attachment(around_network=self.around, after_step=self.count), *self._keepers)

    def count(self, step: Step) -> None:
        """Notice a finished step."""
        self.step = step.index + 1

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """A block in which the network is called, with what all units add whose time it is."""
        if call.model is not self._model:
            self._go_on_beside(call.model)
        share = min(1.0, self.step / max(1, self.steps))  # some samplers make more steps
        with ExitStack() as stack:
            found = [
                stack.enter_context(one.around(call))
                for one in self._at_work
                if one.unit.guidance_start <= share <= one.unit.guidance_end
            ]
            yield summed([one for one in found if one is not None])

    def _go_on_beside(self, model: Model) -> None:
        """Make the units work beside another model that took over; what cannot is left out."""
        self._model = model
        try:
            self._at_work = orders_for(self.units, model, self.finder, second_pass=self.second_pass)
        except ModelError as error:
            self._at_work = []
            self.tell(f"ControlNet is left out where {model.name} draws. {error.message}")
