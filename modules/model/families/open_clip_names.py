"""Parameter names of OpenCLIP's text encoder beside transformers'. Needs no torch.

Nearly all are the same tensors under other names. The exceptions: queries, keys and values are one
tensor in OpenCLIP, and its projection is the transpose of a linear layer's.
"""

FUSED = "attn.in_proj_"
"""Queries, keys and values, their rows one after the other: `weight` and `bias`."""
ROWS = ("q", "k", "v")
PROJECTION = "text_projection"
UNUSED = ("logit_scale", "attn_mask")
"""What images are matched to texts with, and a constant."""

LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
"""Modules of a layer: OpenCLIP's name, transformers' name."""

WHOLE = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
}
"""Parameters outside the layers."""

OURS, THEIRS = "text_model.encoder.layers.", "transformer.resblocks."


def transformers_name(name: str) -> str | None:
    """The name in transformers of one that is the same tensor in both, else None."""
    if name in WHOLE:
        return WHOLE[name]
    number, _, rest = name.removeprefix(THEIRS).partition(".")
    module, _, leaf = rest.rpartition(".")
    if not name.startswith(THEIRS) or module not in LAYER:
        return None
    return f"{OURS}{number}.{LAYER[module]}.{leaf}"


def open_clip_name(name: str) -> str | None:
    """The inverse of `transformers_name`."""
    for theirs, ours in WHOLE.items():
        if name == ours:
            return theirs
    number, _, rest = name.removeprefix(OURS).partition(".")
    module, _, leaf = rest.rpartition(".")
    for theirs, ours in LAYER.items():
        if name.startswith(OURS) and module == ours:
            return f"{THEIRS}{number}.{theirs}.{leaf}"
    return None


def split_names(name: str) -> tuple[str, str, str] | None:
    """For a fused tensor `...resblocks.N.attn.in_proj_weight` the names of its three parts."""
    number, _, rest = name.removeprefix(THEIRS).partition(".")
    if not name.startswith(THEIRS) or not rest.startswith(FUSED):
        return None
    leaf = rest.removeprefix(FUSED)
    q, k, v = (f"{OURS}{number}.self_attn.{part}_proj.{leaf}" for part in ROWS)
    return q, k, v
