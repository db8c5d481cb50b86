"""An engine on one device of this process. Loads torch when the first task comes, not before."""

import gc
import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modules.engine.models import ModelList
from modules.errors import ModelError, OutOfMemory
from modules.model.catalogue import Checkpoint, find, main_file, scan
from modules.model.hashes import FileFacts
from modules.paths import Paths
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.event import Event, Loading, Notice
from modules.schema.tasks import Task
from modules.threads import wait_quietly

log = logging.getLogger(__name__)

ALLOCATION_FAILED = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says, in a RuntimeError of no special kind, when a CPU allocation fails."""


@dataclass(frozen=True)
class _Loaded:
    """The model in memory, and what tells whether it is still the wanted one."""

    checkpoint: Checkpoint
    stamp: tuple[int, int]
    ready: Any
    """A `modules.pipeline.ready.Ready`; named here it would have to be imported."""


class LocalEngine:
    """Draws in this process. Keeps the newest model, with the prompts it has encoded."""

    slots = 1

    def __init__(
        self,
        paths: Paths,
        *,
        device: str = "auto",
        half: bool = True,
        preview_interval_s: float | None = 0.5,
    ) -> None:
        """`half` allows 16-bit networks on GPUs; None for the interval means no previews."""
        wait_quietly()
        self._paths = paths
        self._wanted_device = device
        self._half = half
        self._preview_interval_s = preview_interval_s
        self._facts = FileFacts(paths.cache / "model-facts.json")
        self._list_models = ModelList(paths)
        self._device: Any = None
        """A `modules.model.device.Device` once it is chosen."""
        self._loaded: _Loaded | None = None
        self._busy = False

    def run(self, task: Task, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Load what the task names, then draw it. Raises WebUIError."""
        self._busy = True
        try:
            yield from self._run(task, cancel, start_image)
        except Exception as error:
            shortage = _as_out_of_memory(error)
            if shortage is None:
                raise
            self._free_memory()
            raise shortage from error
        finally:
            self._busy = False

    def _run(self, task: Task, cancel: Cancel, start_image: int) -> Iterator[Event]:
        checkpoint = self._find(task.models.checkpoint)
        if not self._is_loaded(checkpoint):
            yield Loading(what=checkpoint.name)
        ready = self._make_ready(checkpoint).ready
        for message in ready.read_embeddings():
            yield Notice(message=message)

        from modules.pipeline.generate import generate

        yield from generate(
            task,
            ready.model,
            ready.conditioner,
            cancel,
            patcher=ready.patcher,
            start_image=start_image,
            preview_interval_s=self._preview_interval_s,
        )

    def warm(self, checkpoint: str) -> None:
        """Load torch and a checkpoint now ("" is the first one there is). Raises WebUIError."""
        found = scan(self._paths.checkpoints, self._facts)
        if checkpoint or found:
            self._make_ready(self._find(checkpoint or found[0].name))
        else:
            self._pick_device()

    def _find(self, name: str) -> Checkpoint:
        return find(scan(self._paths.checkpoints, self._facts), name)

    def _is_loaded(self, checkpoint: Checkpoint) -> bool:
        loaded = self._loaded
        return (
            loaded is not None
            and loaded.checkpoint.path == checkpoint.path
            and loaded.stamp == _stamp(checkpoint.path)
        )

    def _make_ready(self, checkpoint: Checkpoint) -> _Loaded:
        """Return the model of `checkpoint`, loading it in place of the one in memory if need be."""
        if self._loaded is None or not self._is_loaded(checkpoint):
            self._loaded = self._load(checkpoint)
        return self._loaded

    def _load(self, checkpoint: Checkpoint) -> _Loaded:
        """Read a model. If that fails, the one before is loaded again when it is next wanted."""
        from modules.pipeline.ready import make_ready

        device = self._pick_device()
        if checkpoint.note:
            raise ModelError(
                f"The checkpoint {checkpoint.name} cannot be used: {checkpoint.note}.",
                "Copy the file again, or choose another checkpoint.",
            )
        self._loaded = None  # two models at once may not fit
        gc.collect()
        stamp = _stamp(checkpoint.path)
        digest = self._facts.sha256(main_file(checkpoint.path))
        ready = make_ready(
            checkpoint.path,
            device,
            sha256=digest,
            configs=self._paths.configs,
            embeddings=self._paths.embeddings,
            networks=self._paths.lora,
            hypernetworks=self._paths.hypernetworks,
        )
        return _Loaded(replace(checkpoint, sha256=digest), stamp, ready)

    def _pick_device(self) -> Any:
        if self._device is None:
            from modules.model.device import pick_device

            self._device = pick_device(self._wanted_device, half=self._half)
            log.info("Drawing on %s, %s", self._device.title, self._device.dtype)
        return self._device

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List model files."""
        return self._list_models(refresh)

    def status(self) -> EngineStatus:
        """Report device, model and memory."""
        state = "cold" if self._device is None else "ready"
        return EngineStatus(
            state="busy" if self._busy else state,
            device=self._device.title if self._device else "",
            loaded=self._loaded.checkpoint.title if self._loaded else "",
            memory=tuple(self._memory().items()),
            pid=os.getpid(),
        )

    def _memory(self) -> dict[str, Any]:
        """Bytes by A1111's names; empty where there is no GPU."""
        if self._device is None or self._device.device.type != "cuda":
            return {}
        import torch

        device = self._device.device
        free, total = torch.cuda.mem_get_info(device)
        statistics = torch.cuda.memory_stats(device)

        def peak_and_current(name: str) -> dict[str, int]:
            key = f"{name}_bytes.all"
            return {part: statistics.get(f"{key}.{part}", 0) for part in ("current", "peak")}

        events = {
            "retries": statistics.get("num_alloc_retries", 0),
            "oom": statistics.get("num_ooms", 0),
        }
        kinds = {"active": "active", "allocated": "allocated", "reserved": "reserved"}
        parts = {name: peak_and_current(key) for name, key in kinds.items()}
        parts["inactive"] = peak_and_current("inactive_split")
        system = {"free": free, "used": total - free, "total": total}
        return {"cuda": {"system": system, **parts, "events": events}}

    def unload(self) -> None:
        """Drop the model; the next task loads again."""
        self._loaded = None
        self._free_memory()

    def _free_memory(self) -> None:
        gc.collect()
        if self._device is not None and self._device.device.type == "cuda":
            import torch

            torch.cuda.empty_cache()

    def close(self) -> None:
        """Give everything back."""
        self.unload()


def _stamp(path: Path) -> tuple[int, int]:
    """Size and modification time: another value means another file under the same name."""
    info = path.stat()
    return info.st_size, info.st_mtime_ns


def _as_out_of_memory(error: Exception) -> OutOfMemory | None:
    """Recognise the many ways in which memory runs out."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        where = "The GPU's memory"
    elif isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and any(words in str(error).lower() for words in ALLOCATION_FAILED)
    ):
        where = "The memory"
    else:
        return None
    first = str(error).splitlines()[0] if str(error) else ""
    return OutOfMemory(
        f"{where} was not enough for this picture. {first}".strip(),
        "Try a smaller size or batch size. What was in use has been freed.",
    )
