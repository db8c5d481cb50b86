"""One pass of sampling: prompts encoded, a latent denoised step by step."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from modules.conditioning.conditioner import Conditioner, Conditioning
from modules.conditioning.textual_inversion import bundled_embeddings
from modules.errors import Interrupted, ModelError
from modules.model.loader import Model
from modules.model.networks.additions import Additions
from modules.model.networks.unet_config import UNetConfig
from modules.model.patch.patcher import Patcher
from modules.model.token_merging import merged_tokens
from modules.pipeline.batch import BatchOfSeeds
from modules.pipeline.control import JobControl
from modules.pipeline.picture_words import picture_vector
from modules.pipeline.points import Call, Points
from modules.pipeline.preview import Previews
from modules.pipeline.progress import ProgressMeter, steps_done
from modules.pipeline.ready import Ready
from modules.pipeline.refiner import Speaker, Switch, check_fits, refines
from modules.pipeline.resize import FindUpscaler, find_upscaler
from modules.pipeline.step_cache import CacheWish, StepCache, outline
from modules.pipeline.texts import Texts
from modules.pipeline.wishes import conditioning_options, pass_options, picture_facts
from modules.sampling.catalogue import Resolved
from modules.sampling.guidance import Guidance, GuidanceOptions, Told
from modules.sampling.plan import SamplingPass
from modules.sampling.step import NoiseSource
from modules.schema.cancel import Cancel
from modules.schema.event import Event, Notice
from modules.schema.request import GenerationRequest


class Skipped(Exception):
    """The batch being drawn is to be left. Never leaves the pipeline."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What all passes of a job work with."""

    request: GenerationRequest
    model: Model
    conditioner: Conditioner
    cancel: Cancel
    previews: Previews
    meter: ProgressMeter
    patcher: Patcher | None = None
    """Applies networks to the model; without one they are left out."""
    told: set[str] = field(default_factory=set)
    """Notices of this job, each of which is news once."""
    other: Callable[[str], Ready] | None = None
    """Gives another checkpoint by name, for passes in which another takes over."""
    find_upscaler: FindUpscaler = find_upscaler
    """Gives an upscaler by name."""
    picture_vector: Tensor | None = None
    """What the network is told of the picture to begin with, (width,)."""
    control: JobControl | None = None
    """The request's units of control, if it has any."""
    news: list[str] = field(default_factory=list)
    """What a person should know and has not been told."""

    def with_other(self, name: str) -> "Bench":
        """The same for another checkpoint. Raises NotFound, ModelError."""
        if self.other is None:
            raise ModelError(
                "No other model can be used here.",
                "Leave the refiner and the hires checkpoint empty.",
            )
        ready = self.other(name)
        return replace(
            self,
            model=ready.model,
            conditioner=ready.conditioner,
            patcher=ready.patcher,
            picture_vector=picture_vector(self.request, ready.model),
        )

    def tell(self, messages: Iterable[str]) -> Iterator[Event]:
        """Notices of what was not told before."""
        for message in messages:
            if message not in self.told:
                self.told.add(message)
                yield Notice(message=message)

    def heed(self) -> None:
        """Obey the two buttons."""
        if self.cancel.stopped:
            raise Interrupted("The job was stopped.")
        if self.cancel.skipping:
            raise Skipped


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What a pass made: the latent (batch, channels, h, w), and what it was told on the way."""

    latent: Tensor
    conditions: Conditioning
    evaluations: int
    networks: Mapping[str, str]
    """Hashes of the networks applied, by name."""
    refined_by: Model | None = None
    """The model that took over."""
    model: Model | None = None
    """The model that decodes the latent, if it is not the job's."""
    in_bytes: bool = False
    """Whether the network convolved in eight bits."""
    compiled: bool = False
    """Whether compiled code answered for the network."""

    @property
    def padded(self) -> bool:
        """Whether the padding of prompts had anything to do."""
        return any(self.conditions.at(k).padded for k in range(self.evaluations))


