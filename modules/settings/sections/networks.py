"""How networks are put into prompts from their cards."""

from dataclasses import dataclass

from modules.param import param

ALIAS, FILE_NAME = PREFERRED_NAMES = ("Alias from file", "Filename")


@dataclass(frozen=True, kw_only=True)
class Networks:
    """What a click on a card writes, and which cards are shown."""

    multiplier: float = param(
        1.0,
        "Usual multiplier of networks",
        setting="extra_networks_default_multiplier",
        minimum=0,
        maximum=2,
        step=0.01,
        help="Written by a click on a card whose notes name no other.",
    )
    separator: str = param(" ", "Text before it", setting="extra_networks_add_text_separator")
    preferred_name: str = param(
        ALIAS, "Name of a LoRA in prompts", setting="lora_preferred_name", choices=PREFERRED_NAMES
    )
    show_all: bool = param(
        False, "Also show LoRA made for other families of models", setting="lora_show_all"
    )
