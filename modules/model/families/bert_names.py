"""Names of latent diffusion's text transformer in diffusers' folders beside the original ones."""

import re

LAYER = re.compile(r"model\.layers\.(\d+)\.(\w+(?:\.\w+)?)\.(weight|bias)")
EVEN = {
    "self_attn_layer_norm": "0.0",
    "self_attn.q_proj": "1.to_q",
    "self_attn.k_proj": "1.to_k",
    "self_attn.v_proj": "1.to_v",
    "self_attn.out_proj": "1.to_out",
}
"""Attention, in the even places of the original's one list."""
ODD = {"final_layer_norm": "0.0", "fc1": "1.net.0.0", "fc2": "1.net.2"}
"""The perceptron, in the odd places."""
SINGLE = {
    "model.embed_tokens.weight": "token_emb.weight",
    "model.embed_positions.weight": "pos_emb.emb.weight",
    "model.layer_norm.weight": "norm.weight",
    "model.layer_norm.bias": "norm.bias",
}


def original_bert_name(name: str) -> str | None:
    """A parameter's original name, or None for what is not part of the network here."""
    found = LAYER.fullmatch(name)
    if found is None:
        return SINGLE.get(name)
    number, module, leaf = int(found[1]), found[2], found[3]
    for place, table in ((2 * number, EVEN), (2 * number + 1, ODD)):
        if module in table:
            return f"attn_layers.layers.{place}.{table[module]}.{leaf}"
    return None
