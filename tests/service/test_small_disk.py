"""A real file system that is full again and again."""

import os
import shutil
import subprocess
import sys

import pytest

from modules.paths import ROOT

MOUNT = "mount -t tmpfs -o size=1m tmpfs /mnt"


def may_mount():
    """Whether this system lets a process have a small disk of its own."""
    if shutil.which("unshare") is None:
        return False
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    tried = subprocess.run(["unshare", "--mount", *user, "sh", "-c", MOUNT], capture_output=True)
    return tried.returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not may_mount(), reason="no small disk can be mounted here")
def test_nothing_is_lost_while_a_disk_is_full_now_and_then():
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "full_disk", "--rounds", "6"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the disk full 6 times" in ran.stdout
