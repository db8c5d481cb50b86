"""What the passes of a job start from when pictures are given: latents and what belongs to them."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.model.loader import Model
from modules.pipeline.first_latents import latent_shape
from modules.pipeline.masks import latent_mask
from modules.pipeline.picture_conditions import picture_conditions
from modules.pipeline.pictures import Picture, fractions
from modules.pipeline.placing import Placed, place_all
from modules.pipeline.resize import FindUpscaler, find_upscaler, stretch
from modules.sampling.noise import NoiseOptions, SeededNoise
from modules.schema.request import GenerationRequest


@dataclass(frozen=True, kw_only=True)
class PictureStart:
    """The same for every batch of a job.

    `latents` are (batch, channels, h, w); `repaint` is (batch, 1, h, w), 1 where the picture is
    repainted; `conditions` are further input channels of networks made for inpainting.
    """

    latents: Tensor
    placed: tuple[Placed, ...]
    repaint: Tensor | None = None
    conditions: Tensor | None = None


def picture_start(
    request: GenerationRequest,
    model: Model,
    seeds: tuple[int, ...],
    find: FindUpscaler = find_upscaler,
) -> PictureStart:
    """Prepare the request's pictures. `seeds` are those of the job's first batch.

    The autoencoder's noise is drawn from the last of them, one draw a picture: what A1111 does
    when the same job is run twice. Raises InvalidRequest, NotFound.
    """
    wish = request.img2img
    assert wish is not None
    few = place_all(request, find)
    placed = few * len(seeds) if len(few) == 1 else few
    shape = latent_shape(request, model)
    generator = torch.Generator().manual_seed(seeds[-1])
    latents = torch.cat([_encoded(one.picture, model, shape, generator) for one in placed])
    repaint = None
    inpaint = wish.inpaint
    if inpaint is not None and all(one.mask is not None for one in placed):
        hard = inpaint.round and not inpaint.is_soft
        masks = [one.mask for one in placed if one.mask is not None]
        rows = [latent_mask(mask, shape[2], shape[1], hard=hard) for mask in masks]
        repaint = torch.stack(rows)[:, None].to(model.device)
        if inpaint.content == "latent noise":
            options = NoiseOptions(source=request.seeds.source)
            noise = SeededNoise(shape, seeds, (), options, model.device).first()
            latents = latents * (1 - repaint) + noise * repaint
            if request.seeds.source != "NV":  # there the same generator was seeded anew
                generator.manual_seed(seeds[-1])
        elif inpaint.content == "latent nothing":
            latents = latents * (1 - repaint)
    return PictureStart(
        latents=latents,
        placed=tuple(placed),
        repaint=repaint,
        conditions=picture_conditions(request, model, placed, generator),
    )


def _encoded(
    picture: Picture, model: Model, shape: tuple[int, int, int], generator: torch.Generator
) -> Tensor:
    """One picture to its latent (1, channels, h, w)."""
    cell = model.downsample
    if min(picture.size) < cell:
        picture = stretch(picture, max(picture.width, cell), max(picture.height, cell))
    noise = torch.randn(
        (1, shape[0], picture.height // cell, picture.width // cell), generator=generator
    )
    latent = model.encode_image(fractions(picture)[None] * 2 - 1, noise)
    if latent.shape[2:] != shape[1:]:
        latent = interpolate(latent, size=shape[1:], mode="bilinear")
    return latent
