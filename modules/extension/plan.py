"""Which extensions are to work: plain data, the same for the server and the drawing process."""

from dataclasses import dataclass, field

from modules.extension.folders import Folder, find_folders
from modules.paths import Paths

ALL, SHIPPED, NONE = "all", "shipped", "none"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an owner wants to work. The default is nothing at all."""

    paths: Paths = field(default_factory=Paths)
    which: str = NONE
    """ "all", "shipped" (only those that came with the program) or "none" (safe mode)."""
    off: frozenset[str] = frozenset()
    """Names that were switched off."""
    on: frozenset[str] = frozenset()
    """Names that were switched on though their manifest waits for that."""

    def folders(self) -> list[Folder]:
        """Every extension there is."""
        return find_folders(self.paths)

    def wants(self, folder: Folder) -> bool:
        """Whether an extension is to be loaded."""
        if self.which == NONE or (self.which == SHIPPED and not folder.shipped):
            return False
        if folder.name in self.off:
            return False
        return folder.manifest.switched_on or folder.name in self.on
