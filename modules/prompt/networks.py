"""Extra networks in prompts: `<lora:name:0.8>` and `<hypernet:name:1>`."""

import re
from collections.abc import Iterable
from math import isfinite
from typing import NamedTuple

from modules.errors import InvalidRequest, NotFound

_HEAD = re.compile(r"<(\w+):")


class Network(NamedTuple):
    """One `<kind:…>` mark: the arguments with and without a name, as they were written."""

    kind: str
    positional: tuple[str, ...]
    named: tuple[tuple[str, str], ...] = ()

    @property
    def name(self) -> str:
        """The first argument: the network's file name or alias."""
        return self.positional[0] if self.positional else ""


Course = tuple[tuple[float, float], ...]
"""Weights that change while a picture is drawn: pairs of moment and weight, the moments rising.

Moments up to 1 are shares of the steps, larger ones are numbers of steps.
"""


class LoraWish(NamedTuple):
    """A LoRA to apply: multipliers for text encoder and U-Net, and a limit on its rank."""

    name: str
    te: float
    unet: float
    dyn: int | None
    blocks: tuple[float, ...] = ()
    """A factor for each block of the model, as `modules.model.patch.blocks` numbers them."""
    course: Course = ()
    """How the multiplier for the U-Net changes; empty where it does not."""

    def at(self, step: int, steps: int) -> "LoraWish":
        """The wish for the step number `step` (from 0) of `steps`: between moments, a line."""
        if not self.course:
            return self
        points = [
            (moment * steps if moment <= 1 else moment, weight) for moment, weight in self.course
        ]
        before = [point for point in points if point[0] <= step]
        after = [point for point in points if point[0] > step]
        if not before or not after:
            return self._replace(unet=(before[-1] if before else after[0])[1])
        (start, low), (end, high) = before[-1], after[0]
        return self._replace(unet=low + (high - low) * (step - start) / (end - start))


class HypernetWish(NamedTuple):
    """A hypernetwork to apply, and how strongly."""

    name: str
    multiplier: float


def take_networks(text: str) -> tuple[str, list[Network]]:
    """Take the marks out of a positive prompt; spaces around them stay."""
    kept: list[str] = []
    found: list[Network] = []
    position = 0
    while (start := text.find("<", position)) >= 0:
        head = _HEAD.match(text, start)
        end = text.find(">", head.end()) if head else -1
        if head and end < 0:
            break  # no mark can end any more
        if head and end > head.end():
            kept.append(text[position:start])
            found.append(_network(head[1], text[head.end() : end]))
            position = end + 1
        else:
            kept.append(text[position : start + 1])
            position = start + 1
    kept.append(text[position:])
    return "".join(kept), found


def _network(kind: str, arguments: str) -> Network:
    positional: list[str] = []
    named: dict[str, str] = {}
    for argument in arguments.split(":"):
        key, equals, value = argument.partition("=")
        if equals:
            named[key] = value
        else:
            positional.append(argument)
    return Network(kind, tuple(positional), tuple(named.items()))


def lora_wishes(networks: Iterable[Network]) -> list[LoraWish]:
    """Read the LoRA marks (`lora` and its alias `lyco`), in order.

    A network mentioned twice is applied twice, both times as its last mention says (A1111 does it
    this way). Raises InvalidRequest where a multiplier is not a number.
    """
    wishes = [_lora_wish(network) for network in networks if network.kind in ("lora", "lyco")]
    last = {wish.name: wish for wish in wishes}
    return [last[wish.name] for wish in wishes]


def hypernet_wishes(networks: Iterable[Network]) -> list[HypernetWish]:
    """Read the `<hypernet:name:multiplier>` marks, in order. Raises InvalidRequest."""
    wishes = []
    for network in networks:
        if network.kind == "hypernet":
            given = dict(network.named).get("multiplier", (*network.positional, "1", "1")[1])
            wishes.append(HypernetWish(network.name, _number(given, network)))
    return wishes


def _lora_wish(network: Network) -> LoraWish:
    named = dict(network.named)
    values = dict(zip(("te", "unet", "dyn"), network.positional[1:], strict=False)) | named
    te, unet = values.get("te", "1"), values.get("unet", values.get("te", "1"))
    course = _course(unet, network) if "@" in unet else ()
    first = _course(te, network)[0][1] if "@" in te else _number(te, network)
    try:
        dyn = int(values["dyn"]) if "dyn" in values else None
    except ValueError as error:
        raise _no_number(network) from error
    return LoraWish(
        network.name,
        first,
        course[0][1] if course else _number(unet, network),
        dyn,
        block_weights(values["lbw"]) if "lbw" in values else (),
        course,
    )


def _course(text: str, network: Network) -> Course:
    """Read `1@0,0.5@0.6,0@1`: weights and the moments from which they count."""
    points = []
    for item in text.split(","):
        weight, _, moment = item.partition("@")
        points.append((_number(moment or "0", network), _number(weight, network)))
    return tuple(sorted(points))


def _number(text: str, network: Network) -> float:
    try:
        number = float(text)
    except ValueError as error:
        raise _no_number(network) from error
    if not isfinite(number):
        raise _no_number(network)
    return number


def _no_number(network: Network) -> InvalidRequest:
    named = (f"{key}={value}" for key, value in network.named)
    arguments = ":".join((*network.positional, *named))
    return InvalidRequest(
        f"<{network.kind}:{arguments}> has a multiplier that is not a number.",
        f"Write it like <{network.kind}:name:0.8>.",
    )


def block_weights(text: str) -> tuple[float, ...]:
    """Read block weights: the name of a usual set, or a factor for each block with commas between.

    Raises InvalidRequest for an unknown name, or a number of factors that no kind of network has.
    """
    known = {name.lower(): name for name in BLOCK_SETS}
    if text.strip().lower() in known:
        text = BLOCK_SETS[known[text.strip().lower()]]
    try:
        weights = tuple(float(item) for item in text.split(","))
    except ValueError as error:
        if "," in text:
            message = f"The block weights {text:.60} are not all numbers."
            raise InvalidRequest(message, "Write them like 1,0,0,0,1,…") from error
        raise NotFound("set of block weights", text, BLOCK_SETS) from error
    if len(weights) not in BLOCK_COUNTS or not all(isfinite(weight) for weight in weights):
        counts = ", ".join(map(str, BLOCK_COUNTS))
        raise InvalidRequest(
            f"There are {len(weights)} block weights; networks have {counts} blocks.",
            "The first factor is the text encoder's, then input, middle and output blocks.",
        )
    return weights


BLOCK_COUNTS = (12, 17, 20, 26)
"""Blocks that LoRA change in SDXL and SD 1, and LyCORIS networks in SDXL and SD 1."""

BLOCK_SETS = {
    "NONE": "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "ALL": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
    "INS": "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "IND": "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "INALL": "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "MIDD": "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
    "OUTD": "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
    "OUTS": "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
    "OUTALL": "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
    "ALL0.5": "0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5",
}
"""Sets that people share by name: for the text encoder, inputs, middle and outputs of SD 1."""
