"""Parameter names of diffusers' transformers beside the original ones. Needs no torch.

diffusers keeps queries, keys and values apart where the original files have them in one matrix, and
in some modulations it puts the scale before the shift. So each original parameter is told as the
parameters of diffusers' that are joined to make it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Pair = tuple[str, "Joined"]


@dataclass(frozen=True)
class Joined:
    """diffusers' parameters whose rows, one below the other, are an original parameter."""

    sources: tuple[str, ...]
    swapped: bool = False
    """Whether the two halves of the rows change places."""


def sd3_names(depth: int, dual_layers: int, qk_norm: bool) -> dict[str, Joined]:
    """Every parameter of Stable Diffusion 3's transformer by its original name."""
    pairs: list[Pair] = [
        ("pos_embed", Joined(("pos_embed.pos_embed",))),
        *layer("x_embedder.proj", "pos_embed.proj"),
        *layer("context_embedder", "context_embedder"),
        *layer("t_embedder.mlp.0", "time_text_embed.timestep_embedder.linear_1"),
        *layer("t_embedder.mlp.2", "time_text_embed.timestep_embedder.linear_2"),
        *layer("y_embedder.mlp.0", "time_text_embed.text_embedder.linear_1"),
        *layer("y_embedder.mlp.2", "time_text_embed.text_embedder.linear_2"),
        *layer("final_layer.linear", "proj_out"),
        *layer("final_layer.adaLN_modulation.1", "norm_out.linear", swapped=True),
    ]
    for index in range(depth):
        pairs += sd3_block(index, last=index == depth - 1, dual=index < dual_layers, norm=qk_norm)
    return dict(pairs)


def sd3_block(index: int, *, last: bool, dual: bool, norm: bool) -> Iterator[Pair]:
    """One block of Stable Diffusion 3's transformer."""
    theirs = f"transformer_blocks.{index}"
    x, context = f"joint_blocks.{index}.x_block", f"joint_blocks.{index}.context_block"
    yield from layer(f"{x}.adaLN_modulation.1", f"{theirs}.norm1.linear")
    modulation, changed = f"{context}.adaLN_modulation.1", f"{theirs}.norm1_context.linear"
    yield from layer(modulation, changed, swapped=last)
    yield from attention(f"{x}.attn", f"{theirs}.attn", norm)
    yield from layer(f"{x}.attn.proj", f"{theirs}.attn.to_out.0")
    yield from layer(f"{x}.mlp.fc1", f"{theirs}.ff.net.0.proj")
    yield from layer(f"{x}.mlp.fc2", f"{theirs}.ff.net.2")
    if dual:
        yield from attention(f"{x}.attn2", f"{theirs}.attn2", norm)
        yield from layer(f"{x}.attn2.proj", f"{theirs}.attn2.to_out.0")
    added = [f"{theirs}.attn.add_{part}_proj" for part in "qkv"]
    yield from layer(f"{context}.attn.qkv", *added)
    if norm:
        yield f"{context}.attn.ln_q.weight", Joined((f"{theirs}.attn.norm_added_q.weight",))
        yield f"{context}.attn.ln_k.weight", Joined((f"{theirs}.attn.norm_added_k.weight",))
    if not last:
        yield from layer(f"{context}.attn.proj", f"{theirs}.attn.to_add_out")
        yield from layer(f"{context}.mlp.fc1", f"{theirs}.ff_context.net.0.proj")
        yield from layer(f"{context}.mlp.fc2", f"{theirs}.ff_context.net.2")


def attention(ours: str, theirs: str, norm: bool) -> Iterator[Pair]:
    """The projections of one attention, with its norms where there are some."""
    yield from layer(f"{ours}.qkv", *(f"{theirs}.to_{part}" for part in "qkv"))
    if norm:
        yield f"{ours}.ln_q.weight", Joined((f"{theirs}.norm_q.weight",))
        yield f"{ours}.ln_k.weight", Joined((f"{theirs}.norm_k.weight",))


def flux_names(double: int, single: int, guidance: bool) -> dict[str, Joined]:
    """Every parameter of FLUX.1's transformer by its original name."""
    embedders = [("time_in", "timestep"), ("vector_in", "text")]
    if guidance:
        embedders.append(("guidance_in", "guidance"))
    pairs: list[Pair] = [
        *layer("img_in", "x_embedder"),
        *layer("txt_in", "context_embedder"),
        *layer("final_layer.linear", "proj_out"),
        *layer("final_layer.adaLN_modulation.1", "norm_out.linear", swapped=True),
    ]
    for ours, theirs in embedders:
        embedder = f"time_text_embed.{theirs}_embedder"
        pairs += layer(f"{ours}.in_layer", f"{embedder}.linear_1")
        pairs += layer(f"{ours}.out_layer", f"{embedder}.linear_2")
    for index in range(double):
        pairs += flux_double(f"double_blocks.{index}", f"transformer_blocks.{index}")
    for index in range(single):
        pairs += flux_single(f"single_blocks.{index}", f"single_transformer_blocks.{index}")
    return dict(pairs)


def flux_double(ours: str, theirs: str) -> Iterator[Pair]:
    """One two-stream block of FLUX.1."""
    attn = f"{theirs}.attn"
    for stream, queries, out, suffix in (
        ("img", [f"{attn}.to_{part}" for part in "qkv"], f"{attn}.to_out.0", ""),
        ("txt", [f"{attn}.add_{part}_proj" for part in "qkv"], f"{attn}.to_add_out", "_context"),
    ):
        added = "added_" if suffix else ""
        norm = f"{ours}.{stream}_attn.norm"
        yield from layer(f"{ours}.{stream}_mod.lin", f"{theirs}.norm1{suffix}.linear")
        yield from layer(f"{ours}.{stream}_attn.qkv", *queries)
        yield from layer(f"{ours}.{stream}_attn.proj", out)
        yield f"{norm}.query_norm.scale", Joined((f"{attn}.norm_{added}q.weight",))
        yield f"{norm}.key_norm.scale", Joined((f"{attn}.norm_{added}k.weight",))
        yield from layer(f"{ours}.{stream}_mlp.0", f"{theirs}.ff{suffix}.net.0.proj")
        yield from layer(f"{ours}.{stream}_mlp.2", f"{theirs}.ff{suffix}.net.2")


def flux_single(ours: str, theirs: str) -> Iterator[Pair]:
    """One single-stream block of FLUX.1."""
    parts = [f"{theirs}.attn.to_{part}" for part in "qkv"]
    yield from layer(f"{ours}.modulation.lin", f"{theirs}.norm.linear")
    yield from layer(f"{ours}.linear1", *parts, f"{theirs}.proj_mlp")
    yield from layer(f"{ours}.linear2", f"{theirs}.proj_out")
    yield f"{ours}.norm.query_norm.scale", Joined((f"{theirs}.attn.norm_q.weight",))
    yield f"{ours}.norm.key_norm.scale", Joined((f"{theirs}.attn.norm_k.weight",))


def layer(ours: str, *theirs: str, swapped: bool = False) -> list[Pair]:
    """Weight and bias of one layer."""
    return [
        (f"{ours}.{name}", Joined(tuple(f"{module}.{name}" for module in theirs), swapped))
        for name in ("weight", "bias")
    ]
