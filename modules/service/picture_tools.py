"""What the engine does with single pictures besides enlarging them, for whoever needs an answer."""

from collections.abc import Iterator, Sequence

from modules.engine.engine import Engine
from modules.errors import NotFound, WebUIError
from modules.schema.cancel import Cancel
from modules.schema.event import Described, Event, FacesFound, ImageReady
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import DESCRIBERS, Describe, FindFaces, PictureTask, RestoreFaces
from modules.settings.sections.describing import Describing

Box = tuple[float, float, float, float]


class PictureTools:
    """Asks an engine, and waits until it is free."""

    def __init__(self, engine: Engine, cancel: Cancel | None = None) -> None:
        self._engine = engine
        self._cancel = cancel or Cancel()

    def mend(self, image: ImageData, restorer: str, weight: float, visibility: float) -> ImageData:
        """`image` with its faces restored. Raises WebUIError."""
        if visibility <= 0:
            return image
        task = RestoreFaces(image=image, restorer=restorer, weight=weight, visibility=visibility)
        for event in self._events(task):
            if isinstance(event, ImageReady) and event.image.image is not None:
                return event.image.image
        raise WebUIError(f"{restorer} made no picture.", "The log may say why.")

    def faces(self, image: ImageData) -> Sequence[Box]:
        """Where faces are, likeliest first; nothing where nothing here finds them.

        Raises WebUIError.
        """
        if not self._engine.catalogue().face_detector:
            return ()
        for event in self._events(FindFaces(image=image)):
            if isinstance(event, FacesFound):
                return event.boxes
        raise WebUIError("Faces could not be looked for.", "The log may say why.")

    def describe(self, image: ImageData, by: str, wish: Describing) -> str:
        """What a picture shows. Raises NotFound for an unknown describer, WebUIError."""
        if by not in DESCRIBERS:
            raise NotFound("interrogator", by, DESCRIBERS)
        task = Describe(
            image=image,
            by=by,
            sentence=wish.sentence,
            tags=wish.tags,
            scores=wish.scores,
            keep=wish.keep,
        )
        for event in self._events(task):
            if isinstance(event, Described):
                return event.text
        raise WebUIError("The picture could not be described.", "The log may say why.")

    def _events(self, task: PictureTask) -> Iterator[Event]:
        return self._engine.run(task, self._cancel)
