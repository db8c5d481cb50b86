"""Models in folders, as diffusers saves them: one folder per network, each with its config.json."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modules.errors import ModelError
from modules.model.architecture import Architecture, NoiseSchedule, Prediction
from modules.model.families.bert_names import original_bert_name
from modules.model.families.diffusers_names import autoencoder_names, original_name, unet_names
from modules.model.families.flux import FLUX
from modules.model.families.ldm import LDM
from modules.model.families.record import Family, TextTower
from modules.model.families.sd1 import SD1
from modules.model.families.sd2 import SD2
from modules.model.families.sd3 import SD3
from modules.model.families.sdxl import SDXL, SDXL_REFINER
from modules.model.files import Entry, Weights, read_weights
from modules.model.folder_files import read_json, text_name, weight_files
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.bert import BertConfig
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.unet import UNetConfig
from modules.model.transformer_folder import open_transformer_folder

PIPELINES = (
    "StableDiffusionPipeline",
    "StableDiffusionImg2ImgPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionDepth2ImgPipeline",
    "LatentConsistencyModelPipeline",
    "LatentConsistencyModelImg2ImgPipeline",
    "StableDiffusionXLPipeline",
    "StableDiffusionXLImg2ImgPipeline",
    "StableDiffusionXLInpaintPipeline",
    "StableDiffusion3Pipeline",
    "StableDiffusion3Img2ImgPipeline",
    "FluxPipeline",
    "FluxImg2ImgPipeline",
    "LDMTextToImagePipeline",
)
"""What a folder's `model_index.json` may be about; the networks in it tell the rest."""

TOLD = {"StableDiffusion3": SD3, "Flux": FLUX, "LDM": LDM}
"""How the names of pipelines begin that tell a family."""

Rename = Callable[[str], str | None]


def open_folder(folder: Path) -> Weights:
    """The weights of all networks in `folder`, under the names of single files.

    Text encoders keep transformers' names after the prefix. Raises ModelError when the folder holds
    another kind of pipeline or lacks a network.
    """
    family = folder_family(folder)
    if family.flow is not None:
        return open_transformer_folder(folder, family)
    architecture = folder_architecture(folder)
    assert isinstance(architecture.unet, UNetConfig)
    unet = unet_names_for(architecture.unet)
    autoencoder = autoencoder_names(len(architecture.autoencoder.channel_mult))
    parts: list[tuple[str, str, Rename]] = [
        ("unet", family.unet_prefix, lambda name: original_name(name, unet)),
        (
            family.autoencoder_folder,
            family.autoencoder_prefix,
            lambda name: original_name(name, autoencoder),
        ),
        *((tower.folder, tower.prefix, text_renamer(tower)) for tower in family.text),
    ]
    opened: list[Weights] = []
    entries: dict[str, Entry] = {}

    def close() -> None:
        for weights in opened:
            weights.close()

    try:
        for part, prefix, rename in parts:
            for file in weight_files(folder / part):
                opened.append(read_weights(file))
                for name, entry in opened[-1].entries.items():
                    renamed = rename(name)
                    if renamed is not None:
                        entries[prefix + renamed] = entry
    except BaseException:
        close()
        raise
    return Weights(folder.name, entries, None, close)


def folder_family(folder: Path) -> Family:
    """The family of the networks in a diffusers folder.

    Raises ModelError for other kinds of pipeline.
    """
    index = read_json(folder / "model_index.json")
    if index.get("_class_name") not in PIPELINES:
        raise ModelError(
            f"{folder.name} is a {index.get('_class_name')}, which Easel cannot draw with yet.",
            f"Folders that can be used: {', '.join(PIPELINES)}.",
        )
    for start, family in TOLD.items():
        if index["_class_name"].startswith(start):
            return family
    unet = read_json(folder / "unet" / "config.json")
    if unet.get("addition_embed_type") == "text_time":
        first = index.get("text_encoder") or (None, None)
        return SDXL if first[0] is not None else SDXL_REFINER
    text = read_json(folder / "text_encoder" / "config.json")
    return SD2 if text.get("hidden_act") == "gelu" else SD1


def unet_names_for(config: UNetConfig) -> dict[str, str]:
    """Module names of a U-Net of that shape, diffusers' to original."""
    levels = range(len(config.channel_mult))
    blocks = [config.res_blocks_at(level) for level in levels]
    return unet_names(blocks, [config.depth_at(level) > 0 for level in levels])


def text_renamer(tower: TextTower) -> Rename:
    """What gives a text encoder's parameters the names of single files."""
    return original_bert_name if tower.layout == "bert" else text_name


def folder_architecture(folder: Path) -> Architecture:
    """The architecture that the folder's configs describe."""
    family = folder_family(folder)
    unet = read_json(folder / "unet" / "config.json")
    vae = read_json(folder / family.autoencoder_folder / "config.json")
    texts = [(read_json(folder / tower.folder / "config.json"), tower) for tower in family.text]
    scheduler = read_json(folder / "scheduler" / "scheduler_config.json")
    try:
        return Architecture(
            unet=unet_from(unet),
            autoencoder=autoencoder_from(vae),
            texts=tuple(
                bert_from(text) if tower.layout == "bert" else text_from(text, pooled=tower.pooled)
                for text, tower in texts
            ),
            schedule=schedule_from(scheduler),
            prediction=prediction_from(scheduler),
            scale_factor=float(vae.get("scaling_factor", 0.18215)),
        )
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        raise ModelError(
            f"The configs in {folder.name} do not describe a model: {error}."
        ) from error


