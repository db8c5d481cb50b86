"""How torch's helper threads wait for work."""

import os

WAITING = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "2000"}
"""Variables of the environment: look for work for some 50 microseconds, then sleep."""


def wait_quietly() -> None:
    """Let idle threads sleep after a moment. Has an effect only before torch is imported.

    On a machine with other work, threads that spin on keep the cores from those they wait for:
    steps of 0.09 s were seen to take 2 to 6 s. Threads that sleep at once are woken on the core of
    whoever needs them, and that one does it all: a step of the built-in model then took 67 ms with
    two threads instead of 24. Who has set OMP_WAIT_POLICY is left alone.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        for name, value in WAITING.items():
            os.environ.setdefault(name, value)
