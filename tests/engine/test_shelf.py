"""Models kept in memory, and files read before they are wanted."""

import gc
import os

import psutil
import pytest

from modules.engine.background import ReadAhead
from modules.engine.local import LocalEngine
from modules.engine.shelf import Keeping
from modules.errors import ModelError
from modules.schema.cancel import Cancel
from modules.schema.event import Loading
from tests.engine.tiny import TINY, folder_with, pictures, request


@pytest.fixture
def paths(tmp_path):
    return folder_with(tmp_path, "a", "b", "c")


def loads(engine, *names):
    """Which of the checkpoints had to be loaded, drawn with one after another."""
    loaded = []
    for name in names:
        events = list(engine.run(request(name), Cancel()))
        assert len(pictures(events)) == 1
        loaded += [name for event in events if isinstance(event, Loading)]
    return loaded


def test_without_keeping_every_change_loads(paths):
    assert loads(LocalEngine(paths, device="cpu"), "a", "b", "a", "a") == ["a", "b", "a"]


def test_the_least_recently_used_leaves_first(paths):
    engine = LocalEngine(paths, device="cpu", keeping=Keeping(models=2))
    assert loads(engine, "a", "b", "a", "c", "b") == ["a", "b", "c", "b"]


def test_a_budget_in_gigabytes_counts_too(paths):
    size = TINY.stat().st_size / 1e9
    engine = LocalEngine(paths, device="cpu", keeping=Keeping(models=3, gigabytes=1.5 * size))
    assert loads(engine, "a", "b", "a") == ["a", "b", "a"]


def test_a_checkpoint_that_cannot_be_loaded_leaves_the_one_in_use_alone(paths):
    engine = LocalEngine(paths, device="cpu")
    loads(engine, "a")
    (paths.checkpoints / "bad.safetensors").write_bytes(TINY.read_bytes()[:-5])
    with pytest.raises(ModelError, match="incomplete"):
        list(engine.run(request("bad"), Cancel()))
    assert loads(engine, "a") == []


@pytest.mark.slow
def test_changing_to_and_fro_leaves_no_memory_behind(paths):
    """Measured over the second half, when caches have filled and the heap has its size."""
    engine, process = LocalEngine(paths, device="cpu", preview_interval_s=None), psutil.Process()
    sizes = []
    for index in range(31):
        engine.warm("abc"[index % 3])
        gc.collect()
        sizes.append(process.memory_info().rss)
    assert (sizes[-1] - sizes[15]) / 15 < 2**20


def test_a_file_is_read_ahead_and_the_newest_wish_counts(tmp_path):
    reader = ReadAhead()
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(os.urandom(100_000))
    reader.expect([tmp_path / "missing", tmp_path / "one"])
    reader.expect([tmp_path / "two"])
    reader.wait()
    assert reader.bytes_read in (100_000, 200_000)
    reader.expect([tmp_path / "one", tmp_path / "two"])
    reader.wait()
    assert reader.bytes_read in (300_000, 400_000)
