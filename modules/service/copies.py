"""Pictures somebody wants to keep: copied into a folder of their own, listed in `log.csv`."""

import csv
import io
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from modules.errors import WebUIError
from modules.paths import Paths
from modules.schema.infotext_parse import parse_infotext
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.service.formats import Encoded
from modules.service.names import Naming, safe_name, safe_part
from modules.service.picture import Picture
from modules.service.saving import cannot_write, save_encoded
from modules.settings.files import write_atomically
from modules.settings.settings import Settings

log = logging.getLogger(__name__)

LOG = "log.csv"
COLUMNS = (
    "prompt",
    "seed",
    "width",
    "height",
    "sampler",
    "cfgs",
    "steps",
    "filename",
    "negative_prompt",
    "sd_model_name",
    "sd_model_hash",
)
"""As in A1111 1.9, whose files may be shorter; they are extended."""
_ONE_AT_A_TIME = threading.Lock()


def save_copies(
    pictures: Sequence[Picture], settings: Settings, paths: Paths, person: str = ""
) -> list[Path]:
    """Copy pictures byte for byte, numbered; returns where to. Raises WebUIError.

    One line is added to `log.csv`, with the recipe of the first picture.
    """
    folders = settings.folders
    target = paths.data / Path(folders.saved).expanduser()
    if person and folders.per_person:
        target /= safe_name(safe_part(person))
    in_subfolders = replace(folders, subfolders=folders.saved_subfolders)
    own = replace(settings, folders=in_subfolders)
    copies = []
    for picture in pictures:
        try:
            encoded = Encoded(picture.path.read_bytes(), picture.path.suffix)
        except OSError as error:
            raise WebUIError(f"{picture.path.name} cannot be read: {error.strerror}.") from error
        copies.append(
            save_encoded(encoded, folder=target, settings=own, naming=_naming(picture, person))
        )
    if folders.write_log and copies:
        add_line(target, pictures[0], copies[0])
    return copies


def _naming(picture: Picture, person: str) -> Naming:
    found = parse_infotext(picture.infotext)
    image = GeneratedImage(
        index=picture.position,
        seed=picture.seed,
        subseed=0,
        prompt=found.get("Prompt", ""),
        negative_prompt=found.get("Negative prompt", ""),
        width=picture.width,
        height=picture.height,
        facts=(("Model", picture.model), ("Model hash", found.get("Model hash", ""))),
    )
    request = GenerationRequest(prompt=image.prompt, negative_prompt=image.negative_prompt)
    started = datetime.fromtimestamp(picture.created)
    return Naming(request=request, image=image, started=started, user=person)


def add_line(folder: Path, picture: Picture, copy: Path) -> None:
    """Add a picture to `log.csv` in `folder`. Raises WebUIError; then the file is as before."""
    found = parse_infotext(picture.infotext)
    row = [
        found.get("Prompt", ""),
        found.get("Seed", picture.seed),
        picture.width,
        picture.height,
        found.get("Sampler", ""),
        found.get("CFG scale", ""),
        found.get("Steps", ""),
        copy.relative_to(folder).as_posix(),
        found.get("Negative prompt", ""),
        found.get("Model", ""),
        found.get("Model hash", ""),
    ]
    path = folder / LOG
    try:
        with _ONE_AT_A_TIME:
            rows = _read(path)
            if rows is None:
                write_atomically(path, _text([list(COLUMNS), row]))
            elif len(rows[0]) < len(COLUMNS):
                full = [[*old, *([""] * (len(COLUMNS) - len(old)))] for old in rows[1:]]
                write_atomically(path, _text([list(COLUMNS), *full, row]))
            else:
                with path.open("ab") as file:
                    file.write(_text([row]))
    except OSError as error:
        raise cannot_write(folder, error) from error


def _read(path: Path) -> list[list[str]] | None:
    """Every line of the log; None if there is none yet."""
    try:
        text = path.read_bytes().decode("utf-8-sig", "replace")
    except FileNotFoundError:
        return None
    return list(csv.reader(io.StringIO(text, newline=""))) or None


def _text(rows: Sequence[Sequence[object]]) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue().encode("utf-8", "replace")
