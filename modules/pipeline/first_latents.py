"""What a pass starts from."""

from modules.errors import InvalidRequest
from modules.model.loader import Model
from modules.pipeline.batch import BatchOfSeeds
from modules.pipeline.wishes import noise_options
from modules.sampling.noise import SeededNoise
from modules.schema.request import GenerationRequest

MOST_CELLS = 2**24
"""Latent cells of a batch; more would need hundreds of gigabytes."""


def latent_shape(request: GenerationRequest, model: Model) -> tuple[int, int, int]:
    """(channels, h, w): sides are rounded down to whole cells. Raises InvalidRequest."""
    cell = model.downsample
    h, w = request.size.height // cell, request.size.width // cell
    if h < 1 or w < 1:
        raise InvalidRequest(
            f"{request.size.width}x{request.size.height} is too small.",
            f"This model needs at least {cell} pixels a side.",
        )
    check_cells(h, w, request.batch.batch_size)
    return model.latent_channels, h, w


def check_cells(h: int, w: int, count: int) -> None:
    """Raise InvalidRequest if a batch of `count` latents of h x w cells is beyond all devices."""
    if h * w * count > MOST_CELLS:
        raise InvalidRequest(
            f"{count} latents of {w} x {h} cells at once are more than any device can hold.",
            "Draw smaller pictures, or fewer at a time.",
        )


def noise_for(
    request: GenerationRequest,
    model: Model,
    batch: BatchOfSeeds,
    shape: tuple[int, int, int] | None = None,
) -> SeededNoise:
    """The random numbers of a batch, one stream a picture, for latents of the request's `shape`."""
    return SeededNoise(
        shape or latent_shape(request, model),
        batch.seeds,
        batch.subseeds,
        noise_options(request, model),
        model.device,
    )
