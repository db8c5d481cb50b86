"""What a person left open is filled in, and what cannot work is refused before it costs time."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from modules.errors import InvalidRequest, ModelError, NotFound
from modules.sampling.catalogue import AUTOMATIC, resolve_sampler
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size

LONGEST_PROMPT = 100_000
"""Characters; a book fits, a mistake does not."""
LARGEST_BATCH_PIXELS = 64 * 2**20
"""Pixels drawn at the same time; 64 pictures of 1024 x 1024."""
MOST_IMAGES = 10_000
RANDOM_SEEDS = 4_294_967_294
"""Random seeds lie below this, as in A1111."""
OLD_MANNER = ""
"""A schedule of this name: the sampler's name says it all, as before version 1.9 of A1111."""


def complete_request(
    request: GenerationRequest, catalogue: Catalogue, *, size_given: bool = True
) -> GenerationRequest:
    """Return `request` as it will be drawn: names resolved, seeds chosen, size set, limits checked.

    With `size_given` false the picture gets the size the model was trained at. Raises
    InvalidRequest, NotFound or ModelError.
    """
    check_extent(request)
    if request.img2img is not None:
        raise InvalidRequest("Drawing from a picture (img2img) is not available yet.")
    if request.hires is not None:
        raise InvalidRequest("The hires pass is not available yet.")
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
    return replace(request, models=models, size=size, seeds=_chosen(request.seeds))


def check_extent(request: GenerationRequest) -> None:
    """Raise InvalidRequest if a number is out of its limits or the whole is too much."""
    request.check()
    for label, text in (("prompt", request.prompt), ("negative prompt", request.negative_prompt)):
        if len(text) > LONGEST_PROMPT:
            raise InvalidRequest(
                f"The {label} has {len(text):,} characters, but at most {LONGEST_PROMPT:,} fit.",
                "Shorten it; a model reads 75 tokens at a time.",
            )
    size, batch = request.size, request.batch
    pixels = size.width * size.height * batch.batch_size
    if pixels > LARGEST_BATCH_PIXELS:
        raise InvalidRequest(
            f"{batch.batch_size} x {size.width} x {size.height} are {pixels / 2**20:.0f} million "
            f"pixels at once, but at most {LARGEST_BATCH_PIXELS // 2**20} million are drawn.",
            "Choose a smaller size or batch size; the batch count may be large.",
        )
    if batch.total > MOST_IMAGES:
        raise InvalidRequest(
            f"That would be {batch.total:,} pictures in one job, but at most {MOST_IMAGES:,} fit.",
            "Lower the batch count.",
        )


def resolve_names(sampling: Sampling) -> Sampling:
    """Give sampler and schedule the names of the menus. Raises NotFound with the nearest names.

    A name from before 1.9 with its schedule inside ("DPM++ 2M Karras") is split, unless the
    schedule is `OLD_MANNER`: then it stays as it is, spelled as that version did.
    """
    if sampling.schedule == OLD_MANNER:
        resolved = resolve_sampler(sampling.sampler, AUTOMATIC, version="")
        plain = resolve_sampler(resolved.sampler.name, AUTOMATIC, version="")
        suffix = "" if resolved.schedule == plain.schedule else f" {resolved.schedule.name}"
        return replace(sampling, sampler=resolved.sampler.name + suffix)
    resolved = resolve_sampler(sampling.sampler, sampling.schedule)
    default = resolve_sampler(resolved.sampler.name, AUTOMATIC)
    asked = sampling.schedule.strip().lower() == AUTOMATIC.lower()
    same = asked and resolved.schedule == default.schedule
    schedule = AUTOMATIC if same else resolved.schedule.name
    if schedule != AUTOMATIC and schedule.lower() == sampling.schedule.lower():  # "karras" of 1.8
        schedule = sampling.schedule
    return replace(sampling, sampler=resolved.sampler.name, schedule=schedule)


def find_checkpoint(text: str, checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo:
    """Look a checkpoint up by title, name, file stem or hash, with A1111's leniency.

    Exact matches first; then the shortest title that contains `text`; then the same without a
    trailing `[...]`. An empty `text` means the first one there is. Raises NotFound, or ModelError
    if there are none at all.
    """
    if not checkpoints:
        raise ModelError(
            "There is no checkpoint to draw with.",
            "Put a .safetensors file into models/Stable-diffusion and refresh the list.",
        )
    wanted = text.strip()
    if not wanted:
        usable = [checkpoint for checkpoint in checkpoints if not checkpoint.note]
        return (usable or list(checkpoints))[0]
    for checkpoint in checkpoints:
        names = {checkpoint.title, checkpoint.name, checkpoint.stem}
        hashes = {checkpoint.sha256, checkpoint.short_hash} - {""}
        if wanted in names | hashes:
            return checkpoint
    for part in (wanted, wanted.rpartition("[")[0].strip() if wanted.endswith("]") else ""):
        close = [item for item in checkpoints if part and part.lower() in item.title.lower()]
        if close:
            return min(close, key=lambda item: len(item.title))
    whole = any(mark in wanted for mark in ".[/")
    known = [checkpoint.title if whole else checkpoint.stem for checkpoint in checkpoints]
    raise NotFound("checkpoint", text, known)


def _chosen(seeds: Seeds) -> Seeds:
    seed = seeds.seed if seeds.seed >= 0 else secrets.randbelow(RANDOM_SEEDS)
    subseed = seeds.subseed if seeds.subseed >= 0 else secrets.randbelow(RANDOM_SEEDS)
    return replace(seeds, seed=seed, subseed=subseed)
