"""Picture files that people hand in for Extras, kept for a day."""

import logging
import re
import time
from pathlib import Path

from modules.errors import InvalidRequest, NotFound
from modules.service.job import new_id
from modules.service.names import safe_name, safe_part
from modules.service.saving import cannot_write
from modules.settings.files import write_atomically

log = logging.getLogger(__name__)

KEPT_S = 86_400.0
TOKEN = re.compile(r"[0-9a-f]{16}")
LONGEST_NAME = 100


class Uploads:
    """Files under names that nobody can guess, in one folder. Thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, name: str, content: bytes) -> str:
        """Write a file down and return what it is asked for by. Raises WebUIError."""
        if not content:
            raise InvalidRequest(f"{name or 'The file'} is empty.", "Choose a picture file.")
        token = new_id()
        plain = safe_name(safe_part(Path(name).name))[-LONGEST_NAME:]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._forget_old()
            write_atomically(self._folder / f"{token}-{plain or 'picture'}", content)
        except OSError as error:
            raise cannot_write(self._folder, error) from error
        return token

    def find(self, token: str) -> tuple[str, Path]:
        """Return a file's own name and where it lies. Raises NotFound."""
        if TOKEN.fullmatch(token):
            for path in self._folder.glob(f"{token}-*"):
                return path.name.partition("-")[2], path
        raise NotFound("uploaded picture", token)

    def _forget_old(self) -> None:
        for path in self._folder.iterdir():
            try:
                if path.stat().st_mtime < time.time() - KEPT_S:
                    path.unlink()
            except OSError as error:
                log.warning("%s could not be deleted: %s", path, error)
