"""Merging as a task of the engine: names to files, then tensor by tensor, with progress."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from modules.errors import Interrupted, InvalidRequest
from modules.model.vae_files import vae_files
from modules.paths import Paths
from modules.schema.event import Event, Notice, Progress
from modules.schema.tasks import Merge

Find = Callable[[str], Path]
"""A checkpoint's file by its name. Raises NotFound."""


def merge_models(
    task: Merge, paths: Paths, find: Find, heed: Callable[[], None]
) -> Iterator[Event]:
    """Carry out `task`, with a Progress for every tensor written; `heed` raises to stop.

    What is half written is gone then. Raises InvalidRequest, NotFound, ModelError, Interrupted.
    """
    from modules.model.merge import Merge as Wish
    from modules.model.merge import merge

    vaes = vae_files([paths.checkpoints], paths.vae)
    wish = Wish(
        a=find(task.a),
        b=find(task.b) if task.b else None,
        c=find(task.c) if task.c else None,
        method=task.method.lower(),  # type: ignore[arg-type]
        multiplier=task.multiplier,
        blocks=block_weights(task.blocks),
        dtype="" if task.dtype not in ("fp16", "bf16", "fp32") else task.dtype,
        vae=vaes.get(task.vae),
        discard=task.discard,
        output=paths.checkpoints / task.name,
        overwrite=task.overwrite,
        copy_metadata=task.copy_metadata,
        add_recipe=task.add_recipe,
    )
    said = SimpleQueue[tuple[int, int] | None]()
    unwanted = threading.Event()

    def tell(done: int, total: int) -> None:
        heed()
        if unwanted.is_set():
            raise Interrupted("Nobody waits for this model any more.")
        said.put((done, total))

    def work() -> list[str]:
        try:
            return merge(wish, tell).notices
        finally:
            said.put(None)

    with ThreadPoolExecutor(1, "merge") as pool:
        merging = pool.submit(work)
        try:
            while (tensors := said.get()) is not None:
                yield Progress(step=tensors[0], steps=tensors[1], batch=0, batches=1)
        finally:
            unwanted.set()
        notices = merging.result()
    for message in notices:
        yield Notice(message=message)


def block_weights(text: str) -> tuple[float, ...]:
    """Numbers separated by commas. Raises InvalidRequest."""
    try:
        return tuple(float(part) for part in text.split(",")) if text.strip() else ()
    except ValueError as error:
        raise InvalidRequest(
            f"{text!r:.80} are not numbers.", "Separate them by commas."
        ) from error
