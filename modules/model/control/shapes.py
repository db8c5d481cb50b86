"""The shape of a ControlNet, read off its tensors under the original names. Needs no network."""

from collections.abc import Mapping
from dataclasses import replace

from modules.errors import ModelError
from modules.model.control.kinds import family_title
from modules.model.control.names import numbers
from modules.model.networks.controlnet import ControlNetConfig
from modules.model.networks.unet import UNetConfig

Shapes = Mapping[str, tuple[int, ...]]
BROKEN = (KeyError, IndexError, ValueError, ZeroDivisionError)


def controlnet_config(shapes: Shapes, base: UNetConfig, name: str) -> ControlNetConfig:
    """The shape of the network whose tensors are `shapes`, to go with a U-Net like `base`.

    The number of attention heads cannot be seen; it is that of `base`. Raises ModelError when the
    tensors are not those of a whole ControlNet.
    """
    try:
        hints = numbers(shapes, r"input_hint_block\.(\d+)\.weight")
        return ControlNetConfig(
            unet=encoder_config(shapes, base),
            hint_channels=shapes["input_hint_block.0.weight"][1],
            hint_widths=tuple(shapes[f"input_hint_block.{n}.weight"][0] for n in hints[:-1]),
        )
    except BROKEN as error:
        raise ModelError(
            f"{name} holds only part of a ControlNet: {error} is missing.",
            "Download or copy it again.",
        ) from error


def encoder_config(shapes: Shapes, base: UNetConfig) -> UNetConfig:
    """The way down of a U-Net with the tensors `shapes`. Raises KeyError for missing ones."""
    model_channels = shapes["time_embed.0.weight"][1]
    widths: list[int] = []
    blocks: list[int] = [0]
    depths: list[int] = []
    contexts = {base.context_dim}
    linear = base.use_linear_in_transformer
    for place in numbers(shapes, r"input_blocks\.(\d+)\.")[1:]:
        if f"input_blocks.{place}.0.op.weight" in shapes:
            blocks.append(0)
            continue
        blocks[-1] += 1
        out = shapes[f"input_blocks.{place}.0.in_layers.2.weight"][0]
        if blocks[-1] == 1:
            widths.append(out)
        depth = depth_of(shapes, f"input_blocks.{place}.1")
        depths.append(depth)
        if depth:
            first = f"input_blocks.{place}.1.transformer_blocks.0.attn2.to_k.weight"
            contexts = {shapes[first][1]}
            linear = len(shapes[f"input_blocks.{place}.1.proj_in.weight"]) == 2
    label = shapes.get("label_emb.0.0.weight")
    return replace(
        base,
        in_channels=shapes["input_blocks.0.0.weight"][1],
        model_channels=model_channels,
        channel_mult=tuple(width // model_channels for width in widths),
        num_res_blocks=tuple(blocks),
        block_depths=tuple(depths),
        middle_depth=depth_of(shapes, "middle_block.1"),
        middle_blocks=len(middle_residuals(shapes)),
        context_dim=contexts.pop(),
        use_linear_in_transformer=linear,
        adm_in_channels=None if label is None else label[1],
        scale_embedding=None,
    )


def middle_residuals(shapes: Shapes) -> list[str]:
    """The residual blocks in the middle. Raises KeyError without any."""
    found = [f"middle_block.{n}" for n in numbers(shapes, r"middle_block\.(\d+)\.in_layers\.")]
    if not found:
        raise KeyError("middle_block.0")
    return found


def depth_of(shapes: Shapes, transformer: str) -> int:
    """How many transformer blocks are below `transformer`."""
    start = transformer.replace(".", r"\.")
    return len(numbers(shapes, rf"{start}\.transformer_blocks\.(\d+)\."))


def check_fits(config: ControlNetConfig, base: UNetConfig, name: str, checkpoint: str) -> None:
    """Raise ModelError if a network cannot work beside the U-Net `base` of `checkpoint`."""
    check_context(config.unet.context_dim, base, name, checkpoint)
    for what, own, wanted in (
        ("channels", config.unet.model_channels, base.model_channels),
        ("levels", config.unet.channel_mult, base.channel_mult),
        ("blocks", blocks_of(config.unet), blocks_of(base)),
        ("a vector for the picture's size", config.unet.adm_in_channels, base.adm_in_channels),
    ):
        if own != wanted:
            raise ModelError(
                f"{name} was made for another network than that of {checkpoint}: "
                f"it has {what} {own}, not {wanted}.",
                "Choose a network made for this checkpoint's family.",
            )


def check_context(context: int, base: UNetConfig, name: str, checkpoint: str) -> None:
    """Raise ModelError if a network reads prompts of another family than the U-Net `base`."""
    if context != base.context_dim:
        raise ModelError(
            f"{name} was made for {family_title(context)}, but {checkpoint} is "
            f"{family_title(base.context_dim)}.",
            "Choose a network made for this checkpoint's family, or another checkpoint.",
        )


def blocks_of(unet: UNetConfig) -> tuple[int, ...]:
    """Residual blocks of each level."""
    return tuple(unet.res_blocks_at(level) for level in range(len(unet.channel_mult)))
