"""New checkpoints from up to three others, weight by weight."""

import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from modules.errors import InvalidRequest, ModelError
from modules.model.files import Weights
from modules.model.hashes import file_sha256
from modules.model.loader import open_model
from modules.model.vae import PREFIX, vae_prefixed
from modules.model.write import Planned, Progress, write_safetensors

Method = Literal["weighted sum", "add difference", "no interpolation"]
METHODS: tuple[Method, ...] = ("weighted sum", "add difference", "no interpolation")
TYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
BLOCK = re.compile(r"model\.diffusion_model\.(input_blocks|middle_block|output_blocks)\.(\d+)\.")
COUNTED = ("input_blocks", "output_blocks")


@dataclass(frozen=True, kw_only=True)
class Merge:
    """What to merge, and how.

    weighted sum: A (1 - m) + B m. add difference: A + (B - C) m. no interpolation: A, perhaps with
    another VAE or type. `blocks` replaces the multiplier m for the U-Net's blocks: one number each
    for the base (all that is in no block), the input blocks, the middle and the output blocks.
    """

    a: Path
    b: Path | None = None
    c: Path | None = None
    method: Method = "weighted sum"
    multiplier: float = 0.3
    blocks: tuple[float, ...] = ()
    dtype: str = ""
    """One of `TYPES`; empty is A's own types."""
    vae: Path | None = None
    """Replaces A's VAE."""
    discard: str = ""
    """Tensors whose names contain this regular expression are left out."""
    output: Path
    overwrite: bool = False
    copy_metadata: bool = True
    """What A says about itself."""
    add_recipe: bool = True
    """How it was made."""


@dataclass
class Merged:
    """What came of it."""

    path: Path
    tensors: int
    notices: list[str] = field(default_factory=list)


def merge(wish: Merge, progress: Progress = lambda done, total: None) -> Merged:
    """Merge and write a safetensors file that says how it was made.

    Computes in float32, one tensor at a time. Raises InvalidRequest for a wish that cannot be
    meant, ModelError for files that cannot be merged.
    """
    check(wish)
    opened = {name: open_model(path) for name, path in paths_of(wish).items()}
    try:
        notices: list[str] = []
        planned = plan(wish, opened, notices)
        metadata = dict(opened["a"].metadata) if wish.copy_metadata else {}
        metadata |= recipe(wish) if wish.add_recipe else {"format": "pt"}
        write_safetensors(
            wish.output, planned, metadata, overwrite=wish.overwrite, progress=progress
        )
    finally:
        for weights in opened.values():
            weights.close()
    beside = wish.a.with_suffix(".yaml")
    if wish.a.is_file() and beside.is_file() and beside != wish.output.with_suffix(".yaml"):
        shutil.copyfile(beside, wish.output.with_suffix(".yaml"))
    return Merged(wish.output, len(planned), notices)


def check(wish: Merge) -> None:
    """Raise InvalidRequest for a wish that cannot be meant."""
    needed = {"weighted sum": "ab", "add difference": "abc", "no interpolation": "a"}
    if wish.method not in needed:
        raise InvalidRequest(f"No method {wish.method!r}.", f"There are: {', '.join(METHODS)}.")
    for name in needed[wish.method]:
        if getattr(wish, name) is None:
            raise InvalidRequest(
                f"{wish.method.capitalize()} needs model {name.upper()}.",
                f"It needs {', '.join(needed[wish.method].upper())}.",
            )
    if wish.dtype and wish.dtype not in TYPES:
        raise InvalidRequest(f"No type {wish.dtype!r}.", f"There are: {', '.join(TYPES)}.")
    if wish.output.suffix.lower() != ".safetensors":
        raise InvalidRequest("The result is a safetensors file.", "Let its name say so.")
    if wish.output in (wish.a, wish.b, wish.c, wish.vae):
        raise InvalidRequest("A model cannot be replaced by what is made of it.")
    try:
        re.compile(wish.discard)
    except re.error as error:
        raise InvalidRequest(f"{wish.discard!r} is no regular expression: {error}.") from error


def paths_of(wish: Merge) -> dict[str, Path]:
    """The files that take part, by their letters; "vae" is the VAE."""
    used = {"weighted sum": "ab", "add difference": "abc", "no interpolation": "a"}[wish.method]
    paths: dict[str, Path] = {name: getattr(wish, name) for name in used}
    return paths | ({"vae": wish.vae} if wish.vae is not None else {})


