"""What to give up, one after another, when memory runs out."""

from dataclasses import dataclass, field

from modules.errors import OutOfMemory
from modules.schema.tasks import Task

RUNGS = {
    "all": "Memory was not enough; it has been freed, and the drawing begins again.",
    "one": "Memory was not enough; only one network at a time is on the device now, "
    "which takes a little longer.",
    "layers": "Memory was not enough; weights visit the device layer by layer now, "
    "which takes longer.",
    "tiles": "Memory was not enough; the VAE works in small tiles now as well.",
}
"""Memory policies from the fastest to the most sparing, and what people are told about each."""
LOWEST = "tiles"


@dataclass
class Ladder:
    """Remembers for each checkpoint how far down a picture of a certain size had to go."""

    top: str = "all"
    _known: dict[str, tuple[str, int]] = field(default_factory=dict)

    def start(self, task: Task) -> str:
        """Where to begin: where an equally large or smaller task with this checkpoint ended."""
        rung, pixels = self._known.get(task.models.checkpoint, (self.top, 0))
        return rung if _pixels(task) >= pixels else self.top

    def below(self, task: Task, rung: str, used: str, *, freed: bool) -> str | None:
        """The next rung after a failure at `rung` with the policy `used`; None at the end.

        `freed` says that much has been freed since, so that the same may be tried once more.
        """
        names = list(RUNGS)
        at = max(names.index(rung), names.index(used) if used in names else 0)
        if freed:
            return rung
        if at + 1 == len(names):
            self._known.pop(task.models.checkpoint, None)
            return None
        self._known[task.models.checkpoint] = names[at + 1], _pixels(task)
        return names[at + 1]

    def told(self, rung: str, before: str) -> str:
        """What people are told when `rung` is reached from the one `before`."""
        return RUNGS[rung if rung != before else self.top]

    def means(self, rung: str) -> tuple[str, bool]:
        """The most generous memory policy of a rung, and whether the VAE works in tiles."""
        return ("layers", True) if rung == "tiles" else (rung, False)


def _pixels(task: Task) -> int:
    return task.size.width * task.size.height * task.batch.batch_size


def as_out_of_memory(error: Exception) -> OutOfMemory | None:
    """What to tell people, if `error` means that memory ran out."""
    from modules.model.memory import ran_out

    if not ran_out(error):
        return None
    where = "The GPU's memory" if "CUDA" in str(error) else "The memory"
    first = str(error).splitlines()[0] if str(error) else ""
    return OutOfMemory(
        f"{where} was not enough for this picture. {first}".strip(),
        "Try a smaller size or batch size. What was in use has been freed.",
    )
