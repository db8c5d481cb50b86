"""What the layer asks of the program around it; in the drawing process there is less."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from modules.paths import Paths
from modules.schema.catalogue import Catalogue
from modules.schema.request import GenerationRequest
from modules.settings.launch import Launch


class Host(Protocol):
    """The program, as extensions see it through the layer."""

    paths: Paths

    def catalogue(self) -> Catalogue:
        """List models."""

    def options(self) -> Mapping[str, Any]:
        """Every option by A1111's name."""

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Store options. Raises WebUIError."""

    def flags(self) -> Mapping[str, Any]:
        """The flags of the command line by name."""

    def chosen_checkpoint(self) -> str:
        """Title of the checkpoint in use."""

    def draw(self, request: GenerationRequest) -> Sequence[tuple[Any, str]]:
        """Draw and wait: pictures in Pillow's form with their recipes. Raises WebUIError."""

    def styles(self) -> Sequence[tuple[str, str, str]]:
        """Names, prompts and negative prompts of the styles."""


class Alone:
    """The program in the drawing process: folders and what the request brought along."""

    def __init__(self, paths: Paths) -> None:
        self.paths = paths
        self.checkpoint = ""
        self.brought: Mapping[str, Any] = {}
        """Options that the request brought."""
        self._set: dict[str, Any] = {}

    def catalogue(self) -> Catalogue:
        """Nothing is listed here."""
        return Catalogue()

    def options(self) -> Mapping[str, Any]:
        """What the request brought, and what was set since."""
        return {**self.brought, **self._set}

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Remember options for this process alone."""
        self._set.update(options)

    def flags(self) -> Mapping[str, Any]:
        """The defaults of all flags."""
        return Launch(data_dir=str(self.paths.data)).flags()

    def chosen_checkpoint(self) -> str:
        """That of the request."""
        return self.checkpoint

    def draw(self, request: GenerationRequest) -> Sequence[tuple[Any, str]]:
        """Refuse: a job is what is drawn here. Raises RuntimeError."""
        raise RuntimeError("process_images can only be called while a job is drawn.")

    def styles(self) -> Sequence[tuple[str, str, str]]:
        """None are known here; prompts come with their styles applied."""
        return ()
