"""One generation from start to end: a request in, events out."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import torch
from torch import Tensor

from modules.conditioning.conditioner import Conditioner, Conditioning
from modules.errors import Interrupted, InvalidRequest
from modules.model.loader import Model
from modules.pipeline.batch import BatchOfSeeds, batches
from modules.pipeline.decode import decode
from modules.pipeline.first_latents import latent_shape, noise_for
from modules.pipeline.points import Points
from modules.pipeline.preview import Previews
from modules.pipeline.progress import ProgressMeter, steps_done
from modules.pipeline.wishes import (
    conditioning_options,
    guidance_options,
    pass_options,
    resolved_sampler,
)
from modules.prompt.comments import strip_comments
from modules.prompt.networks import take_networks
from modules.sampling.guidance import Guidance
from modules.sampling.plan import SamplingPass
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.request import GenerationRequest
from modules.schema.result import Fact, GeneratedImage

PREVIEW_INTERVAL_S = 0.5


class Skipped(Exception):
    """The batch being drawn is to be left. Never leaves this file."""


@dataclass(frozen=True)
class Texts:
    """A job's prompts: as the recipe tells them, and as they are encoded."""

    prompt: str
    negative_prompt: str
    encoded: str
    notices: tuple[str, ...]


def generate(
    request: GenerationRequest,
    model: Model,
    conditioner: Conditioner,
    cancel: Cancel,
    *,
    points: Points | None = None,
    start_image: int = 0,
    preview_interval_s: float | None = PREVIEW_INTERVAL_S,
) -> Iterator[Event]:
    """Draw the pictures of `request` from number `start_image` on.

    Yields Progress and Preview after steps, ImageReady as soon as a picture is decoded, and Notice.
    Skipping leaves the batch being drawn; stopping raises Interrupted. Every picture depends on the
    request and the model only, not on its neighbours or on where the job was begun.
    """
    check_supported(request)
    job = _Job(request, model, conditioner, cancel, points or Points())
    previews = Previews(model, preview_interval_s)
    meter = ProgressMeter(request.batch.n_iter, start_image // request.batch.batch_size)
    for message in job.texts.notices:
        yield Notice(message=message)
    for batch in batches(request, start_image):
        cancel.take_skip()  # a press that came too late for the batch before
        try:
            yield from job.draw(batch, previews, meter)
        except Skipped:
            cancel.take_skip()


def check_supported(request: GenerationRequest) -> None:
    """Raise InvalidRequest for what cannot be drawn yet."""
    if request.img2img is not None:
        raise InvalidRequest("Drawing from a picture (img2img) is not available yet.")
    if request.hires is not None:
        raise InvalidRequest("The second pass (hires fix) is not available yet.")


def read_texts(request: GenerationRequest) -> Texts:
    """Take comments and networks out of the prompts."""
    prompt, negative = request.prompt, request.negative_prompt
    if request.text.comments:
        prompt, negative = strip_comments(prompt), strip_comments(negative)
    encoded, networks = take_networks(prompt)
    names = dict.fromkeys(f"<{network.kind}:{network.name}>" for network in networks)
    notices = tuple(f"{name} is left out: networks cannot be applied yet." for name in names)
    return Texts(prompt, negative, encoded, notices)


class _Job:
    """What all batches of a request share."""

    def __init__(
        self,
        request: GenerationRequest,
        model: Model,
        conditioner: Conditioner,
        cancel: Cancel,
        points: Points,
    ) -> None:
        self.request, self.model, self.conditioner = request, model, conditioner
        self.cancel, self.points = cancel, points
        latent_shape(request, model)
        self.texts = read_texts(request)
        self.resolved = resolved_sampler(request)
        self.plan = SamplingPass(
            self.resolved,
            request.sampling.steps,
            model.alphas_cumprod,
            pass_options(request, model, self.resolved.sampler),
        )

    def draw(
        self, batch: BatchOfSeeds, previews: Previews, meter: ProgressMeter
    ) -> Iterator[Event]:
        """One batch: noise, steps, pictures."""
        self._heed()
        conditions = self._encode(len(batch.seeds))
        guidance = self._guidance(conditions)
        noise = noise_for(self.request, self.model, batch)
        x = self.plan.start(noise.first())
        with self.model.resident("unet"):
            for step in self.plan.run(guidance, x, self.plan.noise_source(noise)):
                x = step.x
                self.points.after_step(step)
                done = steps_done(self.plan, guidance.count, step.sigma)
                yield meter.at(done, self.plan.steps, batch.number)
                preview = previews.of(step.denoised)
                if preview is not None:
                    yield preview
                self._heed()
        latent = self.points.before_decode(x)
        facts = self._facts(conditions, guidance)
        for place in batch.places:
            self._heed()
            yield self._picture(batch, place, latent[place], facts)

    def _heed(self) -> None:
        """Obey the two buttons."""
        if self.cancel.stopped:
            raise Interrupted("The job was stopped.")
        if self.cancel.skipping:
            raise Skipped

    def _encode(self, count: int) -> Conditioning:
        with self.model.resident("text_encoder"):
            return self.conditioner.conditions(
                [self.texts.encoded] * count,
                [self.texts.negative_prompt] * count,
                steps=self.plan.evaluations,
                options=conditioning_options(self.request),
            )

    def _guidance(self, conditions: Conditioning) -> Guidance:
        return Guidance(
            self.plan.prediction(self._network),
            conditions.at,
            self.plan.evaluations,
            guidance_options(self.request, self.resolved.sampler),
            before=self.points.before_network,
            after=self.points.after_guidance,
        )

    @torch.no_grad()
    def _network(self, x: Tensor, timesteps: Tensor, context: Tensor) -> Tensor:
        self._heed()  # also between the calls of one long step
        result: Tensor = self.model.unet(x, timesteps.float(), context)
        return result

    def _picture(
        self, batch: BatchOfSeeds, place: int, latent: Tensor, facts: tuple[Fact, ...]
    ) -> ImageReady:
        pixels = decode(self.model, latent)
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

    def _facts(self, conditions: Conditioning, guidance: Guidance) -> tuple[Fact, ...]:
        """What the recipe cannot know from the request."""
        facts: list[Fact] = [("Schedule type", self.resolved.schedule.name)]
        if self.model.hash:
            facts.append(("Model hash", self.model.hash))
        facts.append(("Model", PurePath(self.model.name).stem))
        hashes = [
            f"{name}: {embedding.shorthash}"
            for name in conditions.embeddings
            if (embedding := self.conditioner.embeddings.known[name]).sha256
        ]
        if hashes:
            facts.append(("TI hashes", ", ".join(hashes)))
        if any(conditions.at(k).padded for k in range(guidance.count)):
            v0 = self.request.text.pad_cond_uncond_v0
            facts.append(("Pad conds v0" if v0 else "Pad conds", True))
        return tuple(facts)
