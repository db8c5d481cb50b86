"""What somebody who starts the suite wants, handed to every part."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.paths import Paths

EASEL_MINI = Paths().program / "models" / "Stable-diffusion" / "easel-mini.safetensors"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """How to measure. `folder` is a part's own scratch folder, deleted after it."""

    folder: Path
    quick: bool = False
    """Few rounds: to see that everything works, not to compare machines."""
    device: str = "cpu"
    others: Mapping[str, str] = field(default_factory=dict)
    """Other programs by name: an address, or the path of a command."""
    checkpoint: str = ""
    """A file for the comparison with other programs, which have it under the same name."""
    side: int = 512
    steps: int = 4

    def rounds(self, usual: int) -> int:
        """How often to measure."""
        return max(1, usual // 3) if self.quick else usual

    @property
    def models(self) -> Path:
        """A folder for checkpoints."""
        folder = self.folder / "models"
        folder.mkdir(exist_ok=True)
        return folder

    def embedded(self) -> Path:
        """The model that comes with the program, alone in a folder."""
        link = self.models / EASEL_MINI.name
        if not link.exists():
            os.symlink(EASEL_MINI, link)
        return link
