"""The second pass: how large, and how the first pass's latents get there."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from modules.errors import InvalidRequest
from modules.model.loader import Model
from modules.pipeline.decode import to_pixels
from modules.pipeline.first_latents import check_cells
from modules.pipeline.pictures import Picture, as_picture, fractions
from modules.pipeline.resize import FindUpscaler, find_upscaler, stretch
from modules.schema.hires_size import hires_size
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest


@dataclass(frozen=True)
class LatentUpscale:
    """One of torch's ways to interpolate."""

    mode: str
    antialias: bool = False


LATENT_UPSCALES = {
    "Latent": LatentUpscale("bilinear"),
    "Latent (antialiased)": LatentUpscale("bilinear", antialias=True),
    "Latent (bicubic)": LatentUpscale("bicubic"),
    "Latent (bicubic antialiased)": LatentUpscale("bicubic", antialias=True),
    "Latent (nearest)": LatentUpscale("nearest"),
    "Latent (nearest-exact)": LatentUpscale("nearest-exact"),
}


class Enlarging:
    """Takes a batch from the first pass's size to the second's."""

    def __init__(
        self, request: GenerationRequest, model: Model, find: FindUpscaler = find_upscaler
    ) -> None:
        assert request.hires is not None
        self.model, self.hires = model, request.hires
        image = request.hires.image
        first = request.size if image is None else image
        self.size = hires_size(first.width, first.height, request.hires)
        cell = model.downsample
        self.cells = self.size.height // cell, self.size.width // cell
        self.cut = self.size.cut_y // cell, self.size.cut_x // cell
        self.latent_way = LATENT_UPSCALES.get(request.hires.upscaler or "Latent")
        self.enlarge = None if self.latent_way else find(request.hires.upscaler)
        h, w = self.cells[0] - self.cut[0], self.cells[1] - self.cut[1]
        if h < 1 or w < 1:
            raise InvalidRequest(
                f"{self.size.width}x{self.size.height} is too small for a second pass.",
                f"This model needs at least {cell} pixels a side.",
            )
        check_cells(h, w, request.batch.batch_size)
        check_cells(*self.cells, request.batch.batch_size)
        self.shape = model.latent_channels, h, w

    def pictures(self, latents: Tensor) -> list[Picture] | None:
        """What the first pass drew, by the first model; None if the way leads over latents."""
        if self.latent_way is not None:
            return None
        decoded = self.model.decode_latent(latents)
        return [as_picture(to_pixels(one)) for one in decoded]

    def enlarged(
        self, latents: Tensor, pictures: list[Picture] | None, seed: int, encoder: Model
    ) -> tuple[Tensor, Tensor | None]:
        """Latents (batch, channels, h, w) of the first pass at the second's size.

        Beside them the pictures they were encoded from, (batch, 3, H, W) in [0, 1], if the way
        leads over pixels; `seed` is that of the autoencoder's noise. `encoder` is the second
        pass's model.
        """
        if pictures is None:
            return self._interpolated(latents), None
        return self._from_pictures(pictures, seed, encoder)

    def enlarged_picture(
        self, image: ImageData, count: int, seed: int, encoder: Model
    ) -> tuple[Tensor, Tensor | None]:
        """The same for a finished picture instead of a first pass, `count` times."""
        picture = as_picture(image).convert("RGB")
        pixels = fractions(picture)
        if self.latent_way is None:
            return self._from_pictures([to_floats_and_back(pixels)] * count, seed, encoder)
        generator = torch.Generator().manual_seed(seed)
        latents = [self._encoded(pixels, generator, encoder) for _ in range(count)]
        return self._interpolated(torch.cat(latents)), None

    def _interpolated(self, latents: Tensor) -> Tensor:
        assert self.latent_way is not None
        way = self.latent_way
        if way.mode in ("bilinear", "bicubic"):
            large = interpolate(latents, self.cells, mode=way.mode, antialias=way.antialias)
        else:
            large = interpolate(latents, self.cells, mode=way.mode)
        return self._cut(large)

    def _from_pictures(
        self, pictures: list[Picture], seed: int, encoder: Model
    ) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        large = [
            fractions(stretch(picture, self.size.width, self.size.height, self.enlarge))
            for picture in pictures
        ]
        latents = torch.cat([self._encoded(pixels, generator, encoder) for pixels in large])
        return self._cut(latents), torch.stack(large)

    def _encoded(self, pixels: Tensor, generator: torch.Generator, encoder: Model) -> Tensor:
        cell = encoder.downsample
        sides = pixels.shape[1] // cell, pixels.shape[2] // cell
        noise = torch.randn((1, encoder.latent_channels, *sides), generator=generator)
        return encoder.encode_image(pixels[None] * 2 - 1, noise)

    def _cut(self, latents: Tensor) -> Tensor:
        """Without what is beyond the size asked for: half of it at either side."""
        y, x = self.cut
        h, w = latents.shape[2:]
        return latents[:, :, y // 2 : h - (y + 1) // 2, x // 2 : w - (x + 1) // 2]


def to_floats_and_back(pixels: Tensor) -> Picture:
    """A picture (3, H, W) in [0, 1] to [-1, 1] and back to 8 bits.

    Rounding toward zero makes levels 1 to 63 one darker, as they are in A1111's upscaled pictures.
    """
    levels = ((pixels * 2.0 - 1.0 + 1.0) / 2.0).clamp(0.0, 1.0) * 255.0
    return Image.fromarray(np.ascontiguousarray(levels.byte().permute(1, 2, 0).numpy()))
