"""A disk that refuses again and again: nothing half, nothing lost, nothing twice."""

import errno
import random
import threading
from collections import Counter
from dataclasses import replace

import pytest
from PIL import Image

from modules.engine.fake import FakeEngine
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import build_app
from modules.settings import files
from modules.settings.launch import Launch

REQUEST = GenerationRequest(
    prompt="a cat", size=Size(width=32, height=24), sampling=Sampling(steps=1)
)
IMAGES = 4
TROUBLES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS)


class BadDisk:
    """Writes half of a file and then refuses, with a given chance."""

    def __init__(self, seed, chance):
        self._dice = random.Random(seed)
        self._chance = chance
        self._lock = threading.Lock()
        self.refusals = 0

    def __call__(self, path, data):
        with self._lock:
            refuses = self._dice.random() < self._chance
            trouble = self._dice.choice(TROUBLES)
        if refuses:
            self.refusals += 1
            path.write_bytes(data[: len(data) // 2])
            raise OSError(trouble, "the disk refuses")
        files_write(path, data)


files_write = files.write_and_sync


def run(tmp_path, monkeypatch, rounds, chance):
    """Draw `rounds` jobs on a bad disk; returns it with the program."""
    monkeypatch.setattr("modules.service.drawing.LOOK_AGAIN_S", 0.001)
    disk = BadDisk(rounds, chance)
    launch = Launch(data_dir=str(tmp_path))
    app = build_app(launch.paths(), launch, FakeEngine())
    with monkeypatch.context() as patch:
        patch.setattr("modules.service.saving.write_and_sync", disk)
        jobs = [
            app.submit(replace(REQUEST, seeds=Seeds(seed=n * 100), batch=Batch(n_iter=IMAGES)))
            for n in range(rounds)
        ]
        for job in jobs:
            for _ in app.follow(job.id, timeout=120):
                pass
    return app, jobs, disk


def examine(app, jobs):
    """Every picture is there once, whole, where it belongs; and no file besides."""
    folder = app.paths.outputs / "txt2img-images"
    present = set(folder.rglob("*.*"))
    for job in jobs:
        snapshot = app.snapshot(job.id)
        assert snapshot.status == "finished", snapshot.error
        drawn = [image for image in snapshot.images if image.kind == "image"]
        assert Counter(image.index for image in drawn) == Counter(range(IMAGES))
        for image in drawn:
            path = app.gallery.find(image.id).path
            with Image.open(path) as opened:
                opened.load()
                assert opened.size == (32, 24)
            present.remove(path)
    assert present == set()
    assert not list((app.paths.cache / "rescued").glob("*"))


def test_a_disk_that_refuses_often_gets_every_picture_in_the_end(tmp_path, monkeypatch):
    app, jobs, disk = run(tmp_path, monkeypatch, 5, 0.3)
    assert disk.refusals > 5
    examine(app, jobs)
    app.close()


@pytest.mark.slow
def test_a_hundred_jobs_on_a_bad_disk_lose_nothing(tmp_path, monkeypatch):
    app, jobs, disk = run(tmp_path, monkeypatch, 100, 0.3)
    print(f"{len(jobs)} jobs, {len(jobs) * IMAGES} pictures, {disk.refusals} refusals")
    examine(app, jobs)
    app.close()
