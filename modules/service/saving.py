"""Pictures onto the disk: numbered, whole or not at all, never over another."""

import contextlib
import errno
import logging
import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

from modules.errors import WebUIError
from modules.paths import Paths
from modules.schema.inputs import ImageData
from modules.schema.result import FIRST_PASS
from modules.service.formats import Encoded, encode, from_pillow, to_pillow
from modules.service.names import Naming, expand, expand_folders, safe_name, safe_part
from modules.service.provenance import Inside, inside
from modules.service.sealing import Seal, sealed
from modules.settings.files import sync_folder, unique_part, write_and_sync, write_atomically
from modules.settings.settings import Settings

log = logging.getLogger(__name__)

Kind = Literal["txt2img", "img2img", "extras"]

NUMBER = re.compile(r"\.?(\d{1,15})(?:[-.].*)?")
NAME_BYTES = 240
"""Bytes of a file name with its suffix; common file systems allow 255."""

SAMPLE_DIGITS, GRID_DIGITS = 5, 4
TRIES = 500
"""Numbers tried in a row when others write into the same folder."""

SMALL_COPY_SUFFIX = ".jpg"
PROBE_BYTES = 2**16
"""Bytes written to learn whether a disk takes anything."""

WITHOUT_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL})
"""What file systems answer that know no second name for a file (FAT, some network drives)."""


def folder_for(
    settings: Settings, paths: Paths, kind: Kind, *, grid: bool = False, person: str = ""
) -> Path:
    """The folder for pictures of `kind`, without the subfolder that each picture chooses.

    With logins, everybody may have a folder below it, if the settings say so.
    """
    folders = settings.folders
    one_for_all = folders.grids if grid else folders.samples
    each = {
        ("txt2img", False): folders.txt2img,
        ("img2img", False): folders.img2img,
        ("extras", False): folders.extras,
        ("txt2img", True): folders.txt2img_grids,
        ("img2img", True): folders.img2img_grids,
    }
    folder = paths.data / Path(one_for_all or each[kind, grid]).expanduser()
    return folder / safe_name(safe_part(person)) if person and folders.per_person else folder


def save_image(
    image: ImageData,
    infotext: str,
    *,
    folder: Path,
    settings: Settings,
    naming: Naming,
    base: str = "",
    source: str = "",
    seal: Seal | None = None,
) -> Path:
    """Write a picture into `folder` (and the subfolder of the settings) and return its path.

    It is on the disk when this returns. `base` begins the name of what is no single picture
    ("grid"), which then has its own numbers and the format of grids; `source` is what
    `modules.service.provenance` calls where it comes from, `seal` what it may be signed with.
    Raises WebUIError; then there is no file, half or whole.
    """
    form = settings.grids.format if base else settings.saving.format
    told = inside(settings, infotext, source)
    encoded = encode(
        image,
        told.infotext,
        form,
        quality=settings.saving.quality,
        lossless=settings.saving.webp_lossless,
        xmp=told.xmp,
    )
    encoded = sealed(encoded, settings, source, seal)
    path = save_encoded(encoded, folder=folder, settings=settings, naming=naming, base=base)
    try:
        _write_companions(path, image, infotext, told, encoded, settings)
    except OSError as error:
        log.warning("Nothing else was written beside %s: %s", path, error)
    return path


