"""Which VAE goes with a checkpoint. Needs no torch.

The rules are A1111's: what the request names, then what is noted beside the checkpoint, then a
file whose name begins like the checkpoint's, then the VAE inside the checkpoint.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

SUFFIXES = (".ckpt", ".pt", ".safetensors")
AUTOMATIC, NONE = "Automatic", "None"


def vae_files(checkpoint_folders: Sequence[Path], vae_folder: Path) -> dict[str, Path]:
    """Every VAE by its file name: `*.vae.*` among the checkpoints, all in the folder of VAEs."""
    found = {path.name: path for folder in checkpoint_folders for path in _below(folder, True)}
    found |= {path.name: path for path in _below(vae_folder, False)}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _below(folder: Path, marked: bool) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*")):
        fits = not marked or path.stem.lower().endswith(".vae")
        if path.suffix.lower() in SUFFIXES and fits and not path.name.startswith("."):
            yield path


def choose_vae(
    files: Mapping[str, Path],
    wanted: str,
    checkpoint: Path,
    *,
    wish_first: bool = True,
    forced: Path | None = None,
) -> tuple[Path | None, str]:
    """The VAE for `checkpoint` (None is its own) and a notice, empty if all went as wished.

    `wanted` is a file name, "Automatic" or "None". With `wish_first` a file named there counts more
    than what is noted beside the checkpoint; `forced` counts more than everything.
    """
    if forced is not None:
        missing = (
            f"There is no VAE at {forced}, which --vae-path names; the checkpoint's own is used."
        )
        return (forced, "") if forced.is_file() else (None, missing)
    automatic = wanted.lower() in (AUTOMATIC.lower(), "auto", "")
    if wish_first and not automatic:
        return _named(files, wanted)
    noted = preferred_vae(checkpoint)
    if noted.lower() not in (AUTOMATIC.lower(), "auto", ""):
        return _named(files, noted)
    if automatic or not wish_first:
        alike = [name for name in files if name.startswith(checkpoint.stem)]
        if alike:
            return files[min(alike, key=len)], ""
    return (None, "") if automatic else _named(files, wanted)


def _named(files: Mapping[str, Path], name: str) -> tuple[Path | None, str]:
    if name == NONE:
        return None, ""
    if name in files:
        return files[name], ""
    stems = [path for path in files.values() if path.stem == name]
    if stems:
        return stems[0], ""
    return None, f"There is no VAE {name}; the checkpoint's own is used."


def preferred_vae(checkpoint: Path) -> str:
    """The VAE noted in the JSON file beside a checkpoint; "Automatic" if there is none."""
    try:
        notes = json.loads(checkpoint.with_suffix(".json").read_text("utf-8"))
    except FileNotFoundError:
        return AUTOMATIC
    except (OSError, ValueError, RecursionError) as error:
        log.warning("The notes beside %s cannot be read: %s", checkpoint.name, error)
        return AUTOMATIC
    value = notes.get("vae") if isinstance(notes, dict) else None
    return value if isinstance(value, str) and value else AUTOMATIC
