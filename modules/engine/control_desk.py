"""Maps for units of control, made by networks where that takes one."""

from collections.abc import Callable, Iterator
from typing import Any

from modules.model.control_files import control_folders
from modules.paths import Paths
from modules.schema.control import active_units
from modules.schema.control_task import Detect
from modules.schema.event import Event, ImageReady
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage


class ControlDesk:
    """Finds the networks of preprocessors; the one used last is kept."""

    def __init__(self, paths: Paths, pick_device: Callable[[], Any]) -> None:
        """`pick_device` gives a `modules.model.device.Device`."""
        self._paths = paths
        self._pick_device = pick_device
        self._shelf: Any = None
        """A `modules.pipeline.preprocessors.annotators.AnnotatorShelf` once it is needed."""
        self._networks: Any = None
        """A `modules.pipeline.control_shelf.ControlShelf` once it is needed."""

    def units(self, request: GenerationRequest) -> Any:
        """A `modules.pipeline.control.JobControl` for the request's units; None without any."""
        if not active_units(request.control):
            return None
        from modules.pipeline.control import JobControl
        from modules.pipeline.control_shelf import ControlShelf
        from modules.pipeline.preprocessors.prepare import ControlMaps

        if self._networks is None:
            folders = control_folders(self._paths.control, self._paths.models)
            self._networks = ControlShelf(folders, self._paths.clip_vision)
        return JobControl(ControlMaps(request, self.find), self._networks)

    def find(self, file: str) -> Any:
        """The network in the file of that name. Raises ModelError if it is not here."""
        if self._shelf is None:
            from modules.pipeline.preprocessors.annotators import AnnotatorShelf

            self._shelf = AnnotatorShelf(self._paths.annotators, self._pick_device().device)
        return self._shelf.find(file)

    def detect(self, task: Detect) -> Iterator[Event]:
        """Make one map. Raises WebUIError."""
        from modules.pipeline.preprocessors.run import image_of, make_map, rgb_pixels

        made = make_map(
            rgb_pixels(task.image),
            task.module,
            resolution=task.resolution,
            threshold_a=task.threshold_a,
            threshold_b=task.threshold_b,
            find_network=self.find,
        )
        yield ImageReady(image=GeneratedImage.of(image_of(made)))

    def clear(self) -> None:
        """Give the memory back."""
        for shelf in (self._shelf, self._networks):
            if shelf is not None:
                shelf.clear()
