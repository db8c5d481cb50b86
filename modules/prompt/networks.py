"""Extra networks in prompts: `<lora:name:0.8>` and `<hypernet:name:1>`."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from modules.errors import InvalidRequest

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


class LoraWish(NamedTuple):
    """A LoRA to apply: multipliers for text encoder and U-Net, and a limit on its rank."""

    name: str
    te: float
    unet: float
    dyn: int | None


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


def _lora_wish(network: Network) -> LoraWish:
    named = dict(network.named)
    values = dict(zip(("te", "unet", "dyn"), network.positional[1:], strict=False)) | named
    try:
        te = float(values.get("te", 1.0))
        unet = float(values.get("unet", te))
        dyn = int(values["dyn"]) if "dyn" in values else None
    except ValueError as error:
        arguments = ":".join(
            (*network.positional, *(f"{key}={value}" for key, value in named.items()))
        )
        raise InvalidRequest(
            f"<{network.kind}:{arguments}> has a multiplier that is not a number.",
            "Write it like <lora:name:0.8>.",
        ) from error
    return LoraWish(network.name, te, unet, dyn)
