"""Latents to pixels."""

from torch import Tensor

from modules.model.loader import Model
from modules.schema.inputs import ImageData


def decode(model: Model, latent: Tensor) -> ImageData:
    """One scaled latent (channels, h, w) to a picture."""
    return to_pixels(model.decode_latent(latent[None])[0])


def to_pixels(picture: Tensor) -> ImageData:
    """A picture (3, H, W), about [-1, 1], to 8 bits. Rounds toward zero, as pixels depend on it."""
    levels = ((picture.float() + 1.0) / 2.0).clamp(0.0, 1.0) * 255.0
    rows = levels.permute(1, 2, 0).byte().cpu().contiguous()  # (H, W, 3)
    return ImageData(rows.shape[1], rows.shape[0], "RGB", rows.numpy().tobytes())
