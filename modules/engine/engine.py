"""The only seam that matters: a task goes in, events come out."""

from collections.abc import Iterator
from typing import Protocol

from modules.extension.plan import Plan
from modules.schema.cancel import Cancel
from modules.schema.catalogue import Catalogue, EngineStatus
from modules.schema.event import Event
from modules.schema.tasks import AnyTask


class Engine(Protocol):
    """Draws. Where it is (this process, a child, another machine) does not matter to anyone."""

    slots: int
    """Tasks it can run at once."""

    def run(self, task: AnyTask, cancel: Cancel, start_image: int = 0) -> Iterator[Event]:
        """Carry out `task`, yielding events; raises a WebUIError if it cannot.

        Pictures before `start_image` are not drawn again; the others come out as they would have.
        Stopping through `cancel` raises Interrupted after the events of what was finished.
        """

    def warm(self, checkpoint: str) -> None:
        """Get ready to draw with `checkpoint` ("" is any), so that the first task waits less."""

    def expect(self, path: str) -> None:
        """Prepare for a task to come that will want the checkpoint at `path`; never waits."""

    def catalogue(self, refresh: bool = False) -> Catalogue:
        """List models; `refresh` looks at the disk again."""

    def status(self) -> EngineStatus:
        """Report state and memory."""

    def use_extensions(self, plan: Plan) -> None:
        """Work with these extensions from the next task on, read anew."""

    def unload(self) -> None:
        """Drop loaded models; the next task loads again."""

    def close(self) -> None:
        """End; no task is accepted afterwards."""
