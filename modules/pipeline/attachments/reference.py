"""Reference pictures: self-attention also looks at what the network makes of another picture.

The picture's latent, noised to the level of the moment, goes through the network first; every
self-attention keeps what it was given, and attends to it as well when the drawing's turn comes.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from modules.model.loader import Model
from modules.model.networks.additions import Additions
from modules.model.networks.unet import CrossAttention, TransformerBlock, UNet
from modules.pipeline.attachments.control_work import BALANCED, CONTROL_FIRST, rgb_of
from modules.pipeline.pictures import as_picture, fractions
from modules.pipeline.points import Call
from modules.pipeline.preprocessors.fitting import fitted
from modules.pipeline.preprocessors.run import image_of
from modules.schema.control import ControlUnit

SEED = 0
"""Of the noise over the reference, which is the same for every picture and step."""


class ReferenceAtWork:
    """Shows the network a picture without any network for control."""

    def __init__(self, unit: ControlUnit, model: Model) -> None:
        self.unit, self.model = unit, model
        self._latent: Tensor | None = None
        self._noise: Tensor | None = None

    @property
    def fidelity(self) -> float:
        """Share of the negatives' attention that does not see the reference: the more, the closer.

        Told by threshold A in balanced mode; otherwise all or nothing.
        """
        if self.unit.control_mode == BALANCED:
            return min(max(self.unit.threshold_a, 0.0), 1.0)
        return 1.0 if self.unit.control_mode == CONTROL_FIRST else 0.0

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """As `modules.pipeline.attachments.control_work.AtWork`."""
        unet = call.model.unet
        assert isinstance(unet, UNet), "units of control work beside U-Nets"
        attentions = chosen(unet, self.unit.weight)
        kept: dict[nn.Module, Tensor] = {}
        with keeping(attentions, kept):
            unet(self._noised(call), call.timesteps, call.text, call.vectors)
        negative = torch.tensor(call.negative, device=call.x.device)
        with looking_back(attentions, kept, negative, self.fidelity):
            yield None

    def _noised(self, call: Call) -> Tensor:
        """The reference as the network would get it at this level, (rows, in_channels, h, w)."""
        if self._latent is None or self._latent.shape[2:] != call.x.shape[2:]:
            self._latent = self._encoded(call)
            drawn = torch.Generator().manual_seed(SEED)
            self._noise = torch.randn(self._latent.shape, generator=drawn).to(self._latent)
        assert self._noise is not None
        place = int(call.timesteps[0].round().clamp(0, len(call.model.alphas_cumprod) - 1))
        alpha = float(call.model.alphas_cumprod[place])
        noised = self._latent * alpha**0.5 + self._noise * (1 - alpha) ** 0.5
        more = call.model.unet.config.in_channels - noised.shape[1]
        if more:  # what models for pictures are told of them; nothing
            noised = torch.cat([noised, noised.new_zeros(1, more, *noised.shape[2:])], dim=1)
        return noised.expand(len(call.x), -1, -1, -1)

    def _encoded(self, call: Call) -> Tensor:
        """The picture's latent (1, channels, h, w), at the drawing's size."""
        model = call.model
        high, wide = (int(side) * model.downsample for side in call.x.shape[2:])
        pixels = fitted(rgb_of(self.unit), wide, high, self.unit.resize_mode)
        picture = fractions(as_picture(image_of(pixels)))[None] * 2 - 1
        nothing = torch.zeros((), device=model.device)
        return model.encode_image(picture, nothing).to(call.x)


def chosen(unet: UNet, weight: float) -> list[CrossAttention]:
    """The self-attentions that see the reference: the share `weight`, the widest first."""
    found = [one.attn1 for one in unet.modules() if isinstance(one, TransformerBlock)]
    found.sort(key=lambda attention: -attention.to_q.in_features)
    return [one for place, one in enumerate(found) if place / len(found) < weight]


@contextmanager
def keeping(attentions: list[CrossAttention], kept: dict[nn.Module, Tensor]) -> Iterator[None]:
    """A block in which what attentions are given, (rows, n, width), is kept."""

    def keep(module: nn.Module, given: tuple[Tensor, ...]) -> None:
        kept[module] = given[0]

    with ExitStack() as stack:
        for one in attentions:
            stack.callback(one.register_forward_pre_hook(keep).remove)
        yield


@contextmanager
def looking_back(
    attentions: list[CrossAttention],
    kept: dict[nn.Module, Tensor],
    negative: Tensor,
    fidelity: float,
) -> Iterator[None]:
    """A block in which attentions also look at what was kept.

    The rows that are `negative` (rows,) do so by the share 1 - `fidelity`.
    """

    def before(module: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        own = given[1] if len(given) > 1 else given[0]
        return given[0], torch.cat([own, kept[module]], dim=1)

    def after(module: CrossAttention, given: tuple[Any, ...], answer: Tensor) -> Tensor | None:
        if not fidelity or not negative.any():
            return None
        alone = module.forward(given[0][negative])
        mixed = answer.clone()
        mixed[negative] = fidelity * alone + (1 - fidelity) * answer[negative]
        return mixed

    with ExitStack() as stack:
        for one in attentions:
            stack.callback(one.register_forward_pre_hook(before).remove)
            stack.callback(one.register_forward_hook(after).remove)
        yield
