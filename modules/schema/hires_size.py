"""How large a second pass gets: the same numbers for the page, the check and the drawing."""

from dataclasses import dataclass

from modules.schema.catalogue import Catalogue
from modules.schema.inputs import Hires

LATENT_UPSCALERS = (
    "Latent",
    "Latent (antialiased)",
    "Latent (bicubic)",
    "Latent (bicubic antialiased)",
    "Latent (nearest)",
    "Latent (nearest-exact)",
)
PLAIN_UPSCALERS = ("None", "Lanczos", "Nearest")
"""Upscalers that need no model file."""


def upscaler_names(catalogue: Catalogue) -> tuple[str, ...]:
    """Every upscaler for pictures, the plain ones first."""
    return *PLAIN_UPSCALERS, *(name for name, _ in catalogue.upscalers)


@dataclass(frozen=True)
class HiresSize:
    """Pixels the first pass is scaled to, and pixels of that to cut off in all."""

    width: int
    height: int
    cut_x: int = 0
    cut_y: int = 0


def hires_size(w: int, h: int, hires: Hires) -> HiresSize:
    """From a first pass of `w` x `h`, A1111's arithmetic: by the scale, to a side, or to cover."""
    x, y = hires.resize_x, hires.resize_y
    if not x and not y:
        return HiresSize(int(w * hires.scale), int(h * hires.scale))
    if not y:
        return HiresSize(x, x * h // w)
    if not x:
        return HiresSize(y * w // h, y)
    if w / h < x / y:
        width, height = x, x * h // w
    else:
        width, height = y * w // h, y
    return HiresSize(width, height, width - x, height - y)
