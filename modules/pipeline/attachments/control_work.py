"""What each kind of network for control adds to one call of a model's own."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from modules.errors import InvalidRequest
from modules.model.attention import attend
from modules.model.control.load import Control
from modules.model.loader import Model
from modules.model.networks.additions import Additions
from modules.model.networks.controlnet import ControlNet, fitted_hint
from modules.model.networks.controlnet_union import ControlNetUnion, kind_of_map
from modules.model.networks.ip_adapter import IPAdapter, cross_attentions
from modules.model.networks.t2i_adapter import T2IAdapter
from modules.model.networks.t2i_style import StyleAdapter
from modules.model.networks.unet import CrossAttention, UNet, UNetConfig
from modules.model.picture_encoder import PictureEncoder, seen_by
from modules.pipeline.pictures import as_picture, fractions
from modules.pipeline.points import Call
from modules.schema.control import CONTROL_MODES, ControlUnit

BALANCED, PROMPT_FIRST, CONTROL_FIRST = CONTROL_MODES
DECAY, DEEPEST = 0.825, 12
"""Softer control: the output at place i, the finest first, counts DECAY ** (DEEPEST - i)."""
SOFT_LEVELS = (0.25, 0.62, 0.825, 1.0)
"""The same for the feature maps of T2I-Adapters."""
SOFT_IN_SECOND_PASS = ("canny", "mlsd")
"""Preprocessors whose thin lines would be drawn twice if the second pass followed them closely."""
INPAINT = "inpaint"


@dataclass(frozen=True, kw_only=True)
class Order:
    """A unit made ready for one pass, and its network beside that of `model`."""

    unit: ControlUnit
    control: Control
    model: Model
    second_pass: bool = False
    encoder: PictureEncoder | None = None
    """For networks that look at pictures through one."""

    @property
    def soft(self) -> bool:
        """Whether the network's finer outputs count less."""
        forced = self.second_pass and self.unit.module in SOFT_IN_SECOND_PASS
        return self.unit.control_mode != BALANCED or forced

    @property
    def spares_negatives(self) -> bool:
        """Whether rows of negatives get nothing."""
        return self.unit.control_mode == CONTROL_FIRST or self.control.pooled

    def scales(self, count: int) -> list[float]:
        """How much each of `count` outputs of a ControlNet counts, the middle one last."""
        return self._weighted(count, [DECAY ** (DEEPEST - place) for place in range(count)])

    def level_scales(self, count: int) -> list[float]:
        """How much each of `count` feature maps of a T2I-Adapter counts, the finest first."""
        return self._weighted(count, [*SOFT_LEVELS, *[1.0] * count][:count])

    def _weighted(self, count: int, soft: Sequence[float]) -> list[float]:
        own = self.unit.advanced_weighting
        if own is not None and len(own) != count:
            raise InvalidRequest(
                f"{len(own)} weights were given for the {count} outputs of {self.control.name}.",
                f"Give {count} numbers, the one for the middle last.",
            )
        factors = own if own is not None else soft if self.soft else [1.0] * count
        return [self.unit.weight * factor for factor in factors]


class AtWork(Protocol):
    """A unit during one pass."""

    @property
    def unit(self) -> ControlUnit:
        """What it is to do."""
        ...

    def around(self, call: Call) -> AbstractContextManager[Additions | None]:
        """A block in which the model's network is called; gives what is added inside of it."""
        ...


class ControlNetAtWork:
    """Adds to skip connections and to the middle."""

    def __init__(self, order: Order, network: ControlNet) -> None:
        self.order, self.network, self.unit = order, network, order.unit
        self._picture = hint_of(order.unit)
        self._hint: Tensor | None = None

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """As `AtWork`."""
        rows = rows_told(call, self.order)
        if not len(rows):
            yield None
            return
        with computing(self.order):
            found = self._outputs(call, rows)
        scales = self.order.scales(len(found))
        if self.order.control.pooled:
            found = [one.mean(dim=(2, 3), keepdim=True) for one in found]
        *skips, middle = (
            spread(one * scale, rows, len(call.x)) for one, scale in zip(found, scales, strict=True)
        )
        yield Additions(skips=dict(enumerate(skips)), middle=middle)

    def _outputs(self, call: Call, rows: Tensor) -> list[Tensor]:
        if self._hint is None:
            cells = int(call.x.shape[2]), int(call.x.shape[3])
            picture = fitted_hint(self._picture, cells, self.network.config.hint_scale)
            self._hint = self.network.read_hint(picture.to(call.x.device))
        if isinstance(self.network, ControlNetUnion):
            self.network.kind = kind_of_map(self.unit.module, self.network.kinds)
        vectors = None if call.vectors is None else call.vectors[rows]
        times, text = call.timesteps[rows], call.text[rows]
        return self.network(call.x[rows], self._hint, times, text, vectors)


