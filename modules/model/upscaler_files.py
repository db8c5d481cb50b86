"""Which upscalers there are: files in the folders people know, listed by name without reading them.

What kind of network a file holds is decided by its content when it is used.
"""

from collections.abc import Iterator
from pathlib import Path

FOLDERS = (
    "ESRGAN", "RealESRGAN", "BSRGAN", "SwinIR", "ScuNET", "DAT", "HAT", "upscale_models",
)  # fmt: skip
"""Below the folder of all models; the last is the one of ComfyUI."""
SUFFIXES = (".pth", ".pt", ".safetensors", ".ckpt", ".bin")


def upscaler_files(*models: Path) -> dict[str, Path]:
    """Every upscaler's file by its name, sorted as in menus.

    A name is the file's stem; of several files with one stem the first wins, and later ones are
    called by stem and folder.
    """
    found: dict[str, Path] = {}
    for path in _files(models):
        name = path.stem if path.stem not in found else f"{path.stem} ({path.parent.name})"
        found.setdefault(name, path)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _files(models: tuple[Path, ...]) -> Iterator[Path]:
    seen = set()
    for root in models:
        for folder in (root / name for name in FOLDERS):
            if not folder.is_dir() or folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            yield from sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
