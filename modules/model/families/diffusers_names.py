"""Module names of diffusers' networks beside the original ones. Needs no torch.

Both layouts hold the same modules under different names. The table is made by walking a U-Net of
given size, so it fits every width and depth; `lora_unet_...` files use the same names.
"""

from collections.abc import Iterator, Sequence

RES_BLOCK = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
"""Modules of a U-Net's residual block: diffusers' name, original name."""

VAE_ATTENTION = {
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "query": "q",
    "key": "k",
    "value": "v",
    "proj_attn": "proj_out",
}
"""Modules of an autoencoder's attention; the last four are diffusers' before 2023."""

VAE_RES_BLOCK = {
    "norm1": "norm1",
    "conv1": "conv1",
    "norm2": "norm2",
    "conv2": "conv2",
    "conv_shortcut": "nin_shortcut",
}

Pair = tuple[str, str]


def unet_names(res_blocks: Sequence[int], attention: Sequence[bool]) -> dict[str, str]:
    """Module names of a U-Net, diffusers' to original.

    Both lists have an entry per level, finest first: its residual blocks, whether it has attention.
    A name stands for the module and everything below it, except that residual blocks are listed
    by their inner modules, whose names differ too.
    """
    pairs = [
        ("conv_in", "input_blocks.0.0"),
        ("time_embedding.linear_1", "time_embed.0"),
        ("time_embedding.linear_2", "time_embed.2"),
        ("time_embedding.cond_proj", "time_embed.cond_proj"),
        ("add_embedding.linear_1", "label_emb.0.0"),
        ("add_embedding.linear_2", "label_emb.0.2"),
        ("conv_norm_out", "out.0"),
        ("conv_out", "out.2"),
        ("mid_block.attentions.0", "middle_block.1"),
        *res_block("mid_block.resnets.0", "middle_block.0", RES_BLOCK),
        *res_block("mid_block.resnets.1", "middle_block.2", RES_BLOCK),
        *down_names(res_blocks),
        *up_names(res_blocks, attention),
    ]
    return dict(pairs)


def down_names(res_blocks: Sequence[int]) -> Iterator[Pair]:
    """The way down of a U-Net."""
    place = 1
    for level, count in enumerate(res_blocks):
        for index in range(count):
            theirs = f"down_blocks.{level}"
            yield from res_block(f"{theirs}.resnets.{index}", f"input_blocks.{place}.0", RES_BLOCK)
            yield f"{theirs}.attentions.{index}", f"input_blocks.{place}.1"
            place += 1
        if level < len(res_blocks) - 1:
            yield f"down_blocks.{level}.downsamplers.0.conv", f"input_blocks.{place}.0.op"
            place += 1


def up_names(res_blocks: Sequence[int], attention: Sequence[bool]) -> Iterator[Pair]:
    """The way up of a U-Net; an upsampler comes third, or second where there is no attention."""
    place = 0
    levels = list(zip(res_blocks, attention, strict=True))[::-1]
    for level, (count, attended) in enumerate(levels):
        theirs = f"up_blocks.{level}"
        for index in range(count + 1):
            yield from res_block(f"{theirs}.resnets.{index}", f"output_blocks.{place}.0", RES_BLOCK)
            yield f"{theirs}.attentions.{index}", f"output_blocks.{place}.1"
            place += 1
        if level < len(res_blocks) - 1:
            third = 2 if attended else 1
            yield f"{theirs}.upsamplers.0.conv", f"output_blocks.{place - 1}.{third}.conv"


def autoencoder_names(levels: int) -> dict[str, str]:
    """Module names of an autoencoder with that many levels, diffusers' to original."""
    pairs: list[Pair] = [("quant_conv", "quant_conv"), ("post_quant_conv", "post_quant_conv")]
    pairs.append(("quantize", "quantize"))
    for half, blocks, direction in (("encoder", "down", 1), ("decoder", "up", -1)):
        pairs += [(f"{half}.{name}", f"{half}.{name}") for name in ("conv_in", "conv_out")]
        pairs.append((f"{half}.conv_norm_out", f"{half}.norm_out"))
        middle = f"{half}.mid_block"
        pairs += res_block(f"{middle}.resnets.0", f"{half}.mid.block_1", VAE_RES_BLOCK)
        pairs += res_block(f"{middle}.resnets.1", f"{half}.mid.block_2", VAE_RES_BLOCK)
        pairs += res_block(f"{middle}.attentions.0", f"{half}.mid.attn_1", VAE_ATTENTION)
        for level in range(levels):
            place = level if direction == 1 else levels - 1 - level
            theirs, ours = f"{half}.{blocks}_blocks.{level}", f"{half}.{blocks}.{place}"
            for index in range(4):  # more than any autoencoder has
                resnet, block = f"{theirs}.resnets.{index}", f"{ours}.block.{index}"
                pairs += res_block(resnet, block, VAE_RES_BLOCK)
            pairs.append((f"{theirs}.{blocks}samplers.0.conv", f"{ours}.{blocks}sample.conv"))
    return dict(pairs)


def res_block(theirs: str, ours: str, inner: dict[str, str]) -> list[Pair]:
    """The inner modules of one block."""
    return [(f"{theirs}.{name}", f"{ours}.{original}") for name, original in inner.items()]


def original_name(name: str, names: dict[str, str]) -> str | None:
    """A parameter's original name, or None if its module is not in the table."""
    head = name
    while "." in head:
        head = head.rpartition(".")[0]
        if head in names:
            return names[head] + name.removeprefix(head)
    return None
