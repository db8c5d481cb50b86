"""The pictures that others were drawn from, kept beside them so that they can be drawn again.

A recipe names its inputs by one hash: that of a request with nothing but start pictures, masks and
control pictures, each of which is named by its own hash in turn. Every picture is kept once,
however many were drawn from it, and goes when the last of those is deleted for good.
"""

import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from modules.schema.codec import from_json, to_json
from modules.schema.inputs import Hires, ImageData
from modules.schema.request import GenerationRequest
from modules.service.database import Database, Statement
from modules.service.formats import encode, from_pillow
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

KEY = "Inputs"
"""In recipes."""
SHOWN = 16
"""Digits of a hash in a recipe."""
FRESH_S = 120.0
"""How long a file is left alone that nothing refers to: a picture may be about to."""


class InputStore:
    """Files by their content, and which pictures need them. Thread-safe."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self._folder = folder

    def keep(self, request: GenerationRequest) -> tuple[str, ...]:
        """Write the pictures in `request`; returns the hashes of what is kept, the whole first.

        Empty if it starts from no picture. Raises OSError.
        """
        parts, pictures = taken_apart(request)
        if not pictures:
            return ()
        for digest, image in pictures.items():
            self._write(digest, ".png", partial(_as_png, image))
        text = to_json(parts).encode()
        whole = hashlib.sha256(text).hexdigest()
        self._write(whole, ".json", lambda: text)
        return (whole, *pictures)

    def _write(self, digest: str, suffix: str, content: Callable[[], bytes]) -> None:
        path = self._path(digest, suffix)
        if path.is_file():
            path.touch()
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content())

    def _path(self, digest: str, suffix: str) -> Path:
        return self._folder / digest[:2] / f"{digest}{suffix}"

    def needing(self, image_id: str, digests: tuple[str, ...]) -> tuple[Statement, ...]:
        """What notes that a picture needs what is kept under `digests`."""
        sql = "INSERT OR IGNORE INTO inputs (image, digest) VALUES (?, ?)"
        return tuple((sql, (image_id, digest)) for digest in digests)

    def find(self, shown: str) -> GenerationRequest | None:
        """The inputs that a recipe names; None if they, or one of their pictures, are not here.

        Files whose content is not what their name says count as missing.
        """
        if len(shown) < SHOWN or not set(shown) <= set("0123456789abcdef"):
            return None
        for path in self._folder.glob(f"{shown[:2]}/{shown}*.json"):
            text = path.read_bytes()
            if hashlib.sha256(text).hexdigest() != path.stem:
                continue
            try:
                return _mapped(from_json(GenerationRequest, text.decode()), self._read)
            except (OSError, ValueError, _OtherPicture) as error:
                log.info("Inputs %s cannot be used: %s", shown, error)
        return None

    def _read(self, named: ImageData) -> ImageData:
        digest = named.data.decode("ascii", "replace")
        with Image.open(self._path(digest, ".png")) as opened:
            image = from_pillow(opened)
        if image.mode != named.mode or digest_of(image) != digest:
            raise _OtherPicture(f"{digest}.png is another picture now.")
        return image

    def tidy(self, fresh_s: float = FRESH_S) -> int:
        """Delete what no picture needs any more; returns how many files that were."""
        gone = (
            "DELETE FROM inputs WHERE image NOT IN"
            " (SELECT id FROM images WHERE saved OR trashed IS NOT NULL)"
        )
        self._database.write((gone, ()))
        rows = self._database.rows("SELECT DISTINCT digest FROM inputs")
        needed, limit, count = {row["digest"] for row in rows}, time.time() - fresh_s, 0
        for path in self._folder.glob("??/*"):
            try:
                if path.stem not in needed and path.stat().st_mtime <= limit:
                    path.unlink()
                    count += 1
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)
        return count


class _OtherPicture(Exception):
    """A file's content is not what its name says."""


def taken_apart(
    request: GenerationRequest,
) -> tuple[GenerationRequest, dict[str, ImageData]]:
    """What of a request is about pictures, these named by hashes instead of pixels; and them."""
    hires = request.hires
    start = Hires(image=hires.image) if hires is not None and hires.image is not None else None
    parts = GenerationRequest(
        img2img=request.img2img, control=request.control, hires=start, pictures=request.pictures
    )
    pictures: dict[str, ImageData] = {}

    def named(image: ImageData) -> ImageData:
        digest = digest_of(image)
        pictures[digest] = image
        return replace(image, data=digest.encode())

    return _mapped(parts, named), pictures


def for_picture(request: GenerationRequest, index: int) -> GenerationRequest:
    """`request` with the one start picture that picture number `index` was drawn from."""
    wish = request.img2img
    if wish is None or len(wish.images) < 2:
        return request
    own = wish.images[index % len(wish.images)]
    return replace(request, img2img=replace(wish, images=(own,)))


def _as_png(image: ImageData) -> bytes:
    return encode(image, "", "png").data


def digest_of(image: ImageData) -> str:
    """A hash of a picture's pixels, size and mode, whatever file they lie in."""
    head = f"{image.mode} {image.width}x{image.height}\n".encode()
    return hashlib.sha256(head + image.data).hexdigest()


def _mapped(record: Any, change: Callable[[ImageData], ImageData]) -> Any:
    """A record with every picture in it changed."""
    if isinstance(record, ImageData):
        return change(record)
    if isinstance(record, tuple):
        return tuple(_mapped(item, change) for item in record)
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        fields = (item.name for item in dataclasses.fields(record))
        changed = {name: _mapped(getattr(record, name), change) for name in fields}
        return replace(record, **changed)
    return record
