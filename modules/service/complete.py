"""What a person left open is filled in, and what cannot work is refused before it costs time."""

import secrets
from dataclasses import replace

from modules.errors import InvalidRequest, ModelError
from modules.prompt.comments import strip_comments
from modules.prompt.networks import hypernet_wishes, lora_wishes, take_networks
from modules.schema.catalogue import Catalogue
from modules.schema.request import GenerationRequest, Refiner, Seeds, Size
from modules.service.complete_pictures import (
    complete_afterwards,
    complete_hires,
    complete_img2img,
    largest_sides,
)
from modules.service.faces import named_restorer
from modules.service.resolve import find_checkpoint, resolve_names
from modules.service.speed import at_speed

LONGEST_PROMPT = 100_000
"""Characters; a book fits, a mistake does not."""
LARGEST_BATCH_PIXELS = 64 * 2**20
"""Pixels drawn at the same time; 64 pictures of 1024 x 1024."""
MOST_IMAGES = 10_000
RANDOM_SEEDS = 4_294_967_294
"""Random seeds lie below this, as in A1111."""


def complete_request(
    request: GenerationRequest, catalogue: Catalogue, *, size_given: bool = True
) -> GenerationRequest:
    """Return `request` as it will be drawn: names resolved, seeds chosen, size set, limits checked.

    Of a request with a script a random seed stays open; the script decides. With `size_given`
    false the picture gets the size the model was trained at. Raises
    InvalidRequest, NotFound or ModelError.
    """
    check_extent(request)
    check_networks(request)
    request = replace(request, sampling=resolve_names(request.sampling))
    checkpoint = find_checkpoint(request.models.checkpoint, catalogue.checkpoints)
    if checkpoint.note:
        raise ModelError(
            f"The checkpoint {checkpoint.name} cannot be used: {checkpoint.note}.",
            "Copy the file again, or choose another checkpoint.",
        )
    models = replace(request.models, checkpoint=checkpoint.title)
    width, height = checkpoint.native_size
    size = request.size if size_given else Size(width=width, height=height)
    seeds = request.seeds if request.script is not None else _chosen(request.seeds)
    request = replace(request, models=models, size=size, seeds=seeds)
    request = at_speed(request, checkpoint.family)
    request = complete_hires(complete_img2img(request, catalogue), catalogue)
    request = replace(
        request,
        refiner=_named_refiner(request, catalogue),
        faces=named_restorer(request.faces, catalogue),
    )
    request = complete_afterwards(request, catalogue)
    check_pixels(request)
    return request


def _named_refiner(request: GenerationRequest, catalogue: Catalogue) -> Refiner:
    """The refiner by its title; none if it is the model itself. Raises NotFound."""
    refiner = request.refiner
    if refiner.checkpoint.strip().lower() in ("", "none"):
        return replace(refiner, checkpoint="")
    title = find_checkpoint(refiner.checkpoint, catalogue.checkpoints).title
    return replace(refiner, checkpoint="" if title == request.models.checkpoint else title)


def check_networks(request: GenerationRequest) -> None:
    """Raise InvalidRequest or NotFound for the mark of a network that makes no sense."""
    wish, hires = request.text, request.hires
    if wish.disable_networks:
        return
    for prompt in (request.prompt, hires.prompt if hires is not None else ""):
        networks = take_networks(strip_comments(prompt) if wish.comments else prompt)[1]
        lora_wishes(networks)
        hypernet_wishes(networks)


def check_extent(request: GenerationRequest) -> None:
    """Raise InvalidRequest if a number is out of its limits or the whole is too much."""
    request.check()
    for label, text in (("prompt", request.prompt), ("negative prompt", request.negative_prompt)):
        if len(text) > LONGEST_PROMPT:
            raise InvalidRequest(
                f"The {label} has {len(text):,} characters, but at most {LONGEST_PROMPT:,} fit.",
                "Shorten it; a model reads 75 tokens at a time.",
            )
    check_pixels(request)
    batch = request.batch
    if batch.total > MOST_IMAGES:
        raise InvalidRequest(
            f"That would be {batch.total:,} pictures in one job, but at most {MOST_IMAGES:,} fit.",
            "Lower the batch count.",
        )


def check_pixels(request: GenerationRequest) -> None:
    """Raise InvalidRequest if more is to be drawn at once than any device can hold."""
    (width, height), count = largest_sides(request), request.batch.batch_size
    pixels = width * height * count
    if pixels > LARGEST_BATCH_PIXELS:
        raise InvalidRequest(
            f"{count} x {width} x {height} are {pixels / 2**20:.0f} million "
            f"pixels at once, but at most {LARGEST_BATCH_PIXELS // 2**20} million are drawn.",
            "Choose a smaller size or batch size; the batch count may be large.",
        )


def _chosen(seeds: Seeds) -> Seeds:
    seed = seeds.seed if seeds.seed >= 0 else secrets.randbelow(RANDOM_SEEDS)
    subseed = seeds.subseed if seeds.subseed >= 0 else secrets.randbelow(RANDOM_SEEDS)
    return replace(seeds, seed=seed, subseed=subseed)
