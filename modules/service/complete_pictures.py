"""Pictures to start from and second passes: filled in, and refused before they cost time."""

from dataclasses import replace

from modules.errors import InvalidRequest, NotFound
from modules.schema.afterwards import Afterwards
from modules.schema.catalogue import Catalogue
from modules.schema.hires_size import LATENT_UPSCALERS, hires_size, upscaler_names
from modules.schema.infotext_parse import first_pass_size
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, Sampling, Size
from modules.service.resolve import find_checkpoint, resolve_names

NARROWEST = 8
"""Pixels of a side that every model can make a latent of."""


def complete_img2img(request: GenerationRequest, catalogue: Catalogue) -> GenerationRequest:
    """Check the pictures; several of them are a batch. Raises InvalidRequest or NotFound."""
    wish = request.img2img
    if wish is None:
        return request
    if request.hires is not None:
        raise InvalidRequest(
            "The hires pass belongs to pictures from text, not to img2img.",
            "Turn one of the two off.",
        )
    if not wish.images and request.script is not None:
        return request  # some scripts bring their own pictures; the others say so themselves
    if not wish.images:
        raise InvalidRequest("There is no picture to start from.", "Choose one.")
    upscaler = _upscaler(request.pictures.upscaler or "None", upscaler_names(catalogue))
    request = replace(request, pictures=replace(request.pictures, upscaler=upscaler))
    count = len(wish.images)
    if count == 1:
        return request
    if count > request.batch.batch_size:
        raise InvalidRequest(
            f"{count} pictures do not fit into a batch of {request.batch.batch_size}.",
            f"Set the batch size to {count}.",
        )
    return replace(request, batch=Batch(batch_size=count, n_iter=request.batch.n_iter))


def complete_hires(request: GenerationRequest, catalogue: Catalogue) -> GenerationRequest:
    """Resolve the names of the second pass; what equals the first pass is left empty.

    `request.sampling` and `request.models` must be complete. Raises InvalidRequest or NotFound.
    """
    hires = request.hires
    if hires is None:
        return request
    known = (*LATENT_UPSCALERS, *upscaler_names(catalogue))
    upscaler = _upscaler(hires.upscaler or "Latent", known)
    hires = _with_names(replace(hires, upscaler=upscaler), request.sampling)
    if hires.checkpoint:
        title = find_checkpoint(hires.checkpoint, catalogue.checkpoints).title
        hires = replace(hires, checkpoint="" if title == request.models.checkpoint else title)
    if request.pictures.old_hires_size and hires.image is None:
        request, hires = _with_early_sizes(request, hires)
    if hires.image is not None:
        size = Size(width=hires.image.width, height=hires.image.height)
        request = replace(request, size=size)
    hires = replace(
        hires,
        prompt="" if hires.prompt == request.prompt else hires.prompt,
        negative_prompt=(
            "" if hires.negative_prompt == request.negative_prompt else hires.negative_prompt
        ),
    )
    return replace(request, hires=hires)


def complete_afterwards(request: GenerationRequest, catalogue: Catalogue) -> GenerationRequest:
    """Resolve the upscaler of the finished picture. Raises NotFound."""
    wish = request.afterwards
    name = _upscaler(wish.upscaler or "None", upscaler_names(catalogue))
    wish = Afterwards() if name == "None" else replace(wish, upscaler=name)
    return replace(request, afterwards=wish)


def largest_sides(request: GenerationRequest) -> tuple[int, int]:
    """Width and height in pixels of the largest pass. Raises InvalidRequest for an empty one."""
    size = request.size
    if request.hires is None:
        return size.width, size.height
    large = hires_size(size.width, size.height, request.hires)
    if min(large.width - large.cut_x, large.height - large.cut_y) < NARROWEST:
        raise InvalidRequest(
            f"{large.width}x{large.height} is too small for a second pass.",
            "Choose a larger scale or size.",
        )
    return max(size.width, large.width), max(size.height, large.height)


def _with_names(hires: Hires, first: Sampling) -> Hires:
    """Give sampler and schedule the names of the menus, empty where they are the first pass's."""
    wanted = Sampling(
        sampler=hires.sampler or first.sampler, schedule=hires.schedule or first.schedule
    )
    named = resolve_names(wanted)
    return replace(
        hires,
        sampler="" if named.sampler == first.sampler else named.sampler,
        schedule="" if named.schedule == first.schedule else named.schedule,
    )


def _with_early_sizes(request: GenerationRequest, hires: Hires) -> tuple[GenerationRequest, Hires]:
    """Take width and height for the second pass's, and find those of the first, unless given."""
    request = replace(request, pictures=replace(request.pictures, old_hires_size=False))
    if hires.resize_x or hires.resize_y:
        return request, hires
    final = request.size
    width, height = first_pass_size(final.width, final.height)
    request = replace(request, size=Size(width=width, height=height))
    return request, replace(hires, resize_x=final.width, resize_y=final.height)


def _upscaler(name: str, known: tuple[str, ...]) -> str:
    for one in known:
        if one.lower() == name.strip().lower():
            return one
    raise NotFound("upscaler", name, known)
