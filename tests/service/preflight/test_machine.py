"""What this machine says of memory and disk."""

import os
import sys

import pytest

from modules.service.preflight.machine import PeakMemory, free_disk, free_memory, resident


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux forgets a peak")
def test_a_peak_is_seen_after_it_is_over_and_forgotten_by_the_next():
    peak = PeakMemory(os.getpid())
    before = peak.read()
    block = bytearray(b"x" * 80_000_000)
    del block
    assert peak.read() - before > 60_000_000
    assert PeakMemory(os.getpid()).read() < peak.read() + 1
    later = PeakMemory(os.getpid()).read()
    assert later < before + 60_000_000


def test_a_process_that_is_gone_has_nothing():
    assert PeakMemory(0).read() == 0
    assert resident(0) == 0
    assert resident(2**22 + 1) == 0


def test_there_is_memory_and_a_disk_also_for_folders_not_made_yet(tmp_path):
    assert free_memory() > 0
    assert resident(os.getpid()) > 1_000_000
    assert free_disk(tmp_path / "a" / "b") == pytest.approx(free_disk(tmp_path), rel=0.1)