class AdapterAtWork:
    """Adds feature maps on the way down; they are the same at every step."""

    def __init__(self, order: Order, network: T2IAdapter) -> None:
        self.order, self.network, self.unit = order, network, order.unit
        self._maps: list[Tensor] | None = None

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """As `AtWork`."""
        if self._maps is None:
            picture = fitted_hint(hint_of(self.order.unit), latent_cells(call), 8)
            if self.network.config.channels == 1:
                picture = picture.mean(dim=1, keepdim=True)
            with computing(self.order):
                maps = self.network(picture.to(call.x.device))
            scales = self.order.level_scales(len(maps))
            self._maps = [one * scale for one, scale in zip(maps, scales, strict=True)]
        rows = rows_told(call, self.order)
        unet = call.model.unet.config
        assert isinstance(unet, UNetConfig), "adapters work beside U-Nets"
        places = places_of(unet, self.network.config.cell)
        maps = [spread(one.expand(len(rows), -1, -1, -1), rows, len(call.x)) for one in self._maps]
        rest = maps[len(places) :]
        yield Additions(
            inputs=dict(zip(places, maps, strict=False)), middle=rest[0] if rest else None
        )


class IPAdapterAtWork:
    """Lets every cross-attention look at a picture as well."""

    def __init__(self, order: Order, network: IPAdapter) -> None:
        self.order, self.network, self.unit = order, network, order.unit
        self._seen: list[tuple[Tensor, Tensor]] | None = None

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """As `AtWork`."""
        if self._seen is None:
            self._seen = self._look(call)
        negative = torch.tensor(call.negative, device=call.x.device)
        unet, scale = call.model.unet, self.order.unit.weight
        assert isinstance(unet, UNet), "adapters work beside U-Nets"
        factor = torch.full((len(call.x), 1, 1), scale, device=call.x.device)
        if self.order.spares_negatives:
            factor = factor * ~negative[:, None, None]
        with ExitStack() as stack:
            for layer, (keys, values) in zip(cross_attentions(unet), self._seen, strict=True):
                stack.enter_context(
                    looking_aside(layer, keys[negative.long()], values[negative.long()], factor)
                )
            yield None

    def _look(self, call: Call) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each attention, (2, tokens, width): of the picture, and of none."""
        encoder = self.order.encoder
        assert encoder is not None, "an adapter needs an encoder"
        pixels = seen_by(rgb_of(self.order.unit), encoder.vision_model.config.side)
        pixels = pixels.to(call.x.device)
        whole = self.network.config.projecting == "plain"
        with looking_through(encoder, self.order.model):
            if whole:
                vectors = encoder.whole(pixels)
                both = torch.cat([vectors, torch.zeros_like(vectors)])
            else:
                both = encoder.patches(torch.cat([pixels, torch.zeros_like(pixels)]))
        with computing(self.order):
            return self.network.keys_and_values(self.network.read_picture(both))


class StyleAtWork:
    """Adds tokens to the prompt."""

    def __init__(self, order: Order, network: StyleAdapter) -> None:
        self.order, self.network, self.unit = order, network, order.unit
        self._tokens: Tensor | None = None

    @contextmanager
    def around(self, call: Call) -> Iterator[Additions | None]:
        """As `AtWork`. Negatives get their own last tokens again, to be as long."""
        if self._tokens is None:
            encoder = self.order.encoder
            assert encoder is not None, "an adapter needs an encoder"
            pixels = seen_by(rgb_of(self.order.unit), encoder.vision_model.config.side)
            with looking_through(encoder, self.order.model):
                patches = encoder.patches(pixels.to(call.x.device), depth=1)
            with computing(self.order):
                self._tokens = self.network(patches) * self.order.unit.weight
        count = self._tokens.shape[1]
        negative = torch.tensor(call.negative, device=call.x.device)[:, None, None]
        yield Additions(
            tokens=torch.where(negative, call.text[:, -count:], self._tokens.to(call.text))
        )


def at_work(order: Order) -> AtWork:
    """What an order's network does. Raises InvalidRequest where its weights make no sense."""
    network = order.control.network
    if isinstance(network, ControlNet):
        return ControlNetAtWork(order, network)
    if isinstance(network, T2IAdapter):
        return AdapterAtWork(order, network)
    if isinstance(network, IPAdapter):
        return IPAdapterAtWork(order, network)
    return StyleAtWork(order, network)