@dataclass(frozen=True, kw_only=True)
class DrawingPass:
    """One pass, the same for every batch of a job.

    `steps_before` of `steps_in_all` steps of a batch are made by earlier passes. `hires_base` is
    the first pass if this is the second: numbers in prompts count from there.
    """

    bench: Bench
    plan: SamplingPass
    texts: Texts
    guidance: GuidanceOptions
    points: Points
    steps_in_all: int
    steps_before: int = 0
    hires_base: SamplingPass | None = None
    size: tuple[int, int]
    """Width and height in pixels, before anything is cut off."""
    resolved: Resolved
    """The sampler and schedule that the plan is made of."""
    cache: StepCache | None = None
    """What this batch keeps of the network's deep part, where steps are cached."""

    def draw(
        self,
        batch: BatchOfSeeds,
        x: Tensor,
        noise: NoiseSource,
        *,
        points: Points | None = None,
        picture_conditions: Tensor | None = None,
    ) -> Generator[Event, None, Drawn]:
        """Sample from `x`, as the plan starts it. Yields events and returns a `Drawn`.

        `points` are those of this batch instead of the pass's. `picture_conditions`, (batch,
        channels, h, w), are more input channels for networks that have them.
        """
        points = self.points if points is None else points
        own = replace(self, points=points, cache=self.fresh_cache())
        return (yield from own._drawn(batch, x, noise, picture_conditions))

    def _drawn(
        self, batch: BatchOfSeeds, x: Tensor, noise: NoiseSource, picture_conditions: Tensor | None
    ) -> Generator[Event, None, Drawn]:
        bench, points, cache = self.bench, self.points, self.cache
        yield from self.apply_networks()
        conditions = self.encode(len(batch.seeds))
        speaker = Speaker(self.plan.prediction(self.network))
        with ExitStack() as stack:
            guidance = Guidance(
                speaker,
                conditions.at,
                self.plan.evaluations,
                self.guidance,
                before=points.before_network,
                after=points.after_guidance,
                heard=points.after_network,
                picture_conditions=picture_conditions,
                marks_rows=bool(points.around_network) or cache is not None,
            )
            second = _Second(self, speaker, guidance, stack, len(batch.seeds))
            counting = () if cache is None else (cache.begin,)
            guidance.before = (second.look, *counting, *guidance.before)
            stack.enter_context(bench.model.resident("unet"))
            if bench.model.forms is not None:
                bench.model.forms.begin()
            for step in self.plan.run(guidance, x, noise):
                x = step.x
                points.after_step(step)
                second.pass_.follow_course(step.index + 1)
                yield from second.news()
                yield from bench.tell(bench.news)
                done = self.steps_before + steps_done(self.plan, guidance.count, step.sigma)
                yield bench.meter.at(done, self.steps_in_all, batch.number)
                preview = bench.previews.of(step.denoised)
                if preview is not None:
                    yield preview
                bench.heed()
        return Drawn(
            latent=x,
            conditions=conditions,
            evaluations=guidance.count,
            networks=bench.patcher.hashes if bench.patcher else {},
            refined_by=second.model,
            in_bytes=second.pass_.bench.model.eight_bits is not None,
            compiled=bench.model.forms is not None and bench.model.forms.used,
        )

    def by_another(self, name: str) -> "DrawingPass":
        """The same pass with another checkpoint. Raises NotFound, ModelError."""
        bench = self.bench.with_other(name)
        check_fits(bench.model, self.bench.model)
        plan = SamplingPass(
            self.resolved,
            self.plan.asked_steps,
            bench.model.alphas_for(*self.size),
            pass_options(bench.request, bench.model, self.resolved.sampler),
            self.plan.picture,
        )
        return replace(self, bench=bench, plan=plan)

    def apply_networks(self) -> Iterator[Event]:
        """Bring the weights into the state the prompt asks for; text encoders included."""
        bench, loras = self.bench, self.texts.loras
        if bench.patcher is not None:
            steps = self.plan.steps
            first = [lora.at(0, steps) for lora in loras]
            notices = bench.patcher.ensure(first, self.texts.hypernets)
            widths = bench.model.text_widths
            bundled = bundled_embeddings(bench.patcher.bundled)
            bench.conditioner.lend([one for one in bundled if one.fits(widths)])
        else:
            notices = [f"Lora {lora.name} is left out." for lora in loras]
        reason = bench.model.use_eight_bits(bench.request.options.int8)
        if reason:
            notices.append(f"Int8 convolutions are left out: {reason}.")
        yield from bench.tell(notices)

    def follow_course(self, step: int) -> None:
        """Give networks whose weight changes the one for step number `step`, from 0."""
        loras, patcher = self.texts.loras, self.bench.patcher
        if patcher is not None and any(lora.course for lora in loras) and step < self.plan.steps:
            patcher.ensure([lora.at(step, self.plan.steps) for lora in loras], self.texts.hypernets)

    def encode(self, count: int) -> Conditioning:
        """The prompts for a batch of `count` pictures, for the whole pass."""
        bench = self.bench
        base = self.hires_base or self.plan
        conditions = bench.conditioner.conditions(
            [self.texts.encoded] * count,
            [self.texts.negative_prompt] * count,
            steps=base.prompt_evaluations,
            hires_steps=self.plan.prompt_evaluations if self.hires_base else None,
            options=conditioning_options(bench.request),
            weights_key=bench.patcher.key if bench.patcher else (),
            facts=picture_facts(bench.request, *self.size),
            ready=lambda: bench.model.resident("text_encoders"),
        )
        if bench.picture_vector is not None:
            conditions.told = bench.picture_vector
            conditions.told_uncond = torch.zeros_like(bench.picture_vector)
        conditions.fill_vectors(bench.model.unet.config.adm_in_channels)
        return conditions

    @torch.no_grad()
    def network(self, x: Tensor, timesteps: Tensor, context: Tensor | Told) -> Tensor:
        """The bare network, as `modules.sampling.prediction.Network` wants it."""
        self.bench.heed()  # also between the calls of one long step
        told = context if isinstance(context, Told) else Told(context)
        vectors = None if told.vectors is None else told.vectors.to(x.device)
        call = Call(
            model=self.bench.model,
            x=x,
            timesteps=timesteps.float(),
            text=told.text,
            vectors=vectors,
            negative=told.negative or (),
        )
        merging = merged_tokens(self.bench.model.unet, self.merging, *x.shape[-2:])
        twins = call.model.eight_bits
        in_bytes = nullcontext() if twins is None else twins.at_work()
        with self.points.calling(call) as added, merging, in_bytes:
            if told.pictures is not None:
                x = torch.cat([x, told.pictures.to(x)], dim=1)
            return self._called(x, call, told.rows, added)

    def _called(
        self,
        x: Tensor,
        call: Call,
        rows: tuple[tuple[int, int], ...] | None,
        added: Additions | None,
    ) -> Tensor:
        """One call of the network on `x` (rows, in_channels, h, w), whole or but its fine part."""
        unet, cache = call.model.unet, self.cache
        more: dict[str, Any] = {} if added is None else {"added": added}
        more["scale"] = self.bench.request.sampling.cfg_scale
        if cache is None or rows is None or not isinstance(unet.config, UNetConfig):
            compiles = added is None and cache is None

            def answer() -> Tensor:
                fast = self._compiled(x, call) if compiles else None
                if fast is not None:
                    return fast
                plain: Tensor = unet(x, call.timesteps, call.text, call.vectors, **more)
                return plain

            alone = added is None and not self.points.around_network
            return call.model.pace.run((x.shape, call.text.shape), answer) if alone else answer()
        patcher = self.bench.patcher
        circumstances = (id(unet), patcher.key if patcher else (), outline(added))
        deep = cache.deep_for(call, rows, circumstances)
        whole = deep.features is None
        result: Tensor = unet(x, call.timesteps, call.text, call.vectors, deep=deep, **more)
        if whole:
            cache.keep(deep, call, rows, circumstances)
        return result

    def _compiled(self, x: Tensor, call: Call) -> Tensor | None:
        """The answer of the network's compiled form; None if it is to be asked itself."""
        forms = call.model.forms
        if forms is None or call.model.eight_bits or self.merging or self.points.around_network:
            return None
        inputs = (x, call.timesteps, call.text, call.vectors)
        return forms.answer(*(one for one in inputs if one is not None))

    def fresh_cache(self) -> StepCache | None:
        """What a batch begins with; None where every evaluation runs whole."""
        wish = self.bench.request.options
        cache = CacheWish(
            interval=wish.step_cache, depth=wish.step_cache_depth, start=wish.step_cache_start
        )
        return StepCache(cache, self.plan.evaluations) if cache.wanted else None

    @property
    def merging(self) -> float:
        """The ratio of tokens that are merged."""
        return self.bench.request.token_merging(second_pass=self.hires_base is not None)


