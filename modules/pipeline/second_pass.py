"""The hires pass: what the first pass drew, larger, and drawn over."""

from collections.abc import Generator
from dataclasses import replace

from torch import Tensor

from modules.errors import InvalidRequest
from modules.pipeline.batch import BatchOfSeeds
from modules.pipeline.control import at_work_in, joined
from modules.pipeline.drawing_pass import Bench, DrawingPass, Drawn
from modules.pipeline.first_latents import noise_for
from modules.pipeline.hires import Enlarging
from modules.pipeline.picture_conditions import enlarged_conditions
from modules.pipeline.points import Points
from modules.pipeline.texts import read_hires_texts
from modules.pipeline.tiling import tiled
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
        self.bench, self.hires = bench, hires
        self.enlarging = Enlarging(request, model, bench.find_upscaler)
        self.resolved = resolved_hires_sampler(request)
        self.plan = SamplingPass(
            self.resolved,
            hires.steps or request.sampling.steps,
            model.alphas_for(self.enlarging.size.width, self.enlarging.size.height),
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
        self.control = at_work_in(
            bench.control,
            model,
            self.plan,
            self.drawing.size,
            second_pass=True,
            tell=bench.news.append,
        )

    def draw(self, batch: BatchOfSeeds, latents: Tensor | None) -> Generator[Event, None, Drawn]:
        """Go on from the first pass's latents, or None if a finished picture takes their place."""
        self.bench.heed()
        seed = batch.seeds[-1]
        pictures = None if latents is None else self.enlarging.pictures(latents)
        drawing = self.drawing
        if self.hires.checkpoint:
            drawing = drawing.by_another(self.hires.checkpoint)
        request, model, plan = self.bench.request, drawing.bench.model, drawing.plan
        if self.hires.image is not None:
            count = len(batch.seeds)
            start, pixels = self.enlarging.enlarged_picture(self.hires.image, count, seed, model)
        else:
            assert latents is not None, "without a picture there is a first pass"
            start, pixels = self.enlarging.enlarged(latents, pictures, seed, model)
        noise = noise_for(request, model, batch, self.enlarging.shape)
        x = plan.start_from(start, noise.first())
        with tiled(model, request.tiling and model is not self.bench.model):
            drawn = yield from drawing.draw(
                batch,
                x,
                plan.noise_source(noise),
                points=joined(drawing.points, self.control),
                picture_conditions=enlarged_conditions(
                    model, start, pixels, request.pictures.mask_weight, seed
                ),
            )
        return replace(drawn, model=model)
