"""The hires pass: what the first pass drew, larger, and drawn over."""

from collections.abc import Generator
from pathlib import PurePath

from torch import Tensor

from modules.errors import InvalidRequest
from modules.model.loader import Model
from modules.pipeline.batch import BatchOfSeeds
from modules.pipeline.drawing_pass import Bench, DrawingPass, Drawn
from modules.pipeline.first_latents import noise_for
from modules.pipeline.hires import Enlarging
from modules.pipeline.picture_conditions import enlarged_conditions
from modules.pipeline.points import Points
from modules.pipeline.texts import read_hires_texts
from modules.pipeline.wishes import (
    from_first_pass,
    guidance_options,
    pass_options,
    resolved_hires_sampler,
)
from modules.sampling.plan import SamplingPass
from modules.schema.event import Event


class SecondPass:
    """The same for every batch of a job."""

    def __init__(self, bench: Bench, first: SamplingPass, points: Points) -> None:
        """`first` is the plan of the pass before. Raises InvalidRequest, NotFound."""
        request, model = bench.request, bench.model
        hires = request.hires
        assert hires is not None
        if request.img2img is not None:
            raise InvalidRequest(
                "A hires pass belongs to pictures from text, not to img2img.",
                "Turn one of the two off.",
            )
        check_same_model(hires.checkpoint, model)
        self.bench, self.hires = bench, hires
        self.enlarging = Enlarging(request, model)
        self.resolved = resolved_hires_sampler(request)
        self.plan = SamplingPass(
            self.resolved,
            hires.steps or request.sampling.steps,
            model.alphas_cumprod,
            pass_options(request, model, self.resolved.sampler),
            from_first_pass(request),
        )
        before = 0 if hires.image is not None else first.steps
        self.drawing = DrawingPass(
            bench=bench,
            plan=self.plan,
            texts=read_hires_texts(request),
            guidance=guidance_options(request, model, self.resolved.sampler, hires.cfg_scale),
            size=(self.enlarging.size.width, self.enlarging.size.height),
            points=points,
            steps_in_all=before + self.plan.steps,
            steps_before=before,
            hires_base=first,
            resolved=self.resolved,
        )

    def draw(self, batch: BatchOfSeeds, latents: Tensor | None) -> Generator[Event, None, Drawn]:
        """Go on from the first pass's latents, or None if a finished picture takes their place."""
        self.bench.heed()
        seed = batch.seeds[-1]
        if self.hires.image is not None:
            count = len(batch.seeds)
            start, pixels = self.enlarging.enlarged_picture(self.hires.image, count, seed)
        else:
            assert latents is not None, "without a picture there is a first pass"
            start, pixels = self.enlarging.enlarged(latents, seed)
        request, model = self.bench.request, self.bench.model
        noise = noise_for(request, model, batch, self.enlarging.shape)
        x = self.plan.start_from(start, noise.first())
        return (
            yield from self.drawing.draw(
                batch,
                x,
                self.plan.noise_source(noise),
                picture_conditions=enlarged_conditions(
                    model, start, pixels, request.pictures.mask_weight, seed
                ),
            )
        )


def check_same_model(name: str, model: Model) -> None:
    """Raise InvalidRequest if the second pass asks for another checkpoint than the first."""
    plain = name.rpartition(" [")[0] or name
    if name and PurePath(plain).stem != PurePath(model.name).stem and name != model.hash:
        raise InvalidRequest(
            f"The second pass cannot use another checkpoint ({name:.80}) yet.",
            "Leave the hires checkpoint empty.",
        )
