"""An engine on one device of this process. Loads torch when the first task comes, not before."""

import gc
import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from modules.engine.background import Later, ReadAhead
from modules.engine.control_desk import ControlDesk
from modules.engine.extending import Extending
from modules.engine.gpu_memory import forget_peak, memory_of
from modules.engine.ladder import LOWEST, Ladder, as_out_of_memory
from modules.engine.merging import merge_models
from modules.engine.models import ModelList
from modules.engine.picture_desk import SMALLEST_TILE, PictureDesk, sparing
from modules.engine.screening import CheckerShelf
from modules.engine.shelf import Keeping, Loaded, Shelf, stamp_of
from modules.engine.signing import obey, signed
from modules.errors import ModelError, OutOfMemory
from modules.extension.plan import Plan
from modules.model.catalogue import Checkpoint, files_of, find, main_file, scan
from modules.model.hashes import FileFacts
from modules.model.vae_files import choose_vae, vae_files
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.control_task import Detect
from modules.schema.event import Event, ImageReady, Loading, Notice
from modules.schema.picture_tasks import PictureTask
from modules.schema.tasks import AnyTask, Look, Merge, Screened, Task, Upscale
from modules.threads import wait_quietly

log = logging.getLogger(__name__)


class LocalEngine:
    """Draws in this process. Keeps the newest models, with the prompts they have encoded."""

    slots = 1

    def __init__(
        self,
        paths: Paths,
        *,
        device: str = "auto",
        half: bool = True,
        preview_interval_s: float | None = 0.5,
        half_vae: bool = True,
        memory: str = "auto",
        keeping: Keeping | None = None,
        extensions: Plan | None = None,
        compiles: bool = False,
    ) -> None:
        """`half` allows 16-bit networks on GPUs, `half_vae` also for the VAE; None for the interval
        means no previews. `compiles` has networks compiled.

        `memory` is a policy's name or another hint of `modules.model.memory.MemoryPlan`.
        """
        wait_quietly()
        self._paths = paths
        self._wanted_device = device
        self._half = half
        self._preview_interval_s = preview_interval_s
        self._facts = FileFacts(paths.cache / "model-facts.json")
        self._list_models = ModelList(paths)
        self._device: Any = None
        """A `modules.model.device.Device` once it is chosen."""
        self._half_vae = half_vae
        self._memory_hint = memory
        self._shelf = Shelf(keeping or Keeping())
        self._ladder = Ladder()
        self._read_ahead = ReadAhead()
        self._extending = Extending(extensions)
        self._busy = False
        self._compiles = compiles
        self._compiler: Any = None
        """A `modules.model.compiling.Compiler` once a model is loaded, if networks are compiled."""
        self._checker_shelf = CheckerShelf(paths.safety_checker)
        self._picture_desk = PictureDesk(paths, self._facts, self._pick_device)
        self._control_desk = ControlDesk(paths, self._pick_device)

    def run(self, task: AnyTask, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Load what the task names, then draw it. Raises WebUIError.

        When memory runs out, everything is freed and the rest is drawn with a more sparing policy,
        down to the last; a notice says what was given up.
        """
        if isinstance(task, Screened):
            yield from self._screened(task, cancel, start_image)
            return
        if isinstance(task, Look):
            yield from self._look(task)
            return
        if isinstance(task, Merge):
            yield from self._merge(task, cancel)
            return
        if isinstance(task, Detect):
            yield from self._control_desk.detect(task)
            return
        if isinstance(task, PictureTask | Upscale):
            yield from self._work_on(task, cancel)
            return
        self._busy = True
        forget_peak(self._device)
        try:
            rung, first = self._ladder.start(task), True
            while True:
                shortage = None
                try:
                    for event in self._run(task, cancel, start_image, rung):
                        if isinstance(event, ImageReady):
                            start_image = event.image.index + 1
                        yield event
                    return
                except Exception as error:
                    shortage = as_out_of_memory(error)
                    if shortage is None:
                        raise
                before, rung = rung, self._step_down(task, rung, shortage, first)
                first = False
                yield Notice(message=self._ladder.told(rung, before))
        finally:
            self._busy = False

    def _screened(self, task: Screened, cancel: Cancel, start_image: int) -> Iterator[Event]:
        """Carry out a task, with the safety checker between it and whoever asked for it."""
        from modules.pipeline.screening import screened

        checker = self._checker_shelf.checker(self._pick_device().device)
        yield from screened(self.run(task.task, cancel, start_image), checker, task.manner)

    def _look(self, task: Look) -> Iterator[Event]:
        """Treat a picture that came from outside as one that was drawn."""
        from modules.pipeline.watermark import taken_in

        yield from taken_in(task)

    def _step_down(self, task: Task, rung: str, shortage: OutOfMemory, first: bool) -> str:
        """Free everything and choose the next rung. Raises `shortage` when there is none.

        The same is tried again if that may help: when models at rest have left, and once a task on
        the lowest rung.
        """
        newest, freed = self._shelf.newest, len(self._shelf) > 1
        freed = freed or (first and rung == LOWEST)
        used = newest.ready.model.policy.name if newest is not None else rung
        log.warning("%s", shortage.message)
        del newest
        self.unload()
        lower = self._ladder.below(task, rung, used, freed=freed)
        if lower is None:
            raise shortage
        return lower

    def _run(self, task: Task, cancel: Cancel, start_image: int, rung: str) -> Iterator[Event]:
        checkpoint = self._find(task.models.checkpoint)
        if self._shelf.find(checkpoint, rung) is None:
            yield Loading(what=checkpoint.name)
        loaded = self._make_ready(checkpoint, rung)
        ready = loaded.ready
        for message in (*self._use_vae(loaded, task), *ready.read_embeddings()):
            yield Notice(message=message)

        yield from self._extending.draw(task, partial(self._draw, ready, cancel, rung), start_image)

    def _draw(
        self,
        ready: Any,
        cancel: Cancel,
        rung: str,
        task: Task,
        start_image: int,
        attachments: tuple[Any, ...] = (),
    ) -> Iterator[Event]:
        """Draw with a model that is `ready` (`modules.pipeline.ready.Ready`)."""
        from modules.pipeline.generate import generate
        from modules.pipeline.points import Attachment, Points
        from modules.pipeline.tiles import Tiling

        joined = tuple(Attachment(**vars(one)) for one in attachments)
        side = task.pictures.tile and max(SMALLEST_TILE, task.pictures.tile)
        tiling = Tiling(side, task.pictures.tile_overlap)
        boxes: list[list[str]] = [ready.model.coding.notices]
        if self._compiler is not None:
            boxes.append(self._compiler.news)
        control = self._control_desk.units(task)
        for event in generate(
            task,
            ready.model,
            ready.conditioner,
            cancel,
            points=Points(joined),
            patcher=ready.patcher,
            other=lambda name: self._other(name, rung, task),
            find_upscaler=partial(self._picture_desk.upscalers().find, tiling=tiling),
            restore_faces=self._picture_desk.restoring(task.faces),
            control=control,
            start_image=start_image,
            preview_interval_s=self._preview_interval_s,
        ):
            yield signed(event, ready.model)
            for told in boxes:
                while told:
                    yield Notice(message=told.pop(0))
        if control is not None:
            yield from control.shown()

    def _work_on(self, task: PictureTask | Upscale, cancel: Cancel) -> Iterator[Event]:
        """Work on a finished picture; once more, more sparingly, when memory ran out."""
        heed = partial(obey, cancel)
        self._busy = True
        try:
            try:
                yield from self._picture_desk.run(task, heed)
                return
            except Exception as error:
                shortage = as_out_of_memory(error)
                if shortage is None:
                    raise
                log.warning("%s", shortage.message)
            self.unload()
            task, told = sparing(task)
            for message in told:
                yield Notice(message=message)
            yield from self._picture_desk.run(task, heed)
        finally:
            self._busy = False

    def _merge(self, task: Merge, cancel: Cancel) -> Iterator[Event]:
        """Make a checkpoint of others."""
        self._busy = True
        try:
            yield from merge_models(
                task, self._paths, lambda name: self._find(name).path, partial(obey, cancel)
            )
        finally:
            self._busy = False

    def _other(self, name: str, rung: str, task: Task) -> Any:
        """Another model ready to draw, in the middle of a task."""
        loaded = self._make_ready(self._find(name), rung)
        for message in (*self._use_vae(loaded, task), *loaded.ready.read_embeddings()):
            log.warning("%s", message)
        return loaded.ready

    def _use_vae(self, loaded: Loaded, task: Task) -> Iterator[str]:
        """Give the model the VAE the task wants; yields what went otherwise."""
        from modules.model.vae import VaeFile

        files = vae_files([self._paths.checkpoints], self._paths.vae)
        path, notice = choose_vae(
            files,
            task.models.vae,
            loaded.checkpoint.path,
            wish_first=task.models.vae_before_preference,
            forced=self._paths.forced_vae,
        )
        if notice:
            yield notice
        model = loaded.ready.model
        model.coding.widen(task.models.vae_float32, task.models.vae_bfloat16)
        if path is None:
            model.use_vae(None)
            return
        file = VaeFile(path, stamp_of(path))
        if model.vae != file:
            digest = Later(lambda: self._facts.sha256(path))
            model.use_vae(replace(file, find_sha256=digest))

    def warm(self, checkpoint: str) -> None:
        """Load torch and a checkpoint now ("" is the first one there is). Raises WebUIError."""
        self._extending.load()
        found = scan(self._paths.checkpoints, self._facts)
        if checkpoint or found:
            self._make_ready(self._find(checkpoint or found[0].name), self._ladder.top)
        else:
            self._pick_device()

    def expect(self, path: str) -> None:
        """Have the files of the checkpoint at `path` read, as a task to come will want them."""
        self._read_ahead.expect(list(files_of(Path(path))))

    def _find(self, name: str) -> Checkpoint:
        return find(scan(self._paths.checkpoints, self._facts), name)

    def _make_ready(self, checkpoint: Checkpoint, rung: str) -> Loaded:
        """Return the model of `checkpoint`, loading it if need be."""
        return self._shelf.take(checkpoint, rung, lambda: self._load(checkpoint, rung))

    def _load(self, checkpoint: Checkpoint, rung: str) -> Loaded:
        from modules.model.memory import MemoryPlan
        from modules.pipeline.ready import make_ready

        device = self._pick_device()
        if checkpoint.note:
            raise ModelError(
                f"The checkpoint {checkpoint.name} cannot be used: {checkpoint.note}.",
                "Copy the file again, or choose another checkpoint.",
            )
        policy, tiled = self._ladder.means(rung)
        stamp = stamp_of(checkpoint.path)
        file = main_file(checkpoint.path)
        ready = make_ready(
            checkpoint.path,
            MemoryPlan(
                device.device,
                device.dtype,
                self._memory_hint,
                policy,
                self._half_vae,
                large_dtype=device.large_dtype,
            ),
            find_sha256=Later(lambda: self._facts.sha256(file)),
            paths=self._paths,
        )
        ready.model.coding.tiled = tiled
        if self._compiles:
            self._compile(ready.model)
        log.info("%s: memory policy %r", checkpoint.name, ready.model.policy.name)
        return Loaded(checkpoint, stamp, rung, ready)

    def _compile(self, model: Any) -> None:
        """Have the network of a model (`modules.model.loader.Model`) compiled as shapes come."""
        from modules.model.compiling import Compiler, forms_for

        if self._compiler is None:
            self._compiler = Compiler(self._paths.cache / "compiled")
        model.forms = forms_for(model.unet, self._compiler, model.policy.name)

    def _pick_device(self) -> Any:
        if self._device is None:
            from modules.model.device import pick_device

            self._device = pick_device(self._wanted_device, half=self._half)
            log.info("Drawing on %s, %s", self._device.title, self._device.dtype)
        return self._device

    def use_extensions(self, plan: Plan) -> None:
        """Work with these extensions from the next task on."""
        self._extending.use(plan)

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List model files."""
        return self._list_models(refresh)

    def status(self) -> EngineStatus:
        """Report device, model and memory."""
        state = "cold" if self._device is None else "ready"
        return EngineStatus(
            state="busy" if self._busy else state,
            device=self._device.title if self._device else "",
            loaded=self._title(),
            memory=tuple(memory_of(self._device).items()),
            pid=os.getpid(),
            troubles=tuple(vars(one) for one in self._extending.troubles),
            texts=self._texts(),
        )

    def _texts(self) -> tuple[int, int]:
        """How many parts of prompts the model in memory encoded, and how many it knew."""
        loaded = self._shelf.newest
        if loaded is None:
            return 0, 0
        conditioner = loaded.ready.conditioner
        return conditioner.encoded, conditioner.reused

    def _title(self) -> str:
        loaded = self._shelf.newest
        if loaded is None:
            return ""
        return replace(loaded.checkpoint, sha256=loaded.ready.model.sha256).title

    def unload(self) -> None:
        """Drop the models; the next task loads again."""
        self._shelf.clear()
        self._checker_shelf.clear()
        self._picture_desk.clear()
        self._control_desk.clear()
        self._free_memory()

    def _free_memory(self) -> None:
        gc.collect()
        if self._device is not None:
            from modules.model.memory import give_back

            give_back(self._device.device)

    def close(self) -> None:
        """Give everything back."""
        self._read_ahead.expect([])
        if self._compiler is not None:
            self._compiler.close()
        self.unload()
