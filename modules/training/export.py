"""The shipped file: one safetensors checkpoint in the layout of Stable Diffusion 1, in float16."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.training.painter_stage import alphas_cumprod
from modules.training.recipe import Recipe
from modules.training.vocabulary import FULL_SIZE, LENGTH, Vocabulary

EMBEDDING = "text_model.embeddings.token_embedding.weight"

EXAMPLES = (
    "a red ball on the grass in daylight",
    "a yellow house in the snow at night",
    "a purple mushroom in a meadow at sunset",
    "a blue car on sand during the day",
    "a white heart on a red background",
    "a pink flower on a blue background",
    "a red house and a green tree on the grass in daylight",
    "two yellow balls on a blue background",
)


def checkpoint_tensors(
    painter: dict[str, Tensor], autoencoder: dict[str, Tensor], vocabulary: Vocabulary
) -> dict[str, Tensor]:
    """All tensors under the names of the original checkpoints, contiguous float16."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in painter.items():
        kind, _, rest = name.partition(".")
        if kind == "unet":
            tensors[f"model.diffusion_model.{rest}"] = tensor
        else:
            full = vocabulary.full(tensor) if rest == EMBEDDING else tensor
            tensors[f"cond_stage_model.transformer.{rest}"] = full
    for name, tensor in autoencoder.items():
        tensors[f"first_stage_model.{name}"] = tensor
    tensors = {name: t.to(torch.float16).contiguous() for name, t in tensors.items()}
    positions = "cond_stage_model.transformer.text_model.embeddings.position_ids"
    tensors[positions] = torch.arange(LENGTH)[None]
    tensors["alphas_cumprod"] = alphas_cumprod()
    return tensors


def metadata_of(recipe: Recipe, facts: dict[str, object]) -> dict[str, str]:
    """What the original layout has no place for, as JSON under the key "easel"."""
    autoencoder, unet = recipe.autoencoder, recipe.unet
    text = replace(recipe.text, vocab_size=FULL_SIZE)
    shape = {key: value for key, value in asdict(unet).items() if key != "attention"}
    easel = {
        "norm_groups_unet": unet.norm_groups,
        "norm_groups_vae": autoencoder.norm_groups,
        "unet_heads": unet.num_heads,
        "text_heads": text.head_count,
        "native_size": [recipe.size, recipe.size],
        "unet": shape,
        "autoencoder": asdict(autoencoder),
        "text": asdict(text),
        "examples": list(EXAMPLES),
        **facts,
    }
    return {"easel": json.dumps(easel)}


def export(
    out: Path,
    recipe: Recipe,
    painter: dict[str, Tensor],
    autoencoder: dict[str, Tensor],
    vocabulary: Vocabulary,
    facts: dict[str, object],
) -> None:
    """Write the checkpoint; an older file at `out` is replaced in one move."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_suffix(".part")
    tensors = checkpoint_tensors(painter, autoencoder, vocabulary)
    save_file(tensors, part, metadata=metadata_of(recipe, facts))
    part.chmod(0o644)
    os.replace(part, out)
