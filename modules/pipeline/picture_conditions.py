"""What networks are told of a picture besides the text, in further input channels.

Inpainting: where to repaint (1), then the latent of the picture with that part grey (4), as in
Stable Diffusion's inpainting checkpoints (Rombach et al. 2022). Editing: the unscaled latent of the
picture (4; Brooks et al. 2023, arXiv:2211.09800). Depth: how near everything is (1).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from modules.errors import InvalidRequest
from modules.model.depth import estimated, estimator_in, own_estimator
from modules.model.loader import Model, PictureInput, open_model
from modules.pipeline.pictures import as_picture, fractions
from modules.pipeline.placing import Placed
from modules.pipeline.resize import stretch
from modules.schema.request import GenerationRequest


def wants_mask(model: Model) -> bool:
    """Whether the model's network is made for inpainting."""
    return model.picture_input == "mask"


def picture_conditions(
    request: GenerationRequest,
    model: Model,
    placed: Sequence[Placed],
    generator: torch.Generator,
) -> Tensor | None:
    """(batch, channels, h, w) for a network that is told of pictures, else None.

    The autoencoder's noise is drawn from `generator`. Raises InvalidRequest for what is missing.
    """
    read = READERS.get(model.picture_input)
    return None if read is None else read(request, model, placed, generator)


def masked_conditions(
    request: GenerationRequest,
    model: Model,
    placed: Sequence[Placed],
    generator: torch.Generator,
) -> Tensor:
    """(batch, 5, h, w): mask and masked picture. Without a mask all is repainted."""
    target = request.size.width, request.size.height
    inpaint = request.img2img.inpaint if request.img2img is not None else None
    hard = inpaint is None or (inpaint.round and not inpaint.is_soft)
    masks = []
    for one in placed:
        mask = fractions(one.mask) if one.mask is not None else torch.ones(1, *target[::-1])
        masks.append(mask.round() if hard else mask)
    sources = _sources(request, placed)
    return _conditions(model, sources, torch.stack(masks), request.pictures.mask_weight, generator)


def edited_conditions(
    request: GenerationRequest,
    model: Model,
    placed: Sequence[Placed],
    generator: torch.Generator,
) -> Tensor:
    """(batch, 4, h, w): the latent of the picture to edit."""
    return model.encode_mean(_sources(request, placed))


def depth_conditions(
    request: GenerationRequest,
    model: Model,
    placed: Sequence[Placed],
    generator: torch.Generator,
) -> Tensor:
    """(batch, 1, h, w) in [-1, 1], the nearest place of all 1."""
    depth = request.img2img.depth if request.img2img is not None else None
    cell = model.downsample
    sides = request.size.height // cell, request.size.width // cell
    if depth is not None:
        grey = fractions(as_picture(depth).convert("L"))[None]  # (1, 1, H, W)
        return _spread(grey, sides).expand(len(placed), -1, -1, -1)
    sources = _sources(request, placed)
    seen = sources[:1] if all(one is placed[0] for one in placed) else sources
    maps = [_spread(one, sides) for one in _depths(model, seen)]
    return torch.cat(maps).expand(len(placed), -1, -1, -1)


def _depths(model: Model, pictures: Tensor) -> list[Tensor]:
    """How near everything is, as the checkpoint's estimator sees it, or one of a file.

    `pictures` are (batch, 3, H, W) in [-1, 1]. Raises InvalidRequest where there is none.
    """
    with open_model(model.path) as weights:
        network = own_estimator(weights) or estimator_in(model.midas)
    if network is None:
        raise InvalidRequest(
            f"{model.name} draws by depth and needs a depth map of the picture.",
            f"Give one as a grey picture, nearest places white, or put MiDaS into {model.midas}.",
        )
    network.to(model.device)
    return [estimated(network, one.to(model.device)).cpu() for one in pictures.split(1)]


def _spread(depth: Tensor, sides: tuple[int, int]) -> Tensor:
    """A map (1, 1, H, W) at the latent's size, from -1 to 1."""
    small = interpolate(depth, size=sides, mode="bicubic", align_corners=False)
    low, high = small.min(), small.max()
    return 2 * (small - low) / (high - low).clamp(min=1e-6) - 1


Read = Callable[[GenerationRequest, Model, Sequence[Placed], torch.Generator], Tensor]
READERS: dict[PictureInput, Read] = {
    "mask": masked_conditions,
    "picture": edited_conditions,
    "depth": depth_conditions,
}
"""What makes each kind."""


def plain_conditions(model: Model, count: int, shape: tuple[int, ...], seed: int) -> Tensor | None:
    """The same where there is no picture: everything is grey and to be painted.

    `shape` is that of one latent; the autoencoder's noise is drawn from `seed`. Raises
    InvalidRequest where nothing can stand for a picture.
    """
    if model.picture_input == "picture":
        return torch.zeros(count, *shape)
    if model.picture_input == "depth":
        raise InvalidRequest(
            f"{model.name} draws by depth, over a picture.", "Use it in img2img, with a depth map."
        )
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
    if weight >= 1 or not wants_mask(model):
        return plain_conditions(model, len(latents), tuple(latents.shape[1:]), seed)
    source = model.decode_latent(latents) if pixels is None else pixels
    height, width = (side * model.downsample for side in latents.shape[2:])
    source = source[..., :height, :width]
    mask = torch.ones(len(latents), 1, height, width)
    generator = torch.Generator().manual_seed(seed)
    return _conditions(model, source, mask, weight, generator)


def _sources(request: GenerationRequest, placed: Sequence[Placed]) -> Tensor:
    """The pictures at the request's size, (batch, 3, H, W) in [-1, 1]."""
    target = request.size.width, request.size.height
    pictures = [
        one.picture if one.picture.size == target else stretch(one.picture, *target)
        for one in placed
    ]
    return torch.stack([fractions(picture) * 2 - 1 for picture in pictures])


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
