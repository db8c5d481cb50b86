"""The files of diffusers' folders: weights, perhaps in shards, and configs beside them."""

import json
from pathlib import Path
from typing import Any

from modules.errors import ModelError

STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
SUFFIXES = (".safetensors", ".fp16.safetensors", ".bin", ".fp16.bin")


def weight_files(folder: Path) -> list[Path]:
    """The file, or the shards, with the weights of one network. The smallest faithful choice."""
    for suffix in SUFFIXES:
        for stem in STEMS:
            if (folder / f"{stem}{suffix}").is_file():
                return [folder / f"{stem}{suffix}"]
            shards = sorted(folder.glob(f"{stem}-?????-of-?????{suffix}"))
            if shards:
                return shards
    raise ModelError(
        f"{folder.parent.name}/{folder.name} holds no weights.",
        f"Expected a file such as {STEMS[0]}{SUFFIXES[0]} there.",
    )


def text_name(name: str) -> str:
    """A text encoder's parameter; newer files leave out the first part."""
    whole = name.startswith(("text_model.", "text_projection."))
    return name if whole else f"text_model.{name}"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        fields = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path.parent.name}/{path.name} cannot be read: {error}.") from error
    if not isinstance(fields, dict):
        raise ModelError(f"{path.parent.name}/{path.name} is not a JSON object.")
    return fields
