"""The same model in another form: PyTorch checkpoints to safetensors, single files to folders."""

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from torch import Tensor

from modules.errors import InvalidRequest, ModelError
from modules.model.architecture import with_facts
from modules.model.assemble import parts_of
from modules.model.facts import read_facts
from modules.model.files import Weights
from modules.model.layouts import folder_configs, in_folders, in_single_file
from modules.model.loader import describe, family_of, open_model
from modules.model.merge import TYPES
from modules.model.transformer_models import completed, without_missing
from modules.model.vae import PREFIX
from modules.model.write import Planned, Progress, write_safetensors
from modules.paths import Paths

SECOND_COPIES = "model_ema."
ATTENTION = (".q.weight", ".k.weight", ".v.weight", ".proj_out.weight")
"""Weights of a VAE's attention: matrices in folders, convolutions of one pixel in single files."""


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What to convert into what: a `.safetensors` file, or a folder if the name has no suffix."""

    source: Path
    target: Path
    dtype: str = ""
    """One of `modules.model.merge.TYPES`; empty keeps every tensor's own."""
    keep_second_copies: bool = False
    """Also the averaged weights (`model_ema.`), which nothing draws with."""
    overwrite: bool = False


def convert(wish: Conversion, progress: Progress = lambda done, total: None) -> int:
    """Write the model in its new form; returns how many tensors it has.

    Raises InvalidRequest for a wish that cannot be meant, ModelError for files that cannot be read
    or written.
    """
    if wish.dtype and wish.dtype not in TYPES:
        raise InvalidRequest(f"No type {wish.dtype!r}.", f"There are: {', '.join(TYPES)}.")
    if wish.source == wish.target:
        raise InvalidRequest("A model cannot be replaced by its own conversion.")
    suffix = wish.target.suffix.lower()
    if suffix == ".safetensors":
        return to_file(wish, progress)
    if suffix in ("", ".diffusers"):
        return to_folder(wish, progress)
    raise InvalidRequest(
        f"{wish.target.name} is no form that can be written.",
        "Let it end in .safetensors, or name a folder without a suffix.",
    )


def to_file(wish: Conversion, progress: Progress) -> int:
    """All tensors of the source under the original names."""
    with open_model(wish.source) as opened:
        weights = opened
        if wish.source.is_dir():
            weights = in_single_file(opened, family_of(wish.source, opened))
        planned = {
            name: as_planned(weights, name, wish.dtype, widened=wish.source.is_dir())
            for name in weights
            if wish.keep_second_copies or not name.startswith(SECOND_COPIES)
        }
        metadata = {"format": "pt", **weights.metadata}
        write_safetensors(
            wish.target, planned, metadata, overwrite=wish.overwrite, progress=progress
        )
    return len(planned)


def as_planned(weights: Weights, name: str, dtype: str, *, widened: bool = False) -> Planned:
    """A tensor as it is written; attention of a VAE, if `widened`, as convolutions."""
    stored = weights[name].dtype
    wanted = TYPES[dtype] if dtype and stored.is_floating_point else stored
    shape = weights.entries[name].shape
    in_vae = name.startswith(PREFIX) and ".attn_" in name and name.endswith(ATTENTION)
    if in_vae and widened and len(shape) == 2:
        shape = (*shape, 1, 1)

    def make() -> Tensor:
        return weights[name].reshape(shape).to(wanted)

    return Planned(wanted, shape, make)


def to_folder(wish: Conversion, progress: Progress) -> int:
    """One folder for each network, as diffusers saves them."""
    if wish.target.exists() and not wish.overwrite:
        raise ModelError(f"{wish.target} exists already.", "Choose another name, or overwrite it.")
    with open_model(wish.source) as opened:
        weights = opened
        family = family_of(wish.source, weights)
        if family.flow is not None:
            weights = completed(weights, family, Paths())
            family = without_missing(family, weights)
        parts = parts_of(weights, family)
        described, _ = describe(wish.source, weights, family, parts, None, Paths().configs)
        facts = read_facts(weights.metadata, wish.source.name)
        architecture = with_facts(described, facts, wish.source.name)
        configs = folder_configs(family, architecture, wish.source.name)
        words = {tower.folder for tower in family.text}
        networks = {
            f"{folder}/{'model' if folder in words else 'diffusion_pytorch_model'}": {
                name: as_planned(own, name, wish.dtype) for name in own
            }
            for folder, own in in_folders(weights, family, architecture).items()
        }
        total = sum(len(planned) for planned in networks.values())
        before = 0
        for place, planned in networks.items():
            told = partial(shifted, progress, before, total)
            file = wish.target / f"{place}.safetensors"
            write_safetensors(
                file, planned, {"format": "pt"}, overwrite=wish.overwrite, progress=told
            )
            before += len(planned)
        for name, content in configs.items():
            path = wish.target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return total


def shifted(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    """Tell how far all of several files are."""
    progress(before + done, total)
