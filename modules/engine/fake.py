"""An engine that needs no model: plays given events, or draws plain colours at a chosen pace."""

import io
import os
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from modules.errors import Interrupted, WebUIError
from modules.extension.plan import Plan
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, CheckpointInfo, EngineStatus
from modules.schema.control_task import Detect
from modules.schema.event import Described, Event, FacesFound, ImageReady, Preview, Progress
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import Describe, FindFaces, PictureTask
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage
from modules.schema.tasks import AnyTask, Look, Merge, Screened, Task, Upscale

FAKE_CHECKPOINT = CheckpointInfo(
    title="fake.safetensors [0123456789]",
    name="fake.safetensors",
    path="fake.safetensors",
    stem="fake",
    sha256="0123456789" + "0" * 54,
    native_size=(64, 64),
    examples=("a plain colour",),
)


class FakeEngine:
    """Plays `events`; without any, draws one plain colour for each picture, chosen by its seed.

    `step_s` is the time a step takes, in seconds. `error` is raised once the events are played.
    `kill_at_image` ends the own process with SIGKILL before that picture, as long as the file
    `kill_once` does not exist; it is how tests let a child process die in mid-run. With
    `flags_all` its safety checker minds every picture.
    """

    slots = 1

    def __init__(
        self,
        events: Sequence[Event] | None = None,
        *,
        step_s: float = 0.0,
        error: WebUIError | None = None,
        catalogue: Catalogue | None = None,
        kill_at_image: int = -1,
        kill_once: str = "",
        kill_when_warmed: bool = False,
        flags_all: bool = False,
        extensions: Plan | None = None,
    ) -> None:
        self._events = events
        self._step_s = step_s
        self._error = error
        self._catalogue = catalogue or Catalogue(checkpoints=(FAKE_CHECKPOINT,))
        self._kill_at_image = kill_at_image
        self._kill_once = kill_once
        self._kill_when_warmed = kill_when_warmed
        self._flags_all = flags_all
        self.extensions = extensions
        """What it was last told to work with; plain colours need none."""
        self._state = "ready"
        self.tasks: list[tuple[Task, int]] = []
        """What was asked for, with the first picture of each run."""
        self.expected: list[str] = []
        """Checkpoints that were announced."""

    def run(self, task: AnyTask, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Yield the given events, or those of drawing plain colours."""
        if isinstance(task, Screened):
            from modules.pipeline.screening import screened

            yield from screened(self.run(task.task, cancel, start_image), self, task.manner)
            return
        if isinstance(task, Upscale):
            yield ImageReady(image=_stretched(task))
            return
        if isinstance(task, Look):
            yield ImageReady(image=GeneratedImage.of(task.image))
            return
        if isinstance(task, Detect):
            yield ImageReady(image=GeneratedImage.of(task.image))
            return
        if isinstance(task, PictureTask):
            yield _worked_on(task)
            return
        if isinstance(task, Merge):
            yield Progress(step=1, steps=1, batch=0, batches=1)
            return
        self.tasks.append((task, start_image))
        self._state = "busy"
        try:
            yield from (
                self._draw(task, cancel, start_image) if self._events is None else self._events
            )
            if self._error is not None:
                raise self._error
        finally:
            self._state = "ready"

    def flags(self, pictures: Sequence[Any]) -> list[bool]:
        """What its safety checker says of pictures."""
        return [self._flags_all] * len(pictures)

    def _draw(self, task: GenerationRequest, cancel: Cancel, start_image: int) -> Iterator[Event]:
        count = task.batch.batch_size
        for batch in range(start_image // count, task.batch.n_iter):
            drawn = True
            for step in range(1, task.sampling.steps + 1):
                self._wait_a_step(cancel)
                if cancel.take_skip():
                    drawn = False
                    break
                yield _progress(task, batch, step, self._step_s)
                yield _preview(task, batch * count, step)
            first = max(start_image, batch * count)
            for index in range(first, (batch + 1) * count) if drawn else ():
                self._die_if_told(index)
                yield ImageReady(image=plain_picture(task, index))

    def _wait_a_step(self, cancel: Cancel) -> None:
        if self._step_s:
            time.sleep(self._step_s)
        if cancel.stopped:
            raise Interrupted("Stopped on request.")

    def _die_if_told(self, index: int) -> None:
        if index != self._kill_at_image or (self._kill_once and Path(self._kill_once).exists()):
            return
        if self._kill_once:
            Path(self._kill_once).touch()
        os.kill(os.getpid(), signal.SIGKILL)

    def warm(self, checkpoint: str) -> None:
        """Nothing needs to be loaded; with `kill_when_warmed` the own process ends."""
        if self._kill_when_warmed:
            os.kill(os.getpid(), signal.SIGKILL)

    def expect(self, path: str) -> None:
        """Take note of it."""
        self.expected.append(path)

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """Return the catalogue it was made with."""
        return self._catalogue

    def status(self) -> EngineStatus:
        """Report "ready" or "busy"."""
        return EngineStatus(state=self._state, device="none", pid=os.getpid())

    def use_extensions(self, plan: Plan) -> None:
        """Note them; nothing is drawn here that an extension could change."""
        self.extensions = plan

    def unload(self) -> None:
        """Nothing is loaded, so nothing happens."""

    def close(self) -> None:
        """Nothing is held, so nothing happens."""


def plain_picture(task: GenerationRequest, index: int) -> GeneratedImage:
    """Picture `index` of `task` as one colour that depends on its seed alone."""
    varied = task.seeds.subseed_strength > 0
    seed = task.seeds.seed + (0 if varied else index)
    width, height = task.size.width, task.size.height
    words = task.wording(index)
    return GeneratedImage(
        index=index,
        seed=seed,
        subseed=task.seeds.subseed + index,
        prompt=words.prompt,
        negative_prompt=words.negative_prompt,
        width=width,
        height=height,
        image=ImageData(width, height, "RGB", bytes(_colour(seed)) * (width * height)),
        facts=(("Model hash", FAKE_CHECKPOINT.short_hash), ("Model", FAKE_CHECKPOINT.stem)),
    )


def _colour(seed: int) -> tuple[int, int, int]:
    return seed * 37 % 256, seed * 101 % 256, seed * 197 % 256


def _progress(task: GenerationRequest, batch: int, step: int, step_s: float) -> Progress:
    steps, batches = task.sampling.steps, task.batch.n_iter
    left = (batches - batch) * steps - step
    return Progress(step=step, steps=steps, batch=batch, batches=batches, eta_s=left * step_s)


def _preview(task: GenerationRequest, index: int, step: int) -> Preview:
    share = step / task.sampling.steps
    colour = tuple(int(128 + (part - 128) * share) for part in _colour(task.seeds.seed + index))
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(buffer, "JPEG")
    return Preview(jpeg=buffer.getvalue(), width=64, height=64)


def _worked_on(task: PictureTask) -> Event:
    """The answer of one who sees no faces, and in every picture the same."""
    if isinstance(task, FindFaces):
        return FacesFound(boxes=())
    if isinstance(task, Describe):
        return Described(text="a plain colour")
    return ImageReady(image=GeneratedImage.of(task.image))


def _stretched(task: Upscale) -> GeneratedImage:
    """A picture with its pixels repeated: what a network would do that has learnt nothing."""
    old = task.image
    size = int(old.width * task.factor) // 8 * 8, int(old.height * task.factor) // 8 * 8
    small = Image.frombytes(old.mode, (old.width, old.height), old.data)
    large = small.resize(size, Image.Resampling.NEAREST)
    return GeneratedImage(
        index=0,
        seed=0,
        subseed=0,
        prompt="",
        negative_prompt="",
        width=large.width,
        height=large.height,
        image=ImageData(large.width, large.height, large.mode, large.tobytes()),
    )
