"""One thing somebody asked for, from the button to its ending."""

import secrets
import threading
from dataclasses import dataclass, field

from modules.schema.cancel import Cancel
from modules.schema.event import Failed
from modules.schema.result import Fact, GeneratedImage
from modules.schema.tasks import Task
from modules.settings.settings import Settings

WAITING, RUNNING, FINISHED, STOPPED, FAILED = STATES = (
    "waiting",
    "running",
    "finished",
    "stopped",
    "failed",
)
ENDED = (FINISHED, STOPPED, FAILED)


@dataclass(frozen=True, kw_only=True)
class Job:
    """A completed request with where it came from and how its pictures are kept."""

    id: str
    task: Task
    settings: Settings
    """As they were when the job was submitted; later changes do not reach it."""
    save: bool = True
    """Whether pictures go to `outputs`; otherwise only to a temporary folder."""
    origin: str = "page"
    priority: int = 0
    """Higher goes first; equal ones in the order they came."""
    created: float = 0.0
    """Unix time in seconds."""
    person: str = ""
    """Who asked for it; people take turns. Empty where nobody logs in."""
    parent: str = ""
    """Id of the job this one belongs to; stopping that one stops this one too."""
    forever: bool = False
    """Whether another one with a new seed follows when it is finished."""
    cancel: Cancel = field(default_factory=Cancel, compare=False, repr=False)
    facts: tuple[Fact, ...] = ()
    """More for the recipes of its pictures, from the script it belongs to; not on disk."""
    stem: str = ""
    """What its files are called instead of after the pattern; not on disk either."""
    parked: threading.Event = field(default_factory=threading.Event, compare=False, repr=False)
    """Set when the job is to leave the engine and wait, held, for somebody to let it go on."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything a newcomer needs to know about a job before following its events."""

    id: str
    status: str
    origin: str
    created: float
    task: Task
    person: str = ""
    parent: str = ""
    priority: int = 0
    forever: bool = False
    held: bool = False
    """Whether it waits until somebody lets it go on."""
    position: int = 0
    """Jobs that go before this one while it waits."""
    step: int = 0
    steps: int = 0
    batch: int = 0
    batches: int = 1
    fraction: float = 0.0
    """Share of the job that is done, 0 to 1."""
    eta_s: float = 0.0
    started: float = 0.0
    ended: float = 0.0
    loading: str = ""
    """What is being read before drawing begins."""
    images: tuple[GeneratedImage, ...] = ()
    notices: tuple[str, ...] = ()
    error: Failed | None = None
    preview: int = 0
    """Number of the newest preview; 0 if there is none."""
    last_event: int = 0
    """Follow from here to miss nothing."""


def new_id() -> str:
    """Return an identifier nobody can guess, fit for URLs and file names."""
    return secrets.token_hex(8)
