"""Names of tensors in files of networks for control, to the original ones. Needs no torch."""

import re
from collections.abc import Iterable

from modules.model.control.kinds import LDM_PREFIX
from modules.model.families.diffusers_names import RES_BLOCK, Pair, down_names, res_block

NOT_WEIGHTS = ("lora_controlnet", "difference")


def original_control_modules(names: Iterable[str]) -> dict[str, str]:
    """Modules of a ControlNet under diffusers' names, to the original ones.

    The number of blocks is read off the names.
    """
    known = set(names)
    levels = numbers(known, r"down_blocks\.(\d+)\.")
    blocks = [len(numbers(known, rf"down_blocks\.{level}\.resnets\.(\d+)\.")) for level in levels]
    hints = numbers(known, r"controlnet_cond_embedding\.blocks\.(\d+)\.")
    zeros = numbers(known, r"controlnet_down_blocks\.(\d+)\.")
    cond = "controlnet_cond_embedding"
    pairs: list[Pair] = [
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("add_embedding.linear_1", "label_emb.0.0"),
        ("add_embedding.linear_2", "label_emb.0.2"),
        ("control_add_embedding.linear_1", "control_add_embedding.0"),
        ("control_add_embedding.linear_2", "control_add_embedding.2"),
        (f"{cond}.conv_in", "input_hint_block.0"),
        *((f"{cond}.blocks.{n}", f"input_hint_block.{2 * n + 2}") for n in hints),
        (f"{cond}.conv_out", f"input_hint_block.{2 * len(hints) + 2}"),
        *((f"controlnet_down_blocks.{n}", f"zero_convs.{n}.0") for n in zeros),
        ("controlnet_mid_block", "middle_block_out.0"),
        ("mid_block.attentions.0", "middle_block.1"),
        *res_block("mid_block.resnets.0", "middle_block.0", RES_BLOCK),
        *res_block("mid_block.resnets.1", "middle_block.2", RES_BLOCK),
        *down_names(blocks),
    ]
    return dict(pairs)


def numbers(names: Iterable[str], pattern: str) -> list[int]:
    """The numbers that `pattern` finds at the beginning of names, each once, ascending."""
    matches = (re.match(pattern, name) for name in names)
    return sorted({int(match[1]) for match in matches if match})


def inner_names(names: Iterable[str]) -> dict[str, str]:
    """A ControlNet's names without the prefix of files with a whole checkpoint, to those given."""
    known = list(names)
    if any(name.startswith(LDM_PREFIX) for name in known):
        known = [name for name in known if name.startswith(LDM_PREFIX)]
    bare = {name.removeprefix(LDM_PREFIX): name for name in known}
    return {name: source for name, source in bare.items() if name not in NOT_WEIGHTS}


def original_adapter_name(name: str) -> str:
    """A T2I-Adapter's parameter in diffusers' names to the original one; others stay.

    Full adapters number all their blocks in one row: two in each of diffusers'.
    """
    name = name.removeprefix("adapter.")
    if match := re.match(r"body\.(\d+)\.resnets\.(\d+)\.(.+)", name):
        return f"body.{2 * int(match[1]) + int(match[2])}.{match[3]}"
    if match := re.match(r"body\.(\d+)\.in_conv\.(.+)", name):
        return f"body.{2 * int(match[1])}.in_conv.{match[2]}"
    return name


def original_light_name(name: str) -> str:
    """The same for light adapters, whose blocks are grouped in both."""
    name = name.removeprefix("adapter.")
    return re.sub(r"^(body\.\d+)\.resnets\.", r"\1.body.", name)
