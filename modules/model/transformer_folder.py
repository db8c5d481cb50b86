"""Folders of Stable Diffusion 3 and FLUX.1, as diffusers saves them, under the original names."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.model.architecture import Architecture
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.families.record import Family
from modules.model.families.t5_names import original_t5_name
from modules.model.families.transformer_names import Joined, flux_names, sd3_names
from modules.model.files import Entry, Weights, read_weights
from modules.model.folder_files import read_json, text_name, weight_files
from modules.model.schedules import FlowSchedule


def open_transformer_folder(folder: Path, family: Family) -> Weights:
    """The weights of all networks in `folder`, under the names of whole files.

    A text encoder that the family also draws without may be missing. Raises ModelError.
    """
    opened: list[Weights] = []

    def read(part: str) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for file in weight_files(folder / part):
            opened.append(read_weights(file))
            found |= opened[-1].entries
        return found

    def close() -> None:
        for weights in opened:
            weights.close()

    try:
        denoiser = in_original_names(read(family.folder), folder)
        entries = {family.unet_prefix + name: entry for name, entry in denoiser.items()}
        autoencoder = read("vae")
        table = autoencoder_names(count(autoencoder, "encoder.down_blocks.", 2))
        for name, entry in autoencoder.items():
            entries[family.autoencoder_prefix + (original_name(name, table) or name)] = entry
        for tower in family.text:
            if tower.optional and not (folder / tower.folder).is_dir():
                continue
            rename = original_t5_name if tower.layout == "t5" else text_name
            for name, entry in read(tower.folder).items():
                entries[tower.prefix + rename(name)] = entry
    except BaseException:
        close()
        raise
    return Weights(folder.name, entries, None, close)


def in_original_names(entries: Mapping[str, Entry], folder: Path) -> dict[str, Entry]:
    """A transformer's tensors as the original files have them; joined ones when they are read."""
    names = table_for(entries)
    missing = [
        source for recipe in names.values() for source in recipe.sources if source not in entries
    ]
    if missing:
        raise ModelError(
            f"{folder.name} lacks {len(missing)} tensors of its transformer, "
            f"for example {missing[0]}.",
            "Is the folder complete?",
        )
    return {name: joined(recipe, entries) for name, recipe in names.items()}


def table_for(entries: Mapping[str, Entry]) -> dict[str, Joined]:
    """The names for a transformer of that many blocks; some networks have no bias somewhere."""
    double = count(entries, "transformer_blocks.")
    single = count(entries, "single_transformer_blocks.")
    if single:
        guided = "time_text_embed.guidance_embedder.linear_1.weight" in entries
        return flux_names(double, single, guided)
    dual = sum(name.endswith(".attn2.to_q.weight") for name in entries)
    return sd3_names(double, dual, "transformer_blocks.0.attn.norm_q.weight" in entries)


def count(entries: Mapping[str, Entry], prefix: str, place: int = 1) -> int:
    """How many blocks of a list there are; `place` is that of the number in a name."""
    return len({name.split(".")[place] for name in entries if name.startswith(prefix)})


def joined(recipe: Joined, entries: Mapping[str, Entry]) -> Entry:
    """Several tensors as one, one below the other."""
    parts = [entries[source] for source in recipe.sources]
    if len(parts) == 1 and not recipe.swapped:
        return parts[0]

    def read() -> Tensor:
        rows = torch.cat([part.read() for part in parts])
        return torch.cat(rows.chunk(2)[::-1]) if recipe.swapped else rows

    return Entry((sum(part.shape[0] for part in parts), *parts[0].shape[1:]), read)


def with_folder_facts(architecture: Architecture, folder: Path) -> Architecture:
    """`architecture` with what the folder's configs say and shapes do not."""
    vae = read_json(folder / "vae" / "config.json")
    levels = read_json(folder / "scheduler" / "scheduler_config.json")
    try:
        autoencoder = replace(
            architecture.autoencoder, norm_groups=int(vae.get("norm_num_groups", 32))
        )
        return replace(
            architecture,
            autoencoder=autoencoder,
            scale_factor=number(vae, "scaling_factor", architecture.scale_factor),
            shift_factor=number(vae, "shift_factor", architecture.shift_factor),
            schedule=schedule_from(levels, architecture),
        )
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"The configs in {folder.name} do not describe a model: {error}."
        ) from error


def schedule_from(levels: Mapping[str, Any], architecture: Architecture) -> FlowSchedule:
    """The noise levels; where their shift follows the size, the one for the native size stays."""
    assert isinstance(architecture.schedule, FlowSchedule)
    if levels.get("use_dynamic_shifting"):
        return architecture.schedule
    return FlowSchedule(shift=number(levels, "shift", architecture.schedule.shift))


def number(table: Mapping[str, Any], key: str, usual: float) -> float:
    """A number of a config, where it says one."""
    value = table.get(key)
    return usual if value is None else float(value)