class _Second:
    """Watches a pass and lets the refiner take over when it is time, if one is asked for."""

    def __init__(
        self,
        first: DrawingPass,
        speaker: Speaker,
        guidance: Guidance,
        stack: ExitStack,
        count: int,
    ) -> None:
        self.pass_ = first
        """The pass as it is at present."""
        self.model: Model | None = None
        self._speaker, self._guidance, self._stack = speaker, guidance, stack
        self._count, self._news = count, list[Event]()
        request = first.bench.request
        wanted = refines(request, second_pass=first.hires_base is not None)
        self._switch = (
            Switch(
                request.refiner.switch_at,
                request.options.refiner_by_steps,
                first.plan,
                self._take_over,
            )
            if wanted
            else None
        )

    def look(self, x: Tensor, level: Tensor) -> Tensor:
        """Before each evaluation; changes nothing of the latent."""
        if self._switch is not None:
            self._switch.before(self._guidance, level)
        return x

    def news(self) -> Iterator[Event]:
        """What happened since the last call."""
        while self._news:
            yield self._news.pop(0)

    def _take_over(self) -> None:
        self._stack.close()  # the first network may leave the device
        other = self.pass_.by_another(self.pass_.bench.request.refiner.checkpoint)
        self._news += other.apply_networks()
        conditions = other.encode(self._count)
        self._guidance.conditions = conditions.at
        if not other.bench.model.picture_input:
            self._guidance.picture_conditions = None
        self._speaker.prediction = other.plan.prediction(other.network)
        self._stack.enter_context(other.bench.model.resident("unet"))
        self.pass_, self.model = other, other.bench.model
