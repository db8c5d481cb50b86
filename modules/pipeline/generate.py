"""One generation from start to end: a request in, events out."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from pathlib import PurePath

from torch import Tensor

from modules.conditioning.conditioner import Conditioner
from modules.model.loader import Model
from modules.model.patch.patcher import Patcher
from modules.pipeline.attachments.inpaint import keep_unmasked
from modules.pipeline.batch import BatchOfSeeds, batches
from modules.pipeline.control import JobControl, at_work_in, joined
from modules.pipeline.decode import decode
from modules.pipeline.drawing_pass import Bench, DrawingPass, Drawn, Skipped
from modules.pipeline.faces import RestoreFaces
from modules.pipeline.finish import enlarged, finished
from modules.pipeline.first_latents import latent_shape, noise_for
from modules.pipeline.inversion import noise_behind
from modules.pipeline.picture_conditions import plain_conditions, wants_mask
from modules.pipeline.picture_start import PictureStart, picture_start
from modules.pipeline.picture_words import picture_vector
from modules.pipeline.pictures import as_data, as_picture
from modules.pipeline.placing import Placed
from modules.pipeline.points import Points
from modules.pipeline.preview import Previews
from modules.pipeline.progress import ProgressMeter
from modules.pipeline.ready import Ready
from modules.pipeline.resize import FindUpscaler, find_upscaler
from modules.pipeline.second_pass import SecondPass
from modules.pipeline.soft_inpaint import mix_softly, soft_overlay
from modules.pipeline.texts import plain_name, read_hires_texts, read_texts
from modules.pipeline.tiling import tiled
from modules.pipeline.watermark import with_watermark
from modules.pipeline.wishes import (
    from_picture,
    guidance_options,
    pass_options,
    resolved_sampler,
)
from modules.prompt.networks import LoraWish
from modules.sampling.plan import SamplingPass
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.inputs import ImageData, SoftInpaint
from modules.schema.request import GenerationRequest
from modules.schema.result import FIRST_PASS, Fact, GeneratedImage

PREVIEW_INTERVAL_S = 0.5


def generate(
    request: GenerationRequest,
    model: Model,
    conditioner: Conditioner,
    cancel: Cancel,
    *,
    points: Points | None = None,
    patcher: Patcher | None = None,
    other: Callable[[str], Ready] | None = None,
    find_upscaler: FindUpscaler = find_upscaler,
    restore_faces: RestoreFaces | None = None,
    control: JobControl | None = None,
    start_image: int = 0,
    preview_interval_s: float | None = PREVIEW_INTERVAL_S,
) -> Iterator[Event]:
    """Draw the pictures of `request` from number `start_image` on.

    Yields Progress and Preview after steps, ImageReady as soon as a picture is decoded, and Notice.
    Skipping leaves the batch being drawn; stopping raises Interrupted. Every picture depends on the
    request and the models only, not on its neighbours or on where the job was begun. `other` gives
    another checkpoint by name, for requests in which one takes over. `restore_faces` is what the
    request's `faces` name, if they name anything; `control` are its units of control at work.
    """
    bench = Bench(
        request=request,
        model=model,
        conditioner=conditioner,
        picture_vector=picture_vector(request, model),
        cancel=cancel,
        previews=Previews(model, preview_interval_s),
        meter=ProgressMeter(request.batch.n_iter, start_image // request.batch.batch_size),
        patcher=patcher,
        other=other,
        find_upscaler=find_upscaler,
        control=control,
    )
    with tiled(model, request.tiling):
        job = _Job(bench, points or Points(), restore_faces)
        for message in job.texts.notices:
            yield Notice(message=message)
        for batch in batches(request, start_image):
            cancel.take_skip()  # a press that came too late for the batch before
            for message in job.take_words(batch):
                yield Notice(message=message)
            try:
                yield from job.draw(batch)
            except Skipped:
                cancel.take_skip()


class _Job:
    """What all batches of a request share."""

    def __init__(
        self, bench: Bench, points: Points, restore_faces: RestoreFaces | None = None
    ) -> None:
        self.bench, self.points = bench, points
        self.restore_faces = restore_faces
        self.request, self.model = bench.request, bench.model
        request, model = self.request, self.model
        self.shape = latent_shape(request, model)
        self.texts = read_texts(request)
        self.resolved = resolved_sampler(request)
        self.plan = SamplingPass(
            self.resolved,
            request.sampling.steps,
            model.alphas_for(request.size.width, request.size.height),
            pass_options(request, model, self.resolved.sampler),
            from_picture(request),
        )
        self.second = SecondPass(bench, self.plan, points) if request.hires is not None else None
        self.first = DrawingPass(
            bench=bench,
            plan=self.plan,
            texts=self.texts,
            guidance=guidance_options(request, model, self.resolved.sampler),
            points=points,
            size=(request.size.width, request.size.height),
            resolved=self.resolved,
            steps_in_all=self.plan.steps + (self.second.plan.steps if self.second else 0),
        )
        self._check_networks()
        self.control = at_work_in(
            bench.control,
            model,
            self.plan,
            self.first.size,
            second_pass=False,
            tell=bench.news.append,
        )
        self.pictures = self._pictures()

    def _check_networks(self) -> None:
        """Raise ModelError for a network that cannot be applied, before anything is drawn."""
        if self.bench.patcher is None:
            return
        readers = (read_texts, *([read_hires_texts] if self.second else ()))
        checked = set[tuple[LoraWish, ...]]()
        for index in range(max(1, len(self.request.wordings))):
            for read in readers:
                loras = read(self.request, index).loras
                if loras not in checked:
                    checked.add(loras)
                    self.bench.patcher.check(loras)

    def take_words(self, batch: BatchOfSeeds) -> tuple[str, ...]:
        """Take the texts of a batch that has its own; returns what people should know of them."""
        if not self.request.wordings:
            return ()
        told = self.texts.notices
        self.texts = read_texts(self.request, batch.first)
        self.first = replace(self.first, texts=self.texts)
        if self.second is not None:
            words = read_hires_texts(self.request, batch.first)
            self.second.drawing = replace(self.second.drawing, texts=words)
        return tuple(one for one in self.texts.notices if one not in told)

    def _pictures(self) -> PictureStart | None:
        """The pictures to start from, encoded once for all batches."""
        if self.request.img2img is None:
            return None
        self.bench.heed()
        seeds = next(batches(self.request)).seeds
        return picture_start(self.request, self.model, seeds, self.bench.find_upscaler)

    def draw(self, batch: BatchOfSeeds) -> Iterator[Event]:
        """One batch: noise, steps, pictures."""
        self.bench.heed()
        points = self._points()
        passes: list[Drawn] = []
        if self.request.hires is None or self.request.hires.image is None:
            passes.append((yield from self._first_pass(batch, points)))
        if self.second is not None:
            if passes and self.request.pictures.keep_first_pass:
                yield from self._before_second(batch, passes)
            latent = passes[0].latent if passes else None
            passes.append((yield from self.second.draw(batch, latent)))
        last = self.control if self.second is None else self.second.control
        latent = joined(points, last).before_decode(passes[-1].latent)
        facts = self._facts(passes)
        for place in batch.places:
            self.bench.heed()
            pixels = self._pixels(latent[place], place, passes[-1].model or self.model)
            yield self._picture(batch, place, pixels, facts)

    def _before_second(self, batch: BatchOfSeeds, passes: list[Drawn]) -> Iterator[Event]:
        """The pictures of a batch as the first pass left them."""
        facts = self._facts(passes)
        for place in batch.places:
            self.bench.heed()
            pixels = self._pixels(passes[0].latent[place], place, self.model)
            ready = self._picture(batch, place, pixels, facts)
            yield replace(ready, image=replace(ready.image, kind=FIRST_PASS))

    @property
    def soft(self) -> SoftInpaint | None:
        """The wishes for soft inpainting, if it is on."""
        inpaint = self.request.img2img.inpaint if self.request.img2img is not None else None
        return inpaint.soft if inpaint is not None and inpaint.is_soft else None

    def _origin(self, place: int, latent: Tensor) -> Placed | None:
        """The picture that one of the batch was made from; softly masked by what has changed."""
        if self.pictures is None:
            return None
        origin, repaint = self.pictures.placed[place], self.pictures.repaint
        if self.soft is None or repaint is None:
            return origin
        overlay = soft_overlay(
            origin, self.pictures.latents[place], latent, repaint[place], self.soft
        )
        return replace(origin, overlay=overlay)

    def _points(self) -> Points:
        """What joins the loop: first the masks of the pictures, then what extensions attach."""
        pictures = self.pictures
        if pictures is None or pictures.repaint is None:
            return self.points
        sampler = self.resolved.sampler
        if self.soft is not None:
            masks = mix_softly(pictures.latents, pictures.repaint, sampler, self.soft)
        else:
            masks = keep_unmasked(pictures.latents, pictures.repaint, sampler)
        return replace(self.points, attachments=(masks, *self.points.attachments))

    def _first_pass(self, batch: BatchOfSeeds, points: Points) -> Generator[Event, None, Drawn]:
        noise = noise_for(self.request, self.model, batch)
        first = noise.first()
        pictures = self.pictures
        if pictures is None:
            x = self.plan.start(first)
        else:
            first = self._behind(first, pictures.latents, batch)
            x = self.plan.start_from(
                pictures.latents, first * self.request.pictures.noise_multiplier
            )
        return (
            yield from self.first.draw(
                batch,
                x,
                self.plan.noise_source(noise),
                points=joined(points, self.control),
                picture_conditions=self._picture_conditions(batch),
            )
        )

    def _behind(self, noise: Tensor, latents: Tensor, batch: BatchOfSeeds) -> Tensor:
        """The noise behind the pictures, if that is asked for."""
        wish = self.request.img2img.inversion if self.request.img2img is not None else None
        if wish is None:
            return noise
        conditions = self._picture_conditions(batch)
        return noise_behind(self.first, latents.expand_as(noise), noise, wish, conditions)

    def _picture_conditions(self, batch: BatchOfSeeds) -> Tensor | None:
        """More input channels, for networks that have them."""
        if self.pictures is not None:
            return self.pictures.conditions
        return plain_conditions(self.model, len(batch.seeds), self.shape, batch.seeds[-1])

    def _pixels(self, latent: Tensor, place: int, model: Model) -> ImageData:
        """A finished picture of its latent."""
        origin = self._origin(place, latent)
        wish = self.request.img2img
        reference = wish.colour_reference if wish is not None else None
        pixels = decode(model, latent)
        if self.restore_faces is not None:
            pixels = as_data(self.restore_faces(as_picture(pixels)))
        made = finished(pixels, origin, self.request.pictures, reference)
        return enlarged(made, self.request.afterwards, self.bench.find_upscaler)

    def _picture(
        self, batch: BatchOfSeeds, place: int, pixels: ImageData, facts: tuple[Fact, ...]
    ) -> ImageReady:
        if self.request.watermark is not None:
            pixels, told = with_watermark(pixels, self.request.watermark)
            facts += told
        return ImageReady(
            image=GeneratedImage(
                index=batch.first + place,
                seed=batch.seeds[place],
                subseed=batch.subseeds[place],
                prompt=self.texts.prompt,
                negative_prompt=self.texts.negative_prompt,
                width=pixels.width,
                height=pixels.height,
                image=pixels,
                facts=facts,
            )
        )

    def _facts(self, passes: list[Drawn]) -> tuple[Fact, ...]:
        """What the recipe cannot know from the request."""
        facts: list[Fact] = [("Schedule type", self.resolved.schedule.name)]
        if self.model.hash:
            facts.append(("Model hash", self.model.hash))
        facts.append(("Model", PurePath(self.model.name).stem))
        facts += self.model.vae_facts
        # In the manner of 1.8 those of the second pass alone are not told.
        telling = passes if self.request.sampling.schedule else passes[:1]
        networks = {name: digest for drawn in telling for name, digest in drawn.networks.items()}
        if networks:
            named = (f"{plain_name(name)}: {digest}" for name, digest in networks.items())
            facts.append(("Lora hashes", ", ".join(named)))
        hashes = [one for drawn in passes for one in self._embedding_hashes(drawn)]
        if hashes:
            facts.append(("TI hashes", ", ".join(hashes)))
        emphasis = self.request.text.emphasis
        if emphasis != "Original" and any(drawn.conditions.has_brackets for drawn in passes):
            facts.append(("Emphasis", emphasis))
        facts += self._facts_of_refining(passes)
        last = passes[-1].model
        if last is not None and last is not self.model:
            facts.append(("Hires checkpoint", plain_title(last)))
        if any(drawn.padded for drawn in passes):
            v0 = self.request.text.pad_cond_uncond_v0
            facts.append(("Pad conds v0" if v0 else "Pad conds", True))
        if any(drawn.in_bytes for drawn in passes):
            facts.append(("Int8 convolutions", True))
        if any(drawn.compiled for drawn in passes):
            facts.append(("Compiled", True))
        return (*facts, *self._facts_of_pictures())

    def _embedding_hashes(self, drawn: Drawn) -> Iterator[str]:
        """`name: hash` once for every text it is in, as A1111 collects them."""
        known = self.bench.conditioner.embeddings.known
        for schedule in drawn.conditions.texts:
            for name in schedule.embeddings:
                if known[name].sha256:
                    yield f"{name}: {known[name].shorthash}"

    def _facts_of_refining(self, passes: list[Drawn]) -> Iterator[Fact]:
        """Which model took over; nothing if none did."""
        model = next((drawn.refined_by for drawn in passes if drawn.refined_by), None)
        if model is None:
            return
        yield "Refiner", plain_title(model)
        yield "Refiner switch at", self.request.refiner.switch_at
        if self.request.options.refiner_by_steps:
            yield "Refiner switch by sampling steps", True
        if self.second is not None and self.request.options.refiner_pass != "second pass":
            yield "Hires refiner", self.request.options.refiner_pass

    def _facts_of_pictures(self) -> Iterator[Fact]:
        options = self.request.pictures
        if wants_mask(self.model):
            yield "Conditional mask weight", options.mask_weight
        if self.first.guidance.picture_scale != 1 and self.request.img2img is not None:
            yield "Image CFG scale", self.request.img2img.image_cfg_scale
        if self.plan.picture is not None and options.noise_multiplier != 1:
            yield "Noise multiplier", options.noise_multiplier
        if (self.plan.picture or self.second) and options.extra_noise > 0:
            yield "Extra noise", options.extra_noise


def plain_title(model: Model) -> str:
    """A model as recipes name others than the first: `name [hash]`."""
    name = PurePath(model.name).stem
    return f"{name} [{model.hash}]" if model.hash else name