def plan(wish: Merge, opened: Mapping[str, Weights], notices: list[str]) -> dict[str, Planned]:
    """Every tensor of the result, in A's order."""
    a, b, c = (opened.get(name) for name in "abc")
    assert a is not None
    other = b if b is not None else a
    share = multiplier_of(wish, a)
    own_vae = vae_prefixed(opened["vae"]) if "vae" in opened else {}
    names = [name for name in a if not (own_vae and name.startswith(PREFIX))]
    extra = [name for name in other if name not in a.entries and name.startswith("model.")]
    if extra:
        notices.append(f"{len(extra)} tensors are in B alone and are taken from there.")
    made: dict[str, tuple[Weights, str, Callable[[], Tensor]]] = {
        name: (a, name, partial(combined, name, share(name), a, b, c)) for name in names
    }
    made |= {name: (other, name, partial(other.__getitem__, name)) for name in extra}
    if "vae" in opened:
        vae = opened["vae"]
        made |= {name: (vae, at, partial(vae.__getitem__, at)) for name, at in own_vae.items()}
    discard = re.compile(wish.discard) if wish.discard else None
    different = [
        name
        for name in names
        if b is not None and name in b.entries and b.entries[name].shape != a.entries[name].shape
    ]
    if different:
        notices.append(f"{len(different)} tensors have other shapes in B: {different[0]}, ...")
    return {
        name: as_planned(source, at, make, wish.dtype)
        for name, (source, at, make) in made.items()
        if discard is None or not discard.search(name)
    }


def as_planned(source: Weights, at: str, make: Callable[[], Tensor], dtype: str) -> Planned:
    """A tensor of the result, of the wished type if it is a number with a fraction."""
    stored = source[at].dtype
    wanted = TYPES[dtype] if dtype and stored.is_floating_point else stored
    return Planned(wanted, source.entries[at].shape, lambda: make().to(wanted))


def combined(name: str, share: float, a: Weights, b: Weights | None, c: Weights | None) -> Tensor:
    """One tensor of A with its share of the others; what B lacks stays as it is.

    Where A has more input channels than B, as inpainting models have, B counts for the first.
    """
    first = a[name]
    if b is None or share == 0 or name not in b.entries or not first.is_floating_point():
        return first
    if c is not None and name not in c.entries:
        return first
    own, second = first.float(), b[name].float()
    part = own
    if own.shape != second.shape:
        wider = own.dim() == second.dim() == 4 and own.shape[1] > second.shape[1]
        if not wider or own.shape[0] != second.shape[0] or own.shape[2:] != second.shape[2:]:
            raise ModelError(
                f"{name} has shape {tuple(own.shape)} in A and {tuple(second.shape)} in B.",
                "Only models of one family can be merged.",
            )
        own = own.clone()
        part = own[:, : second.shape[1]]
    if c is None:
        mixed = part * (1 - share) + second * share
    else:
        third = c[name].float()
        if third.shape != second.shape:
            raise ModelError(f"{name} has other shapes in B and C.", "Take the base of B as C.")
        mixed = part + (second - third) * share
    if part is own:
        return mixed
    own[:, : second.shape[1]] = mixed
    return own


def multiplier_of(wish: Merge, a: Weights) -> Callable[[str], float]:
    """The multiplier for each tensor. Raises InvalidRequest for another number of blocks."""
    if not wish.blocks:
        return lambda name: wish.multiplier
    found = [match for name in a if (match := BLOCK.match(name))]
    count = {
        kind: 1 + max((int(match[2]) for match in found if match[1] == kind), default=-1)
        for kind in COUNTED
    }
    wanted = 1 + count["input_blocks"] + 1 + count["output_blocks"]
    if len(wish.blocks) != wanted:
        raise InvalidRequest(
            f"{len(wish.blocks)} block weights were given; this model has {wanted}.",
            f"Base, {count['input_blocks']} input, middle, {count['output_blocks']} output blocks.",
        )
    middle = 1 + count["input_blocks"]
    starts = {"input_blocks": 1, "output_blocks": middle + 1}

    def share(name: str) -> float:
        match = BLOCK.match(name)
        if match is None:
            return wish.blocks[0]
        at = middle if match[1] == "middle_block" else starts[match[1]] + int(match[2])
        return wish.blocks[at]

    return share


def recipe(wish: Merge) -> dict[str, str]:
    """What the file says about how it was made, as A1111's merger writes it."""
    hashes = {name: file_sha256(path) for name, path in paths_of(wish).items() if path.is_file()}
    told = {
        "type": "webui",
        "primary_model_hash": hashes.get("a"),
        "secondary_model_hash": hashes.get("b"),
        "tertiary_model_hash": hashes.get("c"),
        "interp_method": wish.method.capitalize(),
        "multiplier": wish.multiplier,
        "block_weights": list(wish.blocks) or None,
        "save_as_half": wish.dtype == "fp16",
        "custom_name": wish.output.stem,
        "bake_in_vae": wish.vae.name if wish.vae is not None else False,
        "discard_weights": wish.discard,
    }
    models = {
        hashes[name]: {"name": path.name}
        for name, path in paths_of(wish).items()
        if name in "abc" and name in hashes
    }
    return {
        "format": "pt",
        "sd_merge_recipe": json.dumps(told),
        "sd_merge_models": json.dumps(models),
    }
