"""One job as A1111's scripts see it: their hooks in their order around our drawing."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from modules.compat.cfg import cfg_attachment
from modules.compat.pictures import from_pillow, from_plain, to_pillow
from modules.compat.processing import (
    Processed,
    StableDiffusionProcessing,
    to_processing,
    to_request,
)
from modules.compat.runner import ScriptRunner
from modules.compat.script import PostprocessImageArgs, PostSampleArgs
from modules.compat.tensors import after_batch
from modules.errors import Interrupted, InvalidRequest
from modules.extension.hooks import Attachment, Draw
from modules.param import get_at, replace_at
from modules.schema.event import Event, ImageReady, Notice, Progress
from modules.schema.infotext import recipe_fields
from modules.schema.request import GenerationRequest
from modules.schema.result import Fact, GeneratedImage

log = logging.getLogger(__name__)

KEY = "a1111"
"""Where values of A1111's scripts travel in `request.extras`."""
OWN_FACTS = frozenset({"Seed", "Variation seed"})


class Drawing:
    """Draws one request with the scripts of one tab around it."""

    def __init__(
        self,
        request: GenerationRequest,
        draw: Draw,
        start_image: int,
        *,
        runner: ScriptRunner,
        world: Any,
    ) -> None:
        """`world` is a `modules.compat.world.World`."""
        self.request, self.draw, self.start = request, draw, start_image
        self.runner, self.world = runner, world
        self.kept: list[Any] = []
        """Pictures for the hook at the end, if a script has one."""
        extras = request.extras.get(KEY, {})
        self.values = {
            name: [from_plain(one) for one in values]
            for name, values in dict(extras.get("scripts", {})).items()
        }
        self.chosen = extras.get("script")

    def run(self) -> Iterator[Event]:
        """Yield the job's events."""
        p = to_processing(self.request)
        p.scripts = self.runner
        values = dict(self.values)
        script = None
        if self.chosen:
            script = self.runner.named(str(self.chosen["title"]))
            values[str(script.name)] = [from_plain(one) for one in self.chosen["args"]]
        p.script_args = tuple(self.runner.place_args(values))
        self.runner.call("setup", p)
        if script is not None:
            processed = script.run(p, *self.runner.args_of(p, script))
            if processed is not None:
                yield from self._whole(p, processed)
                return
        yield from self.process(p)

    def _whole(self, p: StableDiffusionProcessing, processed: Any) -> Iterator[Event]:
        """The pictures that a chosen script came back with."""
        for index, picture in enumerate(processed.images):
            if index >= self.start:
                drawn = self._as_drawn(p, processed, picture, index)
                yield ImageReady(image=drawn)

    def process(self, p: StableDiffusionProcessing) -> Iterator[Event]:
        """What A1111 does for a job: hooks, batches, hooks."""
        runner = self.runner
        runner.call("before_process", p)
        request = to_request(p, self.request)
        told = self._lists_of(p, request)
        runner.call("process", p)
        if told != [p.all_prompts, p.all_seeds]:
            log.debug("A script changed prompts or seeds")
        size = request.batch.batch_size
        for number in range(self.start // size, request.batch.n_iter):
            yield from self._batch(p, request, number)
            if self.world.state.interrupted:
                raise Interrupted("An extension stopped the job.")
            if self.world.state.skipped:
                self.world.state.skipped = False
        for text in p.comments:
            yield Notice(message=str(text))
        yield from self._ending(p, request)

    def _lists_of(self, p: StableDiffusionProcessing, request: GenerationRequest) -> list[Any]:
        """Make the lists anew where the job itself was changed; returns what is in them."""
        fresh = to_processing(replace(request, wordings=self._wordings(request)))
        if request.batch.total != len(p.all_prompts) or request.prompt != self.request.prompt:
            for name in ("all_prompts", "all_hr_prompts"):
                setattr(p, name, getattr(fresh, name))
        if request.negative_prompt != self.request.negative_prompt:
            p.all_negative_prompts = fresh.all_negative_prompts
        if len(p.all_negative_prompts) != request.batch.total:
            p.all_negative_prompts = fresh.all_negative_prompts
        if request.seeds != self.request.seeds or len(p.all_seeds) != request.batch.total:
            p.all_seeds, p.all_subseeds = fresh.all_seeds, fresh.all_subseeds
        return [list(p.all_prompts), list(p.all_seeds)]

    def _wordings(self, request: GenerationRequest) -> tuple[Any, ...]:
        same = request.prompt == self.request.prompt
        return self.request.wordings if same else ()

    def _batch(
        self, p: StableDiffusionProcessing, request: GenerationRequest, number: int
    ) -> Iterator[Event]:
        size = request.batch.batch_size
        part = slice(number * size, (number + 1) * size)
        p.iteration, p.batch_index = number, 0
        p.prompts = list(p.all_prompts[part])
        p.negative_prompts = list(p.all_negative_prompts[part])
        p.seeds, p.subseeds = list(p.all_seeds[part]), list(p.all_subseeds[part])
        given = {
            "batch_number": number,
            "prompts": p.prompts,
            "seeds": p.seeds,
            "subseeds": p.subseeds,
        }
        self.runner.call("before_process_batch", p, **given)
        self.runner.call("process_batch", p, **given)
        self.world.state.begin_batch(number, request.batch.n_iter, request.sampling.steps)
        drawn: list[GeneratedImage] = []
        for event in self._draw_batch(p, request, number):
            if isinstance(event, ImageReady):
                drawn.append(event.image)
            else:
                yield event
        drawn = after_batch(self.runner, p, drawn, number)
        changed = self._facts(request)
        for image in drawn:
            yield ImageReady(image=self._finished(p, image, changed, number * size))

    def _draw_batch(
        self, p: StableDiffusionProcessing, request: GenerationRequest, number: int
    ) -> Iterator[Event]:
        """Draw one batch at once, or one by one where texts or seeds differ as batches cannot."""
        size, first = request.batch.batch_size, number * request.batch.batch_size
        missing = max(0, self.start - first)
        varied = request.seeds.subseed_strength > 0
        alike = len(set(zip(p.prompts, p.negative_prompts, strict=False))) == 1
        in_row = all(
            seed == p.seeds[0] + (0 if varied else place) for place, seed in enumerate(p.seeds)
        )
        groups = [(0, size)] if alike and in_row else [(place, 1) for place in range(size)]
        for place, count in groups:
            begin = max(0, missing - place)
            if begin >= count:
                continue
            one = self._part(p, request, place, count)
            for event in self.draw(one, begin, self._attachments(p, one)):
                yield _renumbered(event, number, request.batch.n_iter, first + place)

    def _part(
        self, p: StableDiffusionProcessing, request: GenerationRequest, place: int, count: int
    ) -> GenerationRequest:
        """The request for `count` pictures of the batch from `place` on."""
        if place >= len(p.prompts) or place >= len(p.seeds):
            raise InvalidRequest("An extension left too few prompts or seeds for the batch.")
        one = replace(request, prompt=p.prompts[place], negative_prompt=p.negative_prompts[place])
        one = replace_at(one, "seeds.seed", int(p.seeds[place]))
        one = replace_at(one, "seeds.subseed", int(p.subseeds[place]))
        one = replace_at(replace_at(one, "batch.batch_size", count), "batch.n_iter", 1)
        if one.hires is not None and p.all_hr_prompts:
            index = min(p.iteration * request.batch.batch_size + place, len(p.all_hr_prompts) - 1)
            text = p.all_hr_prompts[index]
            same = text == p.all_prompts[min(index, len(p.all_prompts) - 1)]
            one = replace_at(one, "hires.prompt", "" if same else text)
        return one

    def _attachments(
        self, p: StableDiffusionProcessing, request: GenerationRequest
    ) -> tuple[Attachment, ...]:
        joined = [cfg_attachment(self.world, request.sampling.steps)]
        if self.runner.listens("post_sample"):

            def sampled(latent: Any) -> Any:
                args = PostSampleArgs(latent)
                self.runner.call("post_sample", p, args)
                return args.samples

            joined.append(Attachment(before_decode=sampled))
        return tuple(joined)

    def _facts(self, request: GenerationRequest) -> dict[str, Any]:
        """What of the job was changed and belongs into recipes."""
        changed = {}
        for key, places in recipe_fields().items():
            for item in places:
                now, before = get_at(request, item.path), get_at(self.request, item.path)
                if now != before and now is not None and key not in OWN_FACTS:
                    changed[key] = now
        if request.size != self.request.size:
            changed["Size"] = f"{request.size.width}x{request.size.height}"
        return changed

    def _finished(
        self,
        p: StableDiffusionProcessing,
        image: GeneratedImage,
        changed: dict[str, Any],
        first: int,
    ) -> GeneratedImage:
        """A picture after the hooks for single pictures."""
        p.batch_index = image.index - first
        assert image.image is not None
        hooks = ("postprocess_image", "postprocess_image_after_composite")
        if any(map(self.runner.listens, hooks)):
            args = PostprocessImageArgs(to_pillow(image.image), p.batch_index)
            for hook in hooks:
                self.runner.call(hook, p, args)
            pixels = from_pillow(args.image)
            image = replace(image, image=pixels, width=pixels.width, height=pixels.height)
        extra = told_by(p, p.batch_index)
        facts: tuple[Fact, ...] = (*image.facts, *changed.items(), *extra.items())
        if self.runner.listens("postprocess"):
            assert image.image is not None
            self.kept.append(to_pillow(image.image))
        return replace(image, facts=facts)

    def _ending(self, p: StableDiffusionProcessing, request: GenerationRequest) -> Iterator[Event]:
        """The hook at the end; pictures it adds are part of the job."""
        if not self.runner.listens("postprocess"):
            return
        processed = Processed(p, self.kept)
        count = len(self.kept)
        self.runner.call("postprocess", p, processed)
        total = request.batch.total
        for number, picture in enumerate([*processed.images[count:], *processed.extra_images]):
            yield ImageReady(image=self._as_drawn(p, processed, picture, total + number))

    def _as_drawn(
        self, p: StableDiffusionProcessing, processed: Any, picture: Any, index: int
    ) -> GeneratedImage:
        pixels = from_pillow(picture)

        def at(values: list[Any], usual: Any) -> Any:
            return values[index] if index < len(values) else (values[-1] if values else usual)

        return GeneratedImage(
            index=index,
            seed=int(at(processed.all_seeds, self.request.seeds.seed)),
            subseed=int(at(processed.all_subseeds, 0)),
            prompt=str(at(processed.all_prompts, p.prompt)),
            negative_prompt=str(at(processed.all_negative_prompts, p.negative_prompt)),
            width=pixels.width,
            height=pixels.height,
            image=pixels,
            facts=tuple(told_by(p, index).items()),
        )


def told_by(p: StableDiffusionProcessing, index: int) -> dict[str, Any]:
    """`p.extra_generation_params` for one picture: plain values, lists by picture, functions."""
    told = {}
    for key, value in p.extra_generation_params.items():
        if callable(value):
            value = value(p=p, index=index)
        elif isinstance(value, list):
            value = value[index] if index < len(value) else None
        if value is not None:
            told[str(key)] = value if isinstance(value, int | float | bool) else str(value)
    return told


def _renumbered(event: Event, batch: int, batches: int, first: int) -> Event:
    """An event of a part as one of the whole job."""
    if isinstance(event, Progress):
        return replace(event, batch=batch, batches=batches)
    if isinstance(event, ImageReady):
        return ImageReady(image=replace(event.image, index=first + event.image.index))
    return event


def draw_inside(drawing: Drawing, p: StableDiffusionProcessing) -> Processed:
    """`process_images(p)`, called by a script in the middle of a job: draws at once.

    Scripts take part as far as `p.scripts` says.
    """
    base = replace(drawing.request, hires=None, batch=type(drawing.request.batch)(), wordings=())
    request = to_request(p, base if isinstance(p.seed, int) else drawing.request)
    if request.seeds.seed < 0:
        request = replace_at(request, "seeds.seed", drawing.request.seeds.seed)
        p.seed = request.seeds.seed
    nothing = ScriptRunner(drawing.world.guard, drawing.world.note, bool(p.is_img2img))
    inner = Drawing(request, drawing.draw, 0, runner=p.scripts or nothing, world=drawing.world)
    fresh = to_processing(request)
    for name in ("all_prompts", "all_negative_prompts", "all_hr_prompts", "all_seeds"):
        setattr(p, name, getattr(p, name, None) or getattr(fresh, name))
    p.all_subseeds = p.all_subseeds or fresh.all_subseeds
    pictures = [event.image for event in inner.process(p) if isinstance(event, ImageReady)]
    images = [to_pillow(one.image) for one in pictures if one.image is not None]
    return Processed(
        p,
        images,
        all_prompts=[one.prompt for one in pictures],
        all_seeds=[one.seed for one in pictures],
        all_subseeds=[one.subseed for one in pictures],
    )
