"""How torch's helper threads wait for work."""

import os


def wait_quietly() -> None:
    """Let idle threads sleep instead of spin. Has an effect only before torch is imported.

    On a machine with other work, spinning threads keep the cores from those they wait for: steps of
    0.09 s were seen to take 2 to 6 s. Who has set OMP_WAIT_POLICY is left alone.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
