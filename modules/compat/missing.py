"""Things that extensions ask for and that are not here: said by name, and remembered."""

from modules.extension.manifest import BadExtension


class MissingThing(AttributeError):
    """An attribute that A1111's webui has and Easel does not."""

    def __init__(self, thing: str, extension: str) -> None:
        super().__init__(f"{thing}, which the extension {extension} asks for, is not in Easel.")
        self.thing, self.extension = thing, extension


class MissingModule(ImportError):
    """A module that A1111's webui has and Easel does not."""

    def __init__(self, thing: str, extension: str) -> None:
        super().__init__(f"{thing}, which the extension {extension} imports, is not in Easel.")
        self.thing, self.extension = thing, extension


class Cannot(BadExtension):
    """Something that is there by name and cannot be done here."""

    def __init__(self, thing: str, extension: str, why: str = "") -> None:
        super().__init__(
            f"{thing}, which the extension {extension} uses, cannot work in Easel.",
            why or "See the page about extensions in the manual.",
        )
