"""Work on finished pictures that needs networks: larger ones, faces, what is to be seen."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from modules.model.hashes import FileFacts
from modules.paths import Paths
from modules.schema.event import Described, Event, FacesFound, ImageReady
from modules.schema.faces import Faces
from modules.schema.picture_tasks import Describe, FindFaces, PictureTask, RestoreFaces
from modules.schema.result import GeneratedImage
from modules.schema.tasks import Upscale

SMALLEST_TILE = 64
"""Pixels of a side; an upscaler that has no memory for that has none at all."""


class PictureDesk:
    """Keeps the networks used last, and loads them when they are first wanted."""

    def __init__(self, paths: Paths, facts: FileFacts, pick_device: Callable[[], Any]) -> None:
        """`pick_device` gives a `modules.model.device.Device`."""
        self._paths = paths
        self._facts = facts
        self._pick_device = pick_device
        self._upscaler_shelf: Any = None
        """A `modules.pipeline.upscalers.UpscalerShelf` once it is needed."""
        self._face_shelf: Any = None
        """A `modules.pipeline.faces.FaceShelf` once it is needed."""
        self._describer_shelf: Any = None
        """A `modules.pipeline.describing.DescriberShelf` once it is needed."""

    def run(self, task: PictureTask | Upscale, heed: Callable[[], None]) -> Iterator[Event]:
        """Carry out `task`; `heed` raises when it should end. Raises WebUIError."""
        from modules.pipeline.enlarging import enlarge_picture
        from modules.pipeline.pictures import as_data, as_picture

        heed()
        if isinstance(task, Upscale):
            yield from enlarge_picture(task, self.upscalers(), heed)
            return
        picture = as_picture(task.image)
        if isinstance(task, RestoreFaces):
            restore = self._faces().find(task.restorer, task.weight, task.visibility)
            yield ImageReady(image=GeneratedImage.of(as_data(restore(picture))))
        elif isinstance(task, FindFaces):
            yield FacesFound(boxes=tuple(face.box for face in self._faces().faces(picture)))
        else:
            yield Described(text=self._described(picture, task, heed))

    def _described(self, picture: Any, task: Describe, heed: Callable[[], None]) -> str:
        if self._describer_shelf is None:
            from modules.pipeline.describing import DescriberShelf

            self._describer_shelf = DescriberShelf(self._paths, self._pick_device())
        text: str = self._describer_shelf.describe(picture, task, heed)
        if not task.keep:
            self._describer_shelf.clear()
        return text

    def restoring(self, wish: Faces) -> Callable[[Any], Any] | None:
        """What restores the faces of a drawn picture (`modules.pipeline.faces.RestoreFaces`).

        None if that is not wished. Networks are read when the first picture is there.
        """
        if not wish.restorer:
            return None

        def restored(picture: Any) -> Any:
            shelf = self._faces()
            result = shelf.find(wish.restorer, wish.weight)(picture)
            if wish.unload:
                shelf.clear()
            return result

        return restored

    def upscalers(self) -> Any:
        """The `modules.pipeline.upscalers.UpscalerShelf`."""
        if self._upscaler_shelf is None:
            from modules.pipeline.upscalers import UpscalerShelf

            self._upscaler_shelf = UpscalerShelf(self._paths.all_models, self._pick_device())
        return self._upscaler_shelf

    def _faces(self) -> Any:
        if self._face_shelf is None:
            from modules.pipeline.faces import FaceShelf

            folders = self._paths.all_models
            self._face_shelf = FaceShelf(
                folders, self._pick_device(), self._facts, self._paths.faces
            )
        return self._face_shelf

    def clear(self) -> None:
        """Give the memory back."""
        for shelf in (self._upscaler_shelf, self._face_shelf, self._describer_shelf):
            if shelf is not None:
                shelf.clear()


def sparing(task: PictureTask | Upscale) -> tuple[PictureTask | Upscale, tuple[str, ...]]:
    """The same task with less memory, and what people should know of that."""
    if not isinstance(task, Upscale):
        return task, ()
    smaller = max(SMALLEST_TILE, (task.tile or 4 * SMALLEST_TILE) // 2)
    told = f"Memory ran out: enlarged in pieces of {smaller} pixels."
    return replace(task, tile=smaller), (told,)