@contextmanager
def computing(order: Order) -> Iterator[None]:
    """A block in which the network for control is ready to compute."""
    policy, network = order.model.policy, order.control.network
    with policy.resident(network):
        yield
    if order.unit.low_vram:
        policy.dismiss(network)


@contextmanager
def looking_through(encoder: PictureEncoder, model: Model) -> Iterator[None]:
    """A block in which an encoder is ready to compute; it leaves afterwards."""
    with model.policy.resident(encoder):
        yield
    model.policy.dismiss(encoder)


@contextmanager
def looking_aside(
    layer: CrossAttention, keys: Tensor, values: Tensor, factor: Tensor
) -> Iterator[None]:
    """A block in which an attention also looks at `keys` and `values` (rows, tokens, width).

    `factor` is (rows, 1, 1). Several blocks inside of each other add up.
    """
    before = layer.beside

    def beside(q: Tensor) -> Tensor:
        own = attend(q, keys.to(q), values.to(q), layer.heads, layer.kernel) * factor.to(q)
        return own if before is None else own + before(q)

    layer.beside = beside
    try:
        yield
    finally:
        layer.beside = before


def rows_told(call: Call, order: Order) -> Tensor:
    """The numbers of the rows that get anything."""
    spared = order.spares_negatives
    rows = [row for row, negative in enumerate(call.negative) if not (spared and negative)]
    return torch.tensor(rows, device=call.x.device, dtype=torch.long)


def spread(told: Tensor, rows: Tensor, count: int) -> Tensor:
    """What `rows` get, (rows, ...), for all `count` rows; the others get zeros."""
    if len(rows) == count:
        return told
    whole = told.new_zeros(count, *told.shape[1:])
    whole[rows] = told
    return whole


def latent_cells(call: Call) -> tuple[int, int]:
    """Rows and columns of the latent."""
    return int(call.x.shape[2]), int(call.x.shape[3])


def hint_of(unit: ControlUnit) -> Tensor:
    """A unit's map as networks read it: (1, 3, H, W) from 0 to 1; what is inpainted is -1."""
    assert unit.image is not None, "units are made ready before"
    picture = fractions(as_picture(unit.image).convert("RGB"))[None]
    if unit.mask is None or not unit.module.startswith(INPAINT):
        return picture
    repaint = fractions(as_picture(unit.mask).convert("L"))[None] > 0.5
    return torch.where(repaint, -1.0, picture)


def rgb_of(unit: ControlUnit) -> np.ndarray:
    """A unit's picture (height, width, 3) uint8."""
    assert unit.image is not None, "units are made ready before"
    return np.asarray(as_picture(unit.image).convert("RGB"))


def places_of(unet: UNetConfig, cell: int) -> list[int]:
    """After which stages on the way down a T2I-Adapter's feature maps are added.

    After the last block of each level; where a cell is 16 pixels, the finest level's map is added
    after it was halved. A further map belongs to the middle.
    """
    places, place = [], 0
    for level in range(len(unet.channel_mult)):
        place += unet.res_blocks_at(level)
        places.append(place + 1 if cell == 16 and level == 0 else place)
        place += 1
    return places
