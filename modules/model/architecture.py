"""A model's architecture as one record, and the noise schedule it was trained with."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args

from modules.errors import ModelError
from modules.model.attention import Kernel
from modules.model.facts import ModelFacts
from modules.model.network_kinds import DenoiserConfig, TextConfig
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.clip_text import Activation, ClipTextConfig
from modules.model.networks.unet import UNetConfig
from modules.model.schedules import FlowSchedule, NoiseSchedule

Prediction = Literal["epsilon", "v", "flow"]

LARGEST, MOST_BLOCKS = 1_000_000, 64
"""No figure that describes a network is larger; keeps absurd files from being built."""
COUNTS_OF_BLOCKS = (
    *("num_res_blocks", "layers", "transformer_depth", "middle_depth", "block_depths"),
    "middle_blocks",
    *("depth", "double_blocks", "single_blocks", "dual_layers"),
)
MAY_BE_ZERO = (
    *("transformer_depth", "middle_depth", "block_depths", "attention_levels", "dual_layers"),
)
CHOICES: dict[str, tuple[Any, ...]] = {
    "attention": get_args(Kernel),
    "activation": get_args(Activation),
    "use_linear_in_transformer": (False, True),
    "point_convs": (False, True),
    "qk_norm": (False, True),
    "guidance": (False, True),
}
"""Fields of the networks' records that are not numbers, and what they may hold."""


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """Everything about a model but its weights."""

    unet: DenoiserConfig = field(default_factory=UNetConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    texts: tuple[TextConfig, ...] = (ClipTextConfig(),)
    """One for each of the family's text encoders."""
    schedule: NoiseSchedule | FlowSchedule = field(default_factory=NoiseSchedule)
    prediction: Prediction = "epsilon"
    scale_factor: float = 0.18215
    shift_factor: float = 0.0
    """Taken from the autoencoder's latents before they are scaled."""


def text_config_from(shapes: Mapping[str, tuple[int, ...]]) -> ClipTextConfig:
    """A text encoder's sizes, read from its tensors' shapes (names as in `ClipText`).

    The number of heads cannot be seen in the tensors; CLIP always has one for every 64 channels.
    """
    tokens = shapes["text_model.embeddings.token_embedding.weight"]
    positions = shapes["text_model.embeddings.position_embedding.weight"]
    first = shapes["text_model.encoder.layers.0.mlp.fc1.weight"]
    numbers = {
        name.split(".")[3] for name in shapes if name.startswith("text_model.encoder.layers.")
    }
    projection = shapes.get("text_projection.weight")
    return ClipTextConfig(
        vocab_size=tokens[0],
        width=tokens[1],
        layers=len(numbers),
        intermediate=first[0],
        positions=positions[0],
        projection=projection[0] if projection else None,
    )


def fitted(
    architecture: Architecture, shapes: Mapping[str, tuple[int, ...]], prefix: str
) -> Architecture:
    """A family's architecture with what differs among its members, from a U-Net's tensors.

    `prefix` stands before their names. Variants of a family have more input channels, or are told
    a longer vector.
    """
    changes: dict[str, Any] = {}
    first = shapes.get(f"{prefix}input_blocks.0.0.weight", ())
    label = shapes.get(f"{prefix}label_emb.0.0.weight", ())
    guided = shapes.get(f"{prefix}time_embed.cond_proj.weight", ())
    if len(guided) == 2:
        changes["scale_embedding"] = guided[1]
    if len(first) == 4:
        changes["in_channels"] = first[1]
    if len(label) == 2:
        changes["adm_in_channels"] = label[1]
    return replace(architecture, unet=replace(architecture.unet, **changes))


TRANSFORMER = re.compile(
    r"((?:in|out)put_blocks\.\d+|middle_block)\.1\.transformer_blocks\.(\d+)\."
)
"""Names of tensors in transformer blocks: where, and which."""


def with_depths(
    architecture: Architecture, shapes: Mapping[str, tuple[int, ...]], prefix: str
) -> Architecture:
    """`architecture` with as many transformer blocks at each place as there are tensors for.

    Small versions of a family lack some (SSD-1B; Gupta et al. 2024, arXiv:2401.02677).
    """
    if not isinstance(architecture.unet, UNetConfig):
        return architecture
    unet = replace(architecture.unet, **depths_found(architecture.unet, shapes, prefix))
    return replace(architecture, unet=unet)


def depths_found(
    unet: UNetConfig, shapes: Mapping[str, tuple[int, ...]], prefix: str
) -> dict[str, Any]:
    """What to change about `unet`; nothing if it has the depths that are there."""
    residual = (f"{prefix}middle_block.{number}.in_layers.0.weight" for number in range(3))
    middle_blocks = sum(name in shapes for name in residual)
    if not middle_blocks:
        return {}
    depths = Counter[str]()
    for name in shapes:
        if found := TRANSFORMER.match(name, len(prefix)):
            depths[found[1]] = max(depths[found[1]], int(found[2]) + 1)
    counts = [unet.res_blocks_at(level) for level in range(len(unet.channel_mult))]
    down, place = list[int](), 1
    for number in counts:
        down += [depths[f"input_blocks.{place + block}"] for block in range(number)]
        place += number + 1  # a halving follows
    up = [depths[f"output_blocks.{number}"] for number in range(sum(counts) + len(counts))]
    found_here = (tuple(down), tuple(up), depths["middle_block"], middle_blocks)
    if found_here == (
        unet.depths_down(),
        unet.depths_up(),
        unet.depth_in_middle(),
        unet.middle_blocks,
    ):
        return {}
    return {
        "block_depths": (*down, *up),
        "middle_depth": depths["middle_block"],
        "middle_blocks": middle_blocks,
    }


def with_facts(architecture: Architecture, facts: ModelFacts, name: str) -> Architecture:
    """`architecture` with what the file says about itself put in; `name` is for the message."""
    changes: dict[str, Any] = {
        table: replace_known(getattr(architecture, table), values, name)
        for table, values in facts.networks.items()
        if table != "text"
    }
    first, *others = architecture.texts
    known = replace_known(first, facts.networks.get("text", {}), name)
    changes["texts"] = (known, *others)
    if facts.prediction is not None:
        if facts.prediction not in ("epsilon", "v"):
            raise ModelError(f"{name} predicts {facts.prediction!r}, which is not known here.")
        changes["prediction"] = facts.prediction
    if facts.scale_factor is not None:
        changes["scale_factor"] = facts.scale_factor
    return replace(architecture, **changes)


def replace_known(record: Any, values: Mapping[str, Any], name: str) -> Any:
    """`record` with `values` put in; a field it does not have is an error."""
    unknown = sorted(set(values) - {known.name for known in fields(record)})
    if unknown:
        raise ModelError(
            f"{name} describes its networks with {', '.join(unknown)}, not known here.",
            "It may come from a newer version.",
        )
    return replace(record, **values)


def check(architecture: Architecture, name: str) -> None:
    """Refuse figures that no real network has, before anything is built from them."""
    for record in (architecture.unet, architecture.autoencoder, *architecture.texts):
        for key, value in figures(record):
            if not is_sensible(key, value):
                raise ModelError(f"{name} describes a network with {key} = {value!r}.")
    levels = len(getattr(architecture.unet, "channel_mult", ()))
    for key in ("num_res_blocks", "transformer_depth"):
        value = getattr(architecture.unet, key, None)
        if isinstance(value, tuple) and len(value) != levels:
            raise ModelError(f"{name} describes {levels} levels but {key} for {len(value)}.")
    unet = architecture.unet
    if isinstance(unet, UNetConfig) and unet.block_depths is not None:
        blocks = sum(2 * unet.res_blocks_at(level) + 1 for level in range(levels))
        if len(unet.block_depths) != blocks:
            raise ModelError(f"{name} describes {blocks} blocks but block_depths for others.")
    if not 1 <= architecture.schedule.timesteps <= 100_000:
        raise ModelError(f"{name} describes {architecture.schedule.timesteps} timesteps.")


def figures(record: Any) -> Iterator[tuple[str, Any]]:
    """Every entry of a network's record by field; what is not given is left out."""
    for known in fields(record):
        value = getattr(record, known.name)
        for entry in value if isinstance(value, tuple) else (value,):
            if entry is not None:
                yield known.name, entry


def is_sensible(key: str, value: Any) -> bool:
    """Whether a field of a network's record may hold `value`."""
    if key in CHOICES:
        return value in CHOICES[key]
    least = 0 if key in MAY_BE_ZERO else 1
    most = MOST_BLOCKS if key in COUNTS_OF_BLOCKS else LARGEST
    return type(value) is int and least <= value <= most