def unet_from(config: Mapping[str, Any]) -> UNetConfig:
    """The U-Net's shape. What diffusers calls attention_head_dim is, here, the number of heads."""
    widths = [int(width) for width in config["block_out_channels"]]
    heads = config.get("num_attention_heads") or config["attention_head_dim"]
    sizes = {
        width // int(count) for width, count in zip(widths, as_list(heads, widths), strict=True)
    }
    kinds = config["down_block_types"]
    depths = tuple(int(n) for n in as_list(config.get("transformer_layers_per_block", 1), widths))
    extra = config.get("projection_class_embeddings_input_dim")
    scale_width = config.get("time_cond_proj_dim")
    return UNetConfig(
        in_channels=int(config["in_channels"]),
        out_channels=int(config["out_channels"]),
        model_channels=widths[0],
        channel_mult=multiples(widths),
        num_res_blocks=int(config["layers_per_block"]),
        attention_resolutions=tuple(2**n for n, kind in enumerate(kinds) if "Attn" in kind),
        transformer_depth=depths[0] if len(set(depths)) == 1 else depths,
        num_heads=int(heads) if isinstance(heads, int) else None,
        head_channels=None if isinstance(heads, int) else sizes.pop(),
        context_dim=int(config["cross_attention_dim"]),
        use_linear_in_transformer=bool(config.get("use_linear_projection", False)),
        adm_in_channels=None if extra is None else int(extra),
        scale_embedding=None if scale_width is None else int(scale_width),
        norm_groups=int(config.get("norm_num_groups", 32)),
    )


def autoencoder_from(config: Mapping[str, Any]) -> AutoencoderConfig:
    """The autoencoder's shape."""
    widths = [int(width) for width in config["block_out_channels"]]
    return AutoencoderConfig(
        in_channels=int(config.get("in_channels", 3)),
        out_channels=int(config.get("out_channels", 3)),
        channels=widths[0],
        channel_mult=multiples(widths),
        num_res_blocks=int(config["layers_per_block"]),
        z_channels=int(config["latent_channels"]),
        embed_dim=int(config.get("vq_embed_dim") or config["latent_channels"]),
        norm_groups=int(config.get("norm_num_groups", 32)),
        codes=int(config["num_vq_embeddings"]) if "num_vq_embeddings" in config else None,
    )


def bert_from(config: Mapping[str, Any]) -> BertConfig:
    """The shape of latent diffusion's text transformer."""
    return BertConfig(
        vocab_size=int(config["vocab_size"]),
        width=int(config["d_model"]),
        layers=int(config["encoder_layers"]),
        heads=int(config["encoder_attention_heads"]),
        head_width=int(config.get("head_dim", 64)),
        intermediate=int(config["encoder_ffn_dim"]),
        positions=int(config["max_position_embeddings"]),
    )


def text_from(config: Mapping[str, Any], *, pooled: bool = False) -> ClipTextConfig:
    """A text encoder's shape; `pooled` if its projection is wanted."""
    activation = config.get("hidden_act", "quick_gelu")
    if activation not in ("quick_gelu", "gelu"):
        raise ValueError(f"unknown hidden_act {activation!r}")
    return ClipTextConfig(
        vocab_size=int(config.get("vocab_size", 49408)),
        width=int(config["hidden_size"]),
        layers=int(config["num_hidden_layers"]),
        heads=int(config["num_attention_heads"]),
        intermediate=int(config["intermediate_size"]),
        positions=int(config.get("max_position_embeddings", 77)),
        activation=activation,
        projection=int(config["projection_dim"]) if pooled else None,
    )


def schedule_from(config: Mapping[str, Any]) -> NoiseSchedule:
    """The noise schedule; only the one that latent diffusion uses is known."""
    if config.get("beta_schedule", "scaled_linear") != "scaled_linear":
        raise ValueError(f"unknown beta_schedule {config['beta_schedule']!r}")
    return NoiseSchedule(
        linear_start=float(config.get("beta_start", 0.00085)),
        linear_end=float(config.get("beta_end", 0.012)),
        timesteps=int(config.get("num_train_timesteps", 1000)),
        zero_terminal_snr=bool(config.get("rescale_betas_zero_snr", False)),
    )


def prediction_from(config: Mapping[str, Any]) -> Prediction:
    """What the network predicts."""
    match config.get("prediction_type", "epsilon"):
        case "epsilon":
            return "epsilon"
        case "v_prediction":
            return "v"
        case other:
            raise ValueError(f"unknown prediction_type {other!r}")


def as_list(value: Any, like: list[int]) -> list[Any]:
    """`value` once for each level, if it is not a list already."""
    return list(value) if isinstance(value, list | tuple) else [value] * len(like)


def multiples(widths: list[int]) -> tuple[int, ...]:
    """Widths as multiples of the first."""
    if any(width % widths[0] for width in widths):
        raise ValueError(f"widths {widths} are not multiples of the first")
    return tuple(width // widths[0] for width in widths)
