"""The blocks of a U-Net by which people weigh a network's parts. Needs no torch."""

import re

from modules.model.patch.layer_names import Place

TEXT = "BASE"


def _names(inputs: tuple[int, ...], outputs: tuple[int, ...]) -> tuple[str, ...]:
    """The text encoder, input blocks, the middle, output blocks."""
    ins = (f"IN{number:02}" for number in inputs)
    outs = (f"OUT{number:02}" for number in outputs)
    return (TEXT, *ins, "MID", *outs)


BLOCKS: dict[int, tuple[str, ...]] = {
    17: _names((1, 2, 4, 5, 7, 8), tuple(range(3, 12))),
    26: _names(tuple(range(12)), tuple(range(12))),
    12: _names((4, 5, 7, 8), tuple(range(6))),
    20: _names(tuple(range(9)), tuple(range(9))),
}
"""Block names by how many factors are given: LoRA and LyCORIS of SD 1, then of SDXL.

The short lists name the blocks with attention, which are all that a plain LoRA changes.
"""


def block_of(place: Place) -> str:
    """The block that a weight belongs to; empty for layers outside of all (time, last)."""
    if place.is_text:
        return TEXT
    found = re.match(r"(input|middle|output)_blocks?\.(\d+)", place.weight)
    if found is None:
        return ""
    if found[1] == "middle":
        return "MID"
    return f"{'IN' if found[1] == 'input' else 'OUT'}{int(found[2]):02}"


def factor_for(place: Place, weights: tuple[float, ...]) -> float:
    """What to multiply a network's change of a weight with; `weights` has a factor a block.

    Without weights it is 1. Blocks that the list does not name are left alone; layers outside of
    all blocks go with the text encoder.
    """
    if not weights:
        return 1.0
    factors = dict(zip(BLOCKS[len(weights)], weights, strict=True))
    return factors.get(block_of(place) or TEXT, 0.0)
