"""What doors ask about ControlNet besides drawing: lists, and the map of one picture."""

from collections.abc import Sequence

from modules.engine.engine import Engine
from modules.errors import InvalidRequest, WebUIError
from modules.paths import Paths
from modules.pipeline.preprocessors.annotator_files import annotator_file, missing_file
from modules.pipeline.preprocessors.catalogue import Preprocessor, find_preprocessor
from modules.schema.cancel import Cancel
from modules.schema.control import UNSET
from modules.schema.control_task import Detect
from modules.schema.event import ImageReady
from modules.schema.inputs import ImageData
from modules.service.control_pictures import ControlPictures

MOST_PIXELS = 2**26


class ControlDesk:
    """Lists models and makes maps. What needs no network is made here, while the engine draws.

    OpenCV is loaded with the first map: a server that is asked for none does without.
    """

    def __init__(self, engine: Engine, paths: Paths) -> None:
        self._engine = engine
        self._paths = paths
        self.pictures = ControlPictures(paths.cache / "control")

    def models(self, refresh: bool = False) -> tuple[str, ...]:
        """The networks of control, as menus name them."""
        return self._engine.catalogue(refresh).control_models

    def missing(self, row: Preprocessor) -> str:
        """The file that a preprocessor lacks here; empty if nothing is missing."""
        lacks = row.file and annotator_file(row.file, self._paths.annotators) is None
        return row.file if lacks else ""

    def detect(
        self,
        image: ImageData,
        module: str,
        *,
        resolution: int = UNSET,
        threshold_a: float = UNSET,
        threshold_b: float = UNSET,
        mask: ImageData | None = None,
        fit: tuple[int, int, str] | None = None,
    ) -> ImageData:
        """The map (RGB) of a picture; black where `mask` is set, for those that inpaint.

        `fit` (width, height and resize mode of the drawing) chooses the resolution.

        Raises NotFound for an unknown preprocessor, ModelError where its network is not here.
        """
        from modules.pipeline.preprocessors.fitting import pixel_perfect
        from modules.pipeline.preprocessors.run import (
            image_of,
            make_map,
            mask_pixels,
            rgb_pixels,
            shown_with_mask,
        )

        row = find_preprocessor(module)
        if fit is not None:
            resolution = pixel_perfect((image.width, image.height), fit[:2], fit[2])
        if row.file:
            if self.missing(row):
                raise missing_file(row.file)
            task = Detect(
                image=image,
                module=row.name,
                resolution=resolution,
                threshold_a=threshold_a,
                threshold_b=threshold_b,
            )
            return self._by_engine(task)
        made = make_map(
            rgb_pixels(image),
            row.name,
            resolution=resolution,
            threshold_a=threshold_a,
            threshold_b=threshold_b,
        )
        hole = mask_pixels(mask) if mask is not None and row.needs_mask else None
        return image_of(shown_with_mask(made, hole))

    def draw_pose(self, people: Sequence[Sequence[float]], width: int, height: int) -> ImageData:
        """People as coloured limbs on black; each is across, down, seen for 18 joints, in pixels.

        Raises InvalidRequest.
        """
        from modules.pipeline.preprocessors.run import image_of
        from modules.pipeline.preprocessors.skeleton import drawn_people, joints_of

        if min(width, height) < 1 or width * height > MOST_PIXELS:
            raise InvalidRequest(
                f"A canvas of {width} x {height} cannot be drawn on.", "Choose a usual size."
            )
        try:
            bodies = [joints_of(person, width, height) for person in people]
        except ValueError as error:
            raise InvalidRequest(f"A person cannot be drawn: {error}.") from error
        return image_of(drawn_people(bodies, width, height))

    def _by_engine(self, task: Detect) -> ImageData:
        for event in self._engine.run(task, Cancel()):
            if isinstance(event, ImageReady) and event.image.image is not None:
                return event.image.image
        raise WebUIError(f"{task.module} made no map.", "The log may say why.")
