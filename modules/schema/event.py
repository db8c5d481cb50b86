"""The one stream of events that the page, the REST API, the terminal and the tests read."""

from dataclasses import dataclass

from modules.schema.result import GeneratedImage


@dataclass(frozen=True, kw_only=True)
class Queued:
    """The job is on disk and waits; written by the service."""

    position: int = 0


@dataclass(frozen=True, kw_only=True)
class Started:
    """An engine took the job (again, after a crash, if `start_image` > 0)."""

    start_image: int = 0
    images: int = 1


@dataclass(frozen=True, kw_only=True)
class Loading:
    """A model is being read; drawing has not begun."""

    what: str = ""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """After each denoising step."""

    step: int
    """Steps done in this batch."""
    steps: int
    """Steps this batch will take."""
    batch: int
    """Which batch (iteration), 0-based."""
    batches: int
    eta_s: float = 0.0
    """Estimated seconds to the end of the job."""

    @property
    def fraction(self) -> float:
        """Share of the whole job that is done, 0 to 1."""
        return (self.batch + self.step / max(1, self.steps)) / max(1, self.batches)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """How the unfinished picture looks now; only the newest one is kept."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class ImageReady:
    """A picture is finished. From the engine with pixels, in the journal with id and path."""

    image: GeneratedImage


@dataclass(frozen=True, kw_only=True)
class Notice:
    """Something a person should know that did not stop the job."""

    message: str


@dataclass(frozen=True, kw_only=True)
class FacesFound:
    """Where the faces of a picture are."""

    boxes: tuple[tuple[float, float, float, float], ...]
    """Left, top, right and bottom in pixels, likeliest face first."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What a picture shows, in words."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """The job's happy ending."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The job was stopped on request; finished pictures are kept."""


@dataclass(frozen=True, kw_only=True)
class Failed:
    """The job could not go on: what happened, and what to try."""

    message: str
    hint: str = ""


Ending = Finished | Stopped | Failed
Event = (
    Queued
    | Started
    | Loading
    | Progress
    | Preview
    | ImageReady
    | Notice
    | FacesFound
    | Described
    | Finished
    | Stopped
    | Failed
)
