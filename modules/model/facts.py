"""What our own models say about themselves in their file's metadata. Needs no torch.

The original checkpoint layout has no place for sizes that differ from Stable Diffusion's, so files
trained by this program carry them as JSON under the metadata key `easel`.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.errors import ModelError

KEY = "easel"
RESOLUTION = "modelspec.resolution"
"""Where files of others tell the size they were trained at: "1024x1024"."""
TABLES = ("unet", "autoencoder", "text")

SHORTHANDS = {
    "norm_groups_unet": ("unet", "norm_groups"),
    "norm_groups_vae": ("autoencoder", "norm_groups"),
    "unet_heads": ("unet", "num_heads"),
    "text_heads": ("text", "heads"),
}
"""Names at the top of the JSON that stand for a field of one of the tables."""


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """What a file says about its model; empty where it says nothing."""

    native_size: tuple[int, int] | None = None
    """Width and height in pixels the model was trained at."""
    examples: tuple[str, ...] = ()
    """Prompts it is known to draw well."""
    preview_factors: tuple[tuple[float, float, float], ...] = ()
    """Red, green and blue of each latent channel; one more row is a constant."""
    prediction: str | None = None
    scale_factor: float | None = None
    networks: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Fields of the "unet", "autoencoder" and "text" records that differ from the description."""


def read_facts(metadata: Mapping[str, str], name: str) -> ModelFacts:
    """The facts in a file's metadata; `name` is the file's, for messages.

    Raises ModelError when they are there but make no sense.
    """
    if KEY not in metadata:
        return ModelFacts(native_size=size_told(metadata.get(RESOLUTION, "")))
    try:
        fields = json.loads(metadata[KEY])
        size = fields.get("native_size")
        scale = fields.get("scale_factor")
        return ModelFacts(
            native_size=None if size is None else pixels(size),
            examples=tuple(str(prompt) for prompt in fields.get("examples", ())),
            preview_factors=tuple(colour(row) for row in fields.get("preview_factors", ())),
            prediction=fields.get("prediction"),
            scale_factor=None if scale is None else float(scale),
            networks=networks_from(fields),
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{name} describes itself in a way that makes no sense: {error}.",
            "It may come from a newer version, or be damaged.",
        ) from error


def size_told(text: str) -> tuple[int, int] | None:
    """Width and height from a text such as "1024x1024"; None for anything else."""
    sides = text.lower().split("x")
    if len(sides) != 2 or not all(side.strip().isdecimal() for side in sides):
        return None
    try:
        return pixels(sides)
    except ValueError:
        return None


def networks_from(fields: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables for the three networks, shorthands put where they belong, lists as tuples."""
    tables = {name: dict(fields.get(name, {})) for name in TABLES}
    for shorthand, (table, key) in SHORTHANDS.items():
        if fields.get(shorthand) is not None:
            tables[table][key] = fields[shorthand]
    return {
        name: {k: tuple(v) if isinstance(v, list) else v for k, v in table.items()}
        for name, table in tables.items()
    }


def pixels(size: Any) -> tuple[int, int]:
    """Width and height from a file."""
    width, height = (int(side) for side in size)
    if not (8 <= width <= 8192 and 8 <= height <= 8192):
        raise ValueError(f"native_size is {width}x{height}")
    return width, height


def colour(row: Any) -> tuple[float, float, float]:
    """Red, green and blue from a file."""
    red, green, blue = (float(value) for value in row)
    return red, green, blue
