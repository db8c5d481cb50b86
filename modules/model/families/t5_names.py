"""T5's parameter names in GGUF files beside the original ones. Needs no torch."""

import re

BLOCK = re.compile(r"enc\.blk\.(\d+)\.(\w+)\.weight")
LAYERS = {
    "attn_q": "0.SelfAttention.q",
    "attn_k": "0.SelfAttention.k",
    "attn_v": "0.SelfAttention.v",
    "attn_o": "0.SelfAttention.o",
    "attn_rel_b": "0.SelfAttention.relative_attention_bias",
    "attn_norm": "0.layer_norm",
    "ffn_gate": "1.DenseReluDense.wi_0",
    "ffn_up": "1.DenseReluDense.wi_1",
    "ffn_down": "1.DenseReluDense.wo",
    "ffn_norm": "1.layer_norm",
}
SINGLE = {
    "token_embd.weight": "shared.weight",
    "enc.output_norm.weight": "encoder.final_layer_norm.weight",
    "encoder.embed_tokens.weight": "shared.weight",
}


def original_t5_name(name: str) -> str:
    """The original name of a parameter; a name that is not known stays as it is."""
    found = BLOCK.fullmatch(name)
    if found and found[2] in LAYERS:
        return f"encoder.block.{found[1]}.layer.{LAYERS[found[2]]}.weight"
    return SINGLE.get(name, name)
