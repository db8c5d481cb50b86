"""Optional parts of a request: pictures to start from, second passes, control."""

from dataclasses import dataclass

from modules.param import param


@dataclass(frozen=True)
class ImageData:
    """Raw pixels: rows from top to bottom, `mode` as in Pillow (L, RGB, RGBA), 8 bits a channel."""

    width: int
    height: int
    mode: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Img2Img:
    """Start from pictures instead of noise alone."""

    images: tuple[ImageData, ...] = ()
    denoising_strength: float = param(
        0.75,
        "Denoising strength",
        infotext="Denoising strength",
        api="denoising_strength",
        minimum=0,
        maximum=1,
        step=0.01,
    )


@dataclass(frozen=True, kw_only=True)
class Hires:
    """A second pass at a larger size."""

    upscaler: str = param("Latent", "Upscaler", infotext="Hires upscaler", api="hr_upscaler")
    scale: float = param(
        2.0, "Upscale by", infotext="Hires upscale", api="hr_scale", minimum=1, maximum=8
    )
    steps: int = param(
        0,
        "Hires steps",
        infotext="Hires steps",
        api="hr_second_pass_steps",
        minimum=0,
        maximum=1000,
    )
    denoising_strength: float = param(
        0.7,
        "Denoising strength",
        infotext="Denoising strength",
        api="denoising_strength",
        minimum=0,
        maximum=1,
    )
