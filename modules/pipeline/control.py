"""The units of control of a job: their maps and networks, for each of its passes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from modules.model.loader import Model
from modules.pipeline.attachments.control import ControlAttachment, FindControl
from modules.pipeline.points import Points
from modules.pipeline.preprocessors.prepare import ControlMaps
from modules.sampling.plan import SamplingPass
from modules.schema.event import ImageReady
from modules.schema.result import GeneratedImage


@dataclass(frozen=True)
class JobControl:
    """What the units of a job need: their maps, and who finds their networks."""

    maps: ControlMaps
    finder: FindControl

    def shown(self) -> Iterator[ImageReady]:
        """The maps that people want to see beside the pictures, numbered behind these."""
        request = self.maps.request
        for place, image in enumerate(self.maps.detected()):
            made = GeneratedImage.of(image)
            index = request.batch.total + place
            yield ImageReady(image=replace(made, index=index, seed=request.seeds.seed, kind="map"))


def at_work_in(
    control: JobControl | None,
    model: Model,
    plan: SamplingPass,
    size: tuple[int, int],
    *,
    second_pass: bool,
    tell: Callable[[str], None],
) -> ControlAttachment | None:
    """The units of one pass of that many pixels at work; None if there are none.

    Raises InvalidRequest, NotFound or ModelError for what cannot be used.
    """
    units = control.maps.units(*size, second_pass=second_pass) if control is not None else ()
    if control is None or not units:
        return None
    return ControlAttachment(
        units,
        model,
        control.finder,
        plan.steps,
        plan.sampler,
        second_pass=second_pass,
        tell=tell,
    )


def joined(points: Points, control: ControlAttachment | None) -> Points:
    """`points` with the units of a pass that begins now."""
    if control is None:
        return points
    return replace(points, attachments=(*points.attachments, *control.begin()))
