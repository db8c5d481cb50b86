"""The safety checker as the engine keeps it: read when it is wanted, or nothing is drawn."""

import logging
from pathlib import Path
from typing import Any

from modules.engine.shelf import stamp_of
from modules.errors import ModelError

log = logging.getLogger(__name__)


class CheckerShelf:
    """Keeps the checker of a folder, and reads it anew when its file is another."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[Any, Any] | None = None
        """The file's stamp and what was read."""

    def checker(self, device: Any) -> Any:
        """The `modules.model.safety.SafetyChecker`.

        On `device` (a torch.device), or on the CPU where that has no room. Raises ModelError if it
        is missing or damaged.
        """
        from modules.model.memory import ran_out
        from modules.model.safety import FILES, SafetyChecker, checker_file

        path = checker_file(self._folder)
        if path is None:
            raise ModelError(
                "Every picture must pass the safety checker here, and there is none in "
                f"{self._folder}.",
                f"Put its {FILES[0]} there; the owner can also turn the check off.",
            )
        stamp = (path, stamp_of(path))
        if self._kept is not None and self._kept[0] == stamp:
            return self._kept[1]
        try:
            found = SafetyChecker.read(self._folder, device)
        except Exception as error:
            if not ran_out(error):
                raise
            log.warning("The safety checker is used on the CPU: %s", error)
            found = SafetyChecker.read(self._folder, "cpu")
        self._kept = (stamp, found)
        return found

    def clear(self) -> None:
        """Give the memory back."""
        self._kept = None
