"""What extensions for A1111's webui get to know of the program, in the server."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from PIL import Image

from modules.errors import WebUIError
from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.schema.catalogue import Catalogue
from modules.schema.event import Failed, ImageReady
from modules.schema.request import GenerationRequest
from modules.service.job import Job
from modules.settings.launch import Launch
from modules.settings.store import SettingsStore


class Program(Protocol):
    """The part of `App` that is needed here."""

    paths: Paths
    launch: Launch
    settings: SettingsStore

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List models."""

    def chosen_checkpoint(self) -> str:
        """Title of the checkpoint in use."""

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Store options."""

    def styles(self) -> StyleBook:
        """The styles."""

    def submit(self, request: GenerationRequest, *, origin: str = "page") -> Job:
        """Hand in a job."""

    def follow(self, job_id: str, after: int = 0, timeout: float | None = None) -> Any:
        """Yield a job's entries."""


class ExtensionHost:
    """The program as the layer asks for it; see `modules.compat.host.Host`."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.paths = program.paths

    def catalogue(self) -> Catalogue:
        """List models."""
        return self._program.catalogue()

    def options(self) -> Mapping[str, Any]:
        """Every option by A1111's name."""
        return self._program.settings.options()

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Store options."""
        self._program.set_options(options)

    def flags(self) -> Mapping[str, Any]:
        """The flags of the command line; passwords are hidden."""
        return self._program.launch.flags()

    def chosen_checkpoint(self) -> str:
        """Title of the checkpoint in use."""
        return self._program.chosen_checkpoint()

    def styles(self) -> Sequence[tuple[str, str, str]]:
        """Names, prompts and negative prompts."""
        book = self._program.styles()
        return [(one.name, one.prompt, one.negative_prompt) for one in book]

    def draw(self, request: GenerationRequest) -> Sequence[tuple[Any, str]]:
        """Draw and wait. Raises WebUIError."""
        job = self._program.submit(request, origin="extension")
        drawn = []
        for entry in self._program.follow(job.id):
            if isinstance(entry.event, ImageReady):
                with Image.open(entry.event.image.path) as opened:
                    opened.load()
                    drawn.append((opened.copy(), entry.event.image.infotext))
            elif isinstance(entry.event, Failed):
                raise WebUIError(entry.event.message, entry.event.hint)
        return drawn