def save_encoded(
    encoded: Encoded, *, folder: Path, settings: Settings, naming: Naming, base: str = ""
) -> Path:
    """Do what `save_image` does with a picture that is encoded already, without its companions."""
    naming = replace(naming, prompt_words=settings.folders.prompt_words)
    in_subfolder = settings.folders.grid_subfolders if base else settings.folders.subfolders
    target = folder
    if in_subfolder:
        pattern = settings.folders.subfolder_pattern or "[prompt_words]"
        target = folder.joinpath(*expand_folders(pattern, naming))
    name = _pattern_name(settings, naming, base, in_subfolder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        return _write(target, base, name, encoded, settings)
    except OSError as error:
        raise cannot_write(target, error) from error


def save_plainly(
    encoded: Encoded, *, folder: Path, settings: Settings, name: str, numbered: bool
) -> Path:
    """Write a picture right into `folder`, called `name`, with the next number first if `numbered`.

    A name without number that is taken gets one behind it. Raises WebUIError.
    """
    name = safe_name(safe_part(name))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if name and not numbered:
            return _write_unnumbered(folder, name, encoded, replace_taken=False)
        saving = replace(settings.saving, add_number=True)
        return _write(folder, "", name, encoded, replace(settings, saving=saving))
    except OSError as error:
        raise cannot_write(folder, error) from error


def _pattern_name(settings: Settings, naming: Naming, base: str, in_subfolder: bool) -> str:
    """The part of the name that comes from the pattern; may be empty."""
    if naming.stem:
        return safe_name(safe_part(naming.stem))
    if base and not settings.grids.full_name:
        return ""
    usual = "[seed]" if in_subfolder else "[seed]-[prompt_spaces]"
    name = expand(settings.saving.pattern or usual, naming)
    return f"{name}-before-highres-fix" if naming.image.kind == FIRST_PASS else name


def _write(target: Path, base: str, name: str, encoded: Encoded, settings: Settings) -> Path:
    if name and not base and not settings.saving.add_number:
        taken_over = settings.saving.if_taken == "Replace"
        return _write_unnumbered(target, name, encoded, replace_taken=taken_over)
    digits = GRID_DIGITS if base else SAMPLE_DIGITS
    number = _next_number(target, base)
    for _ in range(TRIES):
        stem = "-".join(part for part in (base, f"{number:0{digits}}", name) if part)
        path = target / fitting(stem, encoded.suffix)
        if _write_as_number(path, base, number, encoded.data):
            return path
        number = max(number + 1, _next_number(target, base))
    raise WebUIError(
        f"No free number was found in {target}.", "Other programs write there; try again."
    )


def _write_as_number(path: Path, base: str, number: int, data: bytes) -> bool:
    """Write `path` unless somebody else has `number` or takes it at this moment.

    The hidden file `.00012.part` reserves number 12: who made it writes, everybody else goes on.
    Whoever holds it looks again whether the number was used up before.
    """
    reservation = path.with_name(f".{base}{'-' if base else ''}{number}.part")
    try:
        reservation.open("xb").close()
    except FileExistsError:
        return False
    part = unique_part(path)
    try:
        if _next_number(path.parent, base, but=reservation.name) > number:
            return False
        write_and_sync(part, data)
        if not _take_name(part, path):
            return False
    finally:
        part.unlink(missing_ok=True)
        reservation.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def _write_unnumbered(target: Path, name: str, encoded: Encoded, *, replace_taken: bool) -> Path:
    """Write `name`; if it is taken, replace that file or append -1, -2, ..."""
    path = target / fitting(name, encoded.suffix)
    if replace_taken:
        write_atomically(path, encoded.data)
        return path
    part = unique_part(path)
    try:
        write_and_sync(part, encoded.data)
        for number in range(TRIES):
            path = target / fitting(f"{name}-{number}" if number else name, encoded.suffix)
            if _take_name(part, path):
                sync_folder(target)
                return path
    finally:
        part.unlink(missing_ok=True)
    raise WebUIError(f"There are too many files called {name} in {target}.", "Tidy up the folder.")


def _take_name(part: Path, path: Path) -> bool:
    """Give the finished file `part` the name `path` too, unless that name is taken."""
    try:
        os.link(part, path)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    try:
        os.replace(part, path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return True


def _next_number(folder: Path, base: str, but: str = "") -> int:
    """One more than the largest number in front of a name in `folder`; 0 in an empty one."""
    largest = -1
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            if name == but:
                continue
            if base:
                plain = name.removeprefix(".")
                if not plain.startswith(f"{base}-"):
                    continue
                name = plain[len(base) + 1 :]
            match = NUMBER.fullmatch(name)
            if match and not entry.is_dir():
                largest = max(largest, int(match.group(1)))
    return largest + 1


def fitting(stem: str, suffix: str) -> str:
    """A file name with `stem` cut so that every file system takes it."""
    stem = (
        safe_name(stem)
        .encode("utf-8", "replace")[: NAME_BYTES - len(suffix)]
        .decode("utf-8", "ignore")
    )
    return stem.rstrip(". ") + suffix


def _write_companions(
    path: Path,
    image: ImageData,
    infotext: str,
    told: Inside,
    encoded: Encoded,
    settings: Settings,
) -> None:
    """The text file and the small copy beside a picture, if the settings want them."""
    saving = settings.saving
    if saving.write_txt and infotext:
        write_atomically(path.with_suffix(".txt"), (infotext + "\n").encode("utf-8", "replace"))
    too_big = len(encoded.data) > saving.small_copy_above_mb * 2**20
    too_wide = max(image.width, image.height) > saving.small_copy_side
    if not saving.small_copy or not (too_big or too_wide) or path.suffix == SMALL_COPY_SUFFIX:
        return
    picture = to_pillow(image)
    if too_wide:
        picture.thumbnail((saving.small_copy_side, saving.small_copy_side))
    copy = encode(from_pillow(picture), told.infotext, "jpg", quality=saving.quality, xmp=told.xmp)
    if copy.suffix == SMALL_COPY_SUFFIX:  # otherwise it would be no smaller
        write_atomically(path.with_suffix(SMALL_COPY_SUFFIX), copy.data)


REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Make room, then try again."),
    errno.EDQUOT: ("the quota of the disk is used up", "Make room, then try again."),
    errno.EACCES: ("writing there is not permitted", "Change the permissions or the folder."),
    errno.EPERM: ("writing there is not permitted", "Change the permissions or the folder."),
    errno.EROFS: ("the disk is read-only", "Choose another folder in the settings."),
    errno.EIO: ("the disk reports an error", "Check the disk; choose another folder meanwhile."),
    errno.ENOTDIR: ("a file is in the way of a folder", "Move it away or change the folder."),
    errno.EEXIST: ("a file is in the way of a folder", "Move it away or change the folder."),
    errno.ENAMETOOLONG: ("the name is too long", "Shorten the name pattern in the settings."),
}


PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
"""Troubles of a whole disk, which may end while the program runs."""


class FolderRefuses(WebUIError):
    """The disk takes nothing just now; it is worth waiting for it."""


def cannot_write(folder: Path, error: OSError) -> WebUIError:
    """Say why a picture could not be written, and what to do."""
    reason, hint = REASONS.get(
        error.errno or 0, (str(error.strerror or error), "Check the folder in the settings.")
    )
    kind = FolderRefuses if error.errno in PASSING else WebUIError
    return kind(f"The picture could not be saved in {folder}: {reason}.", hint)


def trouble_in(folder: Path, count: int) -> FolderRefuses | None:
    """Try whether `folder` takes `count` bytes; says why it does not, if it is worth waiting."""
    part = unique_part(folder / "room")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < count:
            raise OSError(errno.ENOSPC, f"{free} bytes free")
        write_and_sync(part, bytes(min(count, PROBE_BYTES)))
    except OSError as error:
        refusal = cannot_write(folder, error)
        return refusal if isinstance(refusal, FolderRefuses) else None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    return None


def tidy_parts(folder: Path, older_than_s: float = 3600.0) -> int:
    """Delete what writers that died left below `folder`; returns how many files that were."""
    count, limit = 0, time.time() - older_than_s
    for path in folder.rglob(".*.part"):
        try:
            if path.stat().st_mtime < limit:
                path.unlink()
                count += 1
        except OSError as error:
            log.warning("%s could not be deleted: %s", path, error)
    return count
