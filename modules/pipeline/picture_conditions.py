"""What networks made for inpainting are told besides the text: a mask and the masked picture.

Their first layer has five more channels: where to repaint (1), then the latent of the picture with
that part grey (4), as in Stable Diffusion's inpainting checkpoints (Rombach et al. 2022).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.model.loader import Model
from modules.pipeline.pictures import fractions
from modules.pipeline.placing import Placed
from modules.pipeline.resize import stretch
from modules.schema.request import GenerationRequest


def wants_mask(model: Model) -> bool:
    """Whether the model's network is made for inpainting."""
    return model.unet.config.in_channels == 2 * model.latent_channels + 1


def masked_conditions(
    request: GenerationRequest,
    model: Model,
    placed: Sequence[Placed],
    generator: torch.Generator,
) -> Tensor | None:
    """(batch, 5, h, w) for such a network, else None. Without a mask all is repainted."""
    if not wants_mask(model):
        return None
    target = request.size.width, request.size.height
    inpaint = request.img2img.inpaint if request.img2img is not None else None
    hard = inpaint is None or (inpaint.round and not inpaint.is_soft)
    sources, masks = [], []
    for one in placed:
        picture = one.picture if one.picture.size == target else stretch(one.picture, *target)
        sources.append(fractions(picture) * 2 - 1)
        mask = fractions(one.mask) if one.mask is not None else torch.ones(1, *target[::-1])
        masks.append(mask.round() if hard else mask)
    return _conditions(
        model, torch.stack(sources), torch.stack(masks), request.pictures.mask_weight, generator
    )


def plain_conditions(model: Model, count: int, shape: tuple[int, ...], seed: int) -> Tensor | None:
    """The same where there is no picture: everything is grey and to be painted.

    `shape` is that of one latent; the autoencoder's noise is drawn from `seed`.
    """
    if not wants_mask(model):
        return None
    generator = torch.Generator().manual_seed(seed)
    cell = model.downsample
    height, width = shape[1] * cell, shape[2] * cell
    grey = torch.zeros(1, 3, height, width)
    one = _conditions(model, grey, torch.ones(1, 1, height, width), 1.0, generator)
    return one.expand(count, -1, -1, -1)


def enlarged_conditions(
    model: Model, latents: Tensor, pixels: Tensor | None, weight: float, seed: int
) -> Tensor | None:
    """For a second pass over `latents`: everything is repainted, though with a `weight` below 1
    the picture shows through.

    `pixels` (batch, 3, H, W) are those the latents come from, in [0, 1], and are used as such:
    A1111 forgets to spread them to [-1, 1].
    """
    if not wants_mask(model):
        return None
    if weight >= 1:
        return plain_conditions(model, len(latents), tuple(latents.shape[1:]), seed)
    source = model.decode_latent(latents) if pixels is None else pixels
    height, width = (side * model.downsample for side in latents.shape[2:])
    source = source[..., :height, :width]
    mask = torch.ones(len(latents), 1, height, width)
    generator = torch.Generator().manual_seed(seed)
    return _conditions(model, source, mask, weight, generator)


def _conditions(
    model: Model, source: Tensor, mask: Tensor, weight: float, generator: torch.Generator
) -> Tensor:
    """`source` (batch, 3, H, W) in [-1, 1] and `mask` (batch, 1, H, W) to (batch, 5, h, w)."""
    masked = torch.lerp(source, source * (1.0 - mask), weight)
    cell = model.downsample
    sides = source.shape[2] // cell, source.shape[3] // cell
    noise = torch.randn((len(source), model.latent_channels, *sides), generator=generator)
    latents = model.encode_image(masked, noise)
    small = interpolate(mask, size=sides).to(latents.device)  # nearest
    return torch.cat([small, latents], dim=1)
