"""`shared.state`: where the job is, and the buttons."""

import time
from typing import Any


class State:
    """One per process. What extensions press here ends or skips what is being drawn."""

    def __init__(self) -> None:
        self.interrupted = self.skipped = self.stopping_generation = False
        self.job, self.job_no, self.job_count = "", 0, 0
        self.job_timestamp, self.time_start = "0", 0.0
        self.sampling_step = self.sampling_steps = 0
        self.current_latent: Any = None
        self.current_image: Any = None
        self.current_image_sampling_step = 0
        self.textinfo: str | None = None
        self.server_start = time.time()
        self.need_restart = False
        self.server_command: str | None = None

    def begin(self, job: str = "(unknown)") -> None:
        """Begin a job."""
        self.interrupted = self.skipped = self.stopping_generation = False
        self.job, self.job_no, self.job_count = job, 0, -1
        self.sampling_step, self.time_start = 0, time.time()
        self.job_timestamp = time.strftime("%Y%m%d%H%M%S")
        self.textinfo = None

    def begin_batch(self, number: int, batches: int, steps: int) -> None:
        """Say which batch begins."""
        self.job_no, self.job_count = number, batches
        self.sampling_step, self.sampling_steps = 0, steps

    def end(self) -> None:
        """End a job."""
        self.job, self.job_count = "", 0
        self.current_latent = self.current_image = None

    def nextjob(self) -> None:
        """Go on to the next part."""
        self.job_no += 1
        self.sampling_step = 0

    def interrupt(self) -> None:
        """Stop after this batch."""
        self.interrupted = True

    def stop_generating(self) -> None:
        """Stop after this batch."""
        self.interrupted = self.stopping_generation = True

    def skip(self) -> None:
        """Take no notice any more of this batch."""
        self.skipped = True

    def request_restart(self) -> None:
        """Remember it; nothing is restarted by an extension."""
        self.need_restart = True

    def assign_current_image(self, image: Any) -> None:
        """Keep a picture that is to be shown."""
        self.current_image = image

    def set_current_image(self) -> None:
        """Do nothing: previews come from the engine."""

    def dict(self) -> dict[str, Any]:
        """What clients are told."""
        return {
            "skipped": self.skipped,
            "interrupted": self.interrupted,
            "stopping_generation": self.stopping_generation,
            "job": self.job,
            "job_count": self.job_count,
            "job_timestamp": self.job_timestamp,
            "job_no": self.job_no,
            "sampling_step": self.sampling_step,
            "sampling_steps": self.sampling_steps,
        }
