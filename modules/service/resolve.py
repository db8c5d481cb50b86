"""Names that people write, to the names of what there is."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from modules.errors import ModelError, NotFound
from modules.model.hashes import legacy_hash
from modules.sampling.catalogue import AUTOMATIC, resolve_sampler
from modules.schema.catalogue import CheckpointInfo
from modules.schema.request import Sampling

OLD_HASH = re.compile(r"(?:(?P<name>.*) \[)?(?P<digits>[0-9a-f]{8})\]?")
"""A checkpoint by the hash of 2022, with or without its file's name."""
MANUAL_OF_1_8 = ("karras", "exponential", "polyexponential")
"""What its option for a schedule by hand could be."""
OLD_MANNER = ""
"""A schedule of this name: the sampler's name says it all, as before version 1.9 of A1111."""


def resolve_names(sampling: Sampling) -> Sampling:
    """Give sampler and schedule the names of the menus. Raises NotFound with the nearest names.

    A name from before 1.9 with its schedule inside ("DPM++ 2M Karras") is split, unless the
    schedule is in the manner of 1.8: then it stays as it is, spelled as that version did.
    """
    resolved = resolve_sampler(sampling.sampler, sampling.schedule)
    if in_old_manner(sampling):
        by_name = resolve_sampler(sampling.sampler, AUTOMATIC, version="")
        plain = resolve_sampler(resolved.sampler.name, AUTOMATIC, version="")
        suffix = "" if by_name.schedule == plain.schedule else f" {by_name.schedule.name}"
        heeded = resolved.sampler.family != "timestep"
        schedule = sampling.schedule if heeded else OLD_MANNER
        return replace(sampling, sampler=resolved.sampler.name + suffix, schedule=schedule)
    default = resolve_sampler(resolved.sampler.name, AUTOMATIC)
    asked = sampling.schedule.strip().lower() == AUTOMATIC.lower()
    same = asked and resolved.schedule == default.schedule
    schedule = AUTOMATIC if same else resolved.schedule.name
    return replace(sampling, sampler=resolved.sampler.name, schedule=schedule)


def in_old_manner(sampling: Sampling) -> bool:
    """Whether names are those of 1.8: no schedule, or one of its option, in small letters."""
    return sampling.schedule == OLD_MANNER or sampling.schedule in MANUAL_OF_1_8


def find_checkpoint(text: str, checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo:
    """Look a checkpoint up by title, name, file stem or hash, with A1111's leniency.

    Exact matches first; then hashes of 2022, which are read from the files; then the shortest title
    that contains `text`; then the same without a trailing `[...]`. An empty `text` means the first
    one there is. Raises NotFound, or ModelError if there are none at all.
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
    old = _by_old_hash(wanted, checkpoints)
    if old is not None:
        return old
    for part in (wanted, wanted.rpartition("[")[0].strip() if wanted.endswith("]") else ""):
        close = [item for item in checkpoints if part and part.lower() in item.title.lower()]
        if close:
            return min(close, key=lambda item: len(item.title))
    whole = any(mark in wanted for mark in ".[/")
    known = [checkpoint.title if whole else checkpoint.stem for checkpoint in checkpoints]
    raise NotFound("checkpoint", text, known)


def _by_old_hash(wanted: str, checkpoints: Sequence[CheckpointInfo]) -> CheckpointInfo | None:
    match = OLD_HASH.fullmatch(wanted)
    if match is None:
        return None
    for checkpoint in checkpoints:
        path, named = Path(checkpoint.path), match["name"] in (None, checkpoint.name)
        if named and path.is_file() and legacy_hash(path) == match["digits"]:
            return checkpoint
    return None
