"""Models whose network is a transformer (Stable Diffusion 3, FLUX.1): files, folders, companions.

Their files are rarely whole: many hold the transformer alone, packed or not. What is missing is
looked for in `models/text_encoder` and `models/VAE`, by content.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from modules.errors import ModelError
from modules.model.architecture import Architecture
from modules.model.assemble import Parts
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.families.record import Family, TextTower
from modules.model.families.t5_names import original_t5_name
from modules.model.files import Entry, Weights, read_weights
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.flux import FluxConfig
from modules.model.networks.mmdit import MMDiTConfig
from modules.model.schedules import FlowSchedule
from modules.paths import Paths

BARE = ("double_blocks.", "single_blocks.", "joint_blocks.")
"""How names begin in files that hold a transformer alone."""
OTHERS = ("text_encoders.", "first_stage_model.", "vae.", "model.")
SUFFIXES = (".safetensors", ".gguf", ".pt", ".bin")
CLIP_WIDTHS = {"clip_l": 768, "clip_g": 1280}
FIRST_T5 = "encoder.block.0.layer.0.SelfAttention.q.weight"
FIRST_CLIP = "text_model.embeddings.token_embedding.weight"
FIRST_VAE = "decoder.conv_in.weight"
MOST_LEVELS = 8


def is_transformer(shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether a file holds such a network."""
    return any(name.removeprefix("model.diffusion_model.").startswith(BARE) for name in shapes)


def completed(weights: Weights, family: Family, paths: Paths) -> Weights:
    """The tensors of a file under their usual names, with those of companion files.

    Raises ModelError, by name of what is missing and where it belongs.
    """
    entries = {usual_name(name, family): entry for name, entry in weights.entries.items()}
    opened = [weights]
    try:
        for tower in family.text:
            if not any(name.startswith(tower.prefix) for name in entries):
                entries |= companion(tower, paths, opened, weights.name)
        if not any(name.startswith(family.autoencoder_prefix) for name in entries):
            entries |= companion_vae(family, paths, opened, weights.name)
    except BaseException:
        close_all(opened[1:])
        raise
    return Weights(weights.name, entries, weights.metadata, lambda: close_all(opened))


def usual_name(name: str, family: Family) -> str:
    """A tensor's name with the prefix it has in a whole file."""
    if name.startswith("vae."):
        return family.autoencoder_prefix + name.removeprefix("vae.")
    if name.startswith(OTHERS):
        return name
    return family.unet_prefix + name


def close_all(opened: Iterable[Weights]) -> None:
    """Close every file."""
    for weights in opened:
        weights.close()


def without_missing(family: Family, weights: Weights) -> Family:
    """The family without the text encoders that a model also draws without, where they are not."""
    present = tuple(
        tower
        for tower in family.text
        if not tower.optional or any(name.startswith(tower.prefix) for name in weights)
    )
    return replace(family, text=present)


def companion(tower: TextTower, paths: Paths, opened: list[Weights], file: str) -> dict[str, Entry]:
    """The tensors of a text encoder from a file of its own; empty if it may be missing."""
    for weights in files_in((paths.text_encoders,)):
        names = encoder_names(weights, tower)
        if names:
            opened.append(weights)
            return {tower.prefix + name: weights.entries[source] for name, source in names.items()}
        weights.close()
    if tower.optional:
        return {}
    title = {"clip_l": "CLIP L", "clip_g": "CLIP G"}.get(tower.name, "T5 XXL")
    raise ModelError(
        f"{file} holds no text encoder {title}.",
        f"Put it, as a file of its own, into {paths.text_encoders}.",
    )


def encoder_names(weights: Weights, tower: TextTower) -> dict[str, str]:
    """A text encoder's parameter names to those of a file; empty if it is another one's."""
    if tower.layout == "t5":
        names = {original_t5_name(name): name for name in weights}
        return names if FIRST_T5 in names else {}
    shape = weights.shapes.get(FIRST_CLIP, ())
    fits = tower.name in weights.name.lower() or shape[1:] == (CLIP_WIDTHS[tower.name],)
    return {name: name for name in weights} if shape and fits else {}


