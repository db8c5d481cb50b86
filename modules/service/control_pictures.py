"""Control pictures that people chose on the page, kept by what is in them."""

import hashlib
import io
import logging
import re
import time
from pathlib import Path

from modules.errors import NotFound
from modules.schema.inputs import ImageData
from modules.service.formats import to_pillow
from modules.service.read_pixels import read_pixels
from modules.service.saving import cannot_write
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

KEPT_S = 30 * 86_400.0
"""Seconds after its last use until a picture is forgotten."""
TOKEN = re.compile(r"[0-9a-f]{32}")
PNG_LEVEL = 2


class ControlPictures:
    """Files under names that follow from their pixels, in one folder. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, image: ImageData) -> str:
        """Write a picture down and return what it is asked for by. Raises WebUIError."""
        shape = f"{image.width} {image.height} {image.mode} ".encode()
        token = hashlib.sha256(shape + image.data).hexdigest()[:32]
        path = self._folder / f"{token}.png"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.touch()
                return token
            self._forget_old()
            content = io.BytesIO()
            to_pillow(image).save(content, "PNG", compress_level=PNG_LEVEL)
            write_atomically(path, content.getvalue())
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return token

    def file(self, token: str) -> Path:
        """Where a picture lies. Raises NotFound."""
        path = self._folder / f"{token}.png"
        if not TOKEN.fullmatch(token) or not path.is_file():
            raise NotFound("control picture", token)
        return path

    def find(self, token: str) -> ImageData:
        """A picture's pixels. Raises NotFound."""
        path = self.file(token)
        path.touch()
        return read_pixels(path.read_bytes(), "The control picture")

    def _forget_old(self) -> None:
        for path in self._folder.glob("*.png"):
            try:
                if path.stat().st_mtime < time.time() - KEPT_S:
                    path.unlink()
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)
