"""A job's prompts: as the recipe tells them, and as they are encoded."""

from dataclasses import dataclass

from modules.prompt.comments import strip_comments
from modules.prompt.networks import (
    HypernetWish,
    LoraWish,
    hypernet_wishes,
    lora_wishes,
    take_networks,
)
from modules.schema.request import GenerationRequest, TextOptions

KINDS = ("lora", "lyco", "hypernet")
"""Marks whose networks can be applied."""


@dataclass(frozen=True)
class Texts:
    """The prompts of one pass. `encoded` is the prompt without networks."""

    prompt: str
    negative_prompt: str
    encoded: str
    loras: tuple[LoraWish, ...]
    hypernets: tuple[HypernetWish, ...]
    notices: tuple[str, ...]


def read_texts(request: GenerationRequest, index: int = 0) -> Texts:
    """Take comments and networks out of the prompts of picture number `index`."""
    words = request.wording(index)
    return texts_of(words.prompt, words.negative_prompt, request.text)


def read_hires_texts(request: GenerationRequest, index: int = 0) -> Texts:
    """The same for the second pass, whose empty prompts are those of the first."""
    words = request.wording(index)
    prompt = words.hires_prompt or words.prompt
    negative = words.hires_negative_prompt or words.negative_prompt
    return texts_of(prompt, negative, request.text)


def texts_of(prompt: str, negative: str, wish: TextOptions) -> Texts:
    """Take comments and networks out of a pair of prompts."""
    if wish.comments:
        prompt, negative = strip_comments(prompt), strip_comments(negative)
    encoded, networks = take_networks(prompt)
    if wish.disable_networks:
        networks = []
    loras, hypernets = tuple(lora_wishes(networks)), tuple(hypernet_wishes(networks))
    others = (network for network in networks if network.kind not in KINDS)
    names = dict.fromkeys(f"<{network.kind}:{network.name}>" for network in others)
    notices = tuple(f"{name} is left out: such networks cannot be applied." for name in names)
    return Texts(prompt, negative, encoded, loras, hypernets, notices)


def plain_name(name: str) -> str:
    """A network's name as it can stand in a list of pairs."""
    return name.replace(":", "").replace(",", "")