def companion_vae(
    family: Family, paths: Paths, opened: list[Weights], file: str
) -> dict[str, Entry]:
    """The tensors of an autoencoder from a file of its own, under the original names."""
    channels = 16
    for weights in files_in((paths.vae,)):
        table = autoencoder_names(levels_of(weights))
        names = {
            (original_name(name, table) or name).removeprefix("first_stage_model."): name
            for name in weights
        }
        shape = weights.shapes[names[FIRST_VAE]] if FIRST_VAE in names else ()
        if shape[1:2] == (channels,):
            opened.append(weights)
            prefix = family.autoencoder_prefix
            return {prefix + name: weights.entries[source] for name, source in names.items()}
        weights.close()
    raise ModelError(
        f"{file} holds no VAE.", f"Put its VAE of {channels} channels into {paths.vae}."
    )


def levels_of(weights: Weights) -> int:
    """Levels of an autoencoder under diffusers' names."""
    return sum(
        f"encoder.down_blocks.{level}.resnets.0.conv1.weight" in weights
        for level in range(MOST_LEVELS)
    )


def files_in(folders: Iterable[Path]) -> Iterator[Weights]:
    """Every readable file of weights below some folders, opened; those that are broken are not."""
    for folder in folders:
        for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
            if path.suffix.lower() in SUFFIXES:
                try:
                    weights = read_weights(path)
                except ModelError:  # whoever lists files tells about it
                    continue
                yield weights


def described_by_shapes(weights: Weights, family: Family, parts: Parts) -> Architecture:
    """Everything about a model, from the shapes of its tensors. Raises ModelError."""
    assert family.flow is not None
    shapes = {name: weights.entries[source].shape for name, source in parts.unet.items()}
    vae = {name: weights.entries[source].shape for name, source in parts.autoencoder.items()}
    try:
        if any(name.startswith("joint_blocks.") for name in shapes):
            network: MMDiTConfig | FluxConfig = MMDiTConfig.from_shapes(shapes)
        else:
            network = FluxConfig.from_shapes(shapes)
        autoencoder = autoencoder_from_shapes(vae)
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise ModelError(
            f"{weights.name} holds only part of a model: {error} is missing or of an odd shape.",
            "Download or copy it again.",
        ) from error
    undistilled = isinstance(network, FluxConfig) and not network.guidance
    schedule = FlowSchedule(shift=family.flow.shift, small_shift=family.flow.small_shift)
    return Architecture(
        unet=network,
        autoencoder=autoencoder,
        schedule=FlowSchedule(shift=1.0) if undistilled else schedule,
        prediction="flow",
        scale_factor=family.flow.scale_factor,
        shift_factor=family.flow.shift_factor,
    )


def autoencoder_from_shapes(shapes: Mapping[str, tuple[int, ...]]) -> AutoencoderConfig:
    """An autoencoder's shape, from tensors under the original names. Raises KeyError.

    The groups of its norms cannot be seen; where there are fewer channels than usual, they are
    taken for one each.
    """
    channels = shapes["encoder.conv_in.weight"][0]
    widths: list[int] = []
    while (first := f"encoder.down.{len(widths)}.block.0.conv1.weight") in shapes:
        widths.append(shapes[first][0])
    if not widths or any(width % channels for width in widths):
        raise ValueError("encoder.down")
    blocks = {name.split(".")[4] for name in shapes if name.startswith("encoder.down.0.block.")}
    latent = shapes[FIRST_VAE][1]
    return AutoencoderConfig(
        in_channels=shapes["encoder.conv_in.weight"][1],
        out_channels=shapes["decoder.conv_out.weight"][0],
        channels=channels,
        channel_mult=tuple(width // channels for width in widths),
        num_res_blocks=len(blocks),
        z_channels=latent,
        embed_dim=latent,
        norm_groups=min(32, channels),
        point_convs="quant_conv.weight" in shapes,
    )
