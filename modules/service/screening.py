"""The owner's rules for pictures, around the engine, so that no way to it passes them by."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from modules.engine.engine import Engine
from modules.errors import WebUIError
from modules.extension.plan import Plan
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import Describe, FindFaces
from modules.schema.request import GenerationRequest
from modules.schema.result import Fact, GeneratedImage
from modules.schema.tasks import AnyTask, Look, Merge, Screened
from modules.schema.watermark import Watermark
from modules.settings.sections.safety import MANNERS
from modules.settings.settings import Settings
from modules.settings.store import SettingsStore

OFF = MANNERS[0]
NO_WATERMARK = "None"
WITHOUT_PICTURES = (Merge, FindFaces, Describe)
"""Tasks whose answers show nothing."""


class ScreenedEngine:
    """An engine whose every picture goes past the safety checker, if the owner wants that.

    `manner` is asked whenever a task begins; neither requests nor their settings have a say.
    """

    def __init__(self, engine: Engine, manner: Callable[[], str]) -> None:
        self.inner = engine
        self.slots = engine.slots
        self._manner = manner

    def run(self, task: AnyTask, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Carry out `task`. Raises WebUIError, also where the checker is wanted and not there."""
        manner = self._manner()
        if isinstance(task, Look) and manner == OFF and task.watermark is None:
            return iter((ImageReady(image=GeneratedImage.of(task.image)),))
        if manner != OFF and not isinstance(task, WITHOUT_PICTURES):
            task = Screened(task=task, manner=manner)
        return self.inner.run(task, cancel, start_image)

    def warm(self, checkpoint: str) -> None:
        """Get ready to draw with `checkpoint`."""
        self.inner.warm(checkpoint)

    def expect(self, path: str) -> None:
        """Prepare for a task to come."""
        self.inner.expect(path)

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List models."""
        return self.inner.catalogue(refresh)

    def status(self) -> EngineStatus:
        """Report state and memory."""
        return self.inner.status()

    def use_extensions(self, plan: Plan) -> None:
        """Work with these extensions from the next task on."""
        self.inner.use_extensions(plan)

    def unload(self) -> None:
        """Drop loaded models."""
        self.inner.unload()

    def close(self) -> None:
        """End."""
        self.inner.close()


class Rules:
    """What the owner demands at this moment: by flag, and by settings that hold for everybody."""

    def __init__(self, store: SettingsStore, flag: str = OFF) -> None:
        """`flag` is the manner of the command line."""
        self._store = store
        self._flag = flag

    def manner(self) -> str:
        """What happens to flagged pictures: the stricter of flag and setting."""
        return max(self._flag, self._store.settings.safety.checker, key=MANNERS.index)

    def watermark(self, wished: Settings | None = None) -> Watermark | None:
        """What is hidden in pictures: as the owner says, else as `wished` for one job."""
        for settings in (self._store.settings, *([wished] if wished is not None else ())):
            safety = settings.safety
            if safety.watermark != NO_WATERMARK:
                return Watermark.of(safety.watermark, safety.watermark_text)
        return None

    def obeyed(self, request: GenerationRequest, settings: Settings) -> GenerationRequest:
        """`request` of a job with `settings`, with the watermark it has to have.

        Raises NotFound or InvalidRequest for one that cannot be hidden.
        """
        watermark = self.watermark(settings) or request.watermark
        if watermark is not None:
            watermark.check()
        return replace(request, watermark=watermark)


@dataclass(frozen=True)
class Looked:
    """A picture as it may be shown."""

    image: ImageData
    facts: tuple[Fact, ...] = ()
    """What its recipe must say."""
    notices: tuple[str, ...] = ()


def looked(engine: Engine, task: Look) -> Looked:
    """Have a picture that was made without the engine treated like one that it drew.

    Raises WebUIError.
    """
    found: GeneratedImage | None = None
    notices: list[str] = []
    for event in engine.run(task, Cancel()):
        if isinstance(event, ImageReady):
            found = event.image
        elif isinstance(event, Notice):
            notices.append(event.message)
    if found is None or found.image is None:
        raise WebUIError("The picture could not be looked at.", "The log may say why.")
    return Looked(found.image, found.facts, tuple(notices))
