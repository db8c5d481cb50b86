"""What the names of tensors in a network file mean: a layer, and a part in it. Needs no torch.

Training programs write the same things under different names; here they become kohya's, which most
files have: `lora_unet_down_blocks_0_…` with parts such as `lora_up.weight`.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNET = "lora_unet_"
TEXT = "lora_te"
"""How layers of text encoders begin; a number follows where the model has several."""
PEFT_TEXT = "lora_te_peft_"
"""The first text encoder in files of diffusers, which is not told from an only one."""

BUNDLE = "bundle_emb."

PEFT = re.compile(
    r"^(?:base_model\.model\.)?(unet|transformer|text_encoder|text_encoder_2|text_encoder_3)\."
    r"(.+?)\.(lora_A|lora_B|lora_magnitude_vector|lora\.down|lora\.up|lora_linear_layer\.down"
    r"|lora_linear_layer\.up|alpha|dora_scale|diff|diff_b)(?:\.default)?(?:\.weight)?$"
)
OLD_DIFFUSERS = re.compile(
    r"^(?:unet\.)?(.+)\.processor\.(to_q|to_k|to_v|to_out)_lora\.(down|up)\.weight$"
)
PEFT_PREFIX = {
    "unet": UNET,
    "transformer": UNET,
    "text_encoder": PEFT_TEXT,
    "text_encoder_2": f"{TEXT}2_",
    "text_encoder_3": f"{TEXT}3_",
}
PEFT_PART = {
    "lora_A": "lora_down.weight",
    "lora_B": "lora_up.weight",
    "lora.down": "lora_down.weight",
    "lora.up": "lora_up.weight",
    "lora_linear_layer.down": "lora_down.weight",
    "lora_linear_layer.up": "lora_up.weight",
    "lora_magnitude_vector": "dora_scale",
}
OTHER_PREFIXES = {"oft_unet_": UNET, "lycoris_unet_": UNET, "lycoris_te_": f"{TEXT}_"}
"""Beginnings that stand for kohya's."""


@dataclass(frozen=True)
class Keys:
    """The tensors of a file, sorted: by layer and part, and those of embeddings that came along."""

    layers: Mapping[str, Mapping[str, str]]
    """For each layer, under kohya's name, the keys of its parts."""
    bundled: Mapping[str, Mapping[str, str]]
    """For each embedding in the file, the keys of its tensors by `clip_l`, `clip_g`, ..."""
    strays: tuple[str, ...]
    """Keys without a part: they belong to no layer."""


def sort_keys(keys: Iterable[str]) -> Keys:
    """Say what each key of a file belongs to."""
    layers: dict[str, dict[str, str]] = {}
    bundled: dict[str, dict[str, str]] = {}
    strays = []
    for key in keys:
        if key.startswith(BUNDLE):
            name, _, part = key.removeprefix(BUNDLE).partition(".")
            bundled.setdefault(name, {})[part.removeprefix("string_to_param.")] = key
            continue
        layer, part = place(key)
        if part:
            layers.setdefault(layer, {})[part] = key
        else:
            strays.append(key)
    return Keys(layers, bundled, tuple(strays))


def place(key: str) -> tuple[str, str]:
    """A tensor's layer and its part; the part is empty where the key has none."""
    old = OLD_DIFFUSERS.match(key)
    if old is not None:
        name = "to_out.0" if old[2] == "to_out" else old[2]
        return UNET + f"{old[1]}.{name}".replace(".", "_"), f"lora_{old[3]}.weight"
    peft = PEFT.match(key)
    if peft is not None:
        layer = PEFT_PREFIX[peft[1]] + peft[2].replace(".", "_")
        return layer, PEFT_PART.get(peft[3], peft[3])
    layer, _, part = key.partition(".")
    for theirs, ours in OTHER_PREFIXES.items():
        if layer.startswith(theirs):
            layer = ours + layer.removeprefix(theirs)
    return layer, part
