"""What everything around the drawing costs: HTTP, the line of jobs, the journal, saving."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import numpy as np

from benchmarks.suite.figure import Figure
from benchmarks.suite.wish import Wish
from modules.engine.fake import FakeEngine, plain_picture
from modules.schema.event import ImageReady
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest, Size
from modules.service.app import App
from modules.service.formats import encode
from modules.service.job import Job
from modules.settings.launch import Launch
from tests.conftest import serve

PART = "service"
SAVING = "saving"
JOBS, ASKED, SIDES = 120, 150, (512, 1024)
FORMATS = (("PNG", "png"), ("JPEG", "jpg"), ("WebP", "webp"))
QUALITY = 80


def service(wish: Wish) -> Iterator[Figure]:
    """Answers, jobs and events with an engine that costs nothing."""
    picture = ImageReady(image=plain_picture(GenerationRequest(size=Size(width=64, height=64)), 0))
    engine = FakeEngine(events=[picture])
    launch = Launch(data_dir=str(wish.folder / "data"))
    jobs, asked = wish.rounds(JOBS), wish.rounds(ASKED)
    with closing(serve(wish.folder / "data", engine, launch)) as running:
        served = next(running)
        for route in ("/internal/ping", "/api/v1/status", "/sdapi/v1/progress"):
            times = repeated(lambda route=route: served.client.get(route).raise_for_status(), asked)
            yield Figure.of(PART, f"round trip of {route}", times, "ms", "one client, kept alive")
        body = {"prompt": "x", "steps": 1, "width": 64, "height": 64}
        times = repeated(lambda: served.client.post("/sdapi/v1/txt2img", json=body), jobs)
        how = "nothing to draw; on disk: the job, the picture, every event"
        yield Figure.of(PART, "a job over HTTP", times, "ms", how)
        began = time.perf_counter()
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(one_job, served.app) for _ in range(jobs)]:
                done.result()
        rate = jobs / (time.perf_counter() - began)
        yield Figure.of(PART, "jobs a second", rate, "jobs/s", "four askers, nothing to draw")


def saving(wish: Wish) -> Iterator[Figure]:
    """Encoding and keeping a picture, as the program does it for every one."""
    rounds = wish.rounds(15)
    for side in SIDES:
        picture = photograph(side)
        for title, form in FORMATS:
            work = encoding(picture, form)
            how = f"in memory, quality {QUALITY}" if form != "png" else "in memory, as it is saved"
            yield Figure.of(
                SAVING, f"{title} of {side} x {side}", repeated(work, rounds), "ms", how
            )
    for side in (128, 512):
        with waiting_job(wish, side) as (app, job):
            ready = ready_picture(job, side)
            times = repeated(partial(kept, app, job, ready), rounds)
        how = "PNG with recipe, synced to the disk, in the database and the journal"
        yield Figure.of(SAVING, f"keeping a picture of {side} x {side}", times, "ms", how)


def repeated(work: Callable[[], object], times: int) -> list[float]:
    """Milliseconds of each time but the first two, which are for getting warm."""
    found = []
    for _ in range(times + 2):
        began = time.perf_counter()
        work()
        found.append(1000 * (time.perf_counter() - began))
    return found[2:]


def one_job(app: App) -> None:
    """Submit a job and follow it to its end."""
    job = app.submit(GenerationRequest(prompt="x", size=Size(width=64, height=64)))
    for _ in app.follow(job.id):
        pass


def encoding(picture: ImageData, form: str) -> Callable[[], object]:
    """The work of writing `picture` in a format."""
    return lambda: encode(picture, "a photograph\nSteps: 20", form, quality=QUALITY)


@contextmanager
def waiting_job(wish: Wish, side: int) -> Iterator[tuple[App, Job]]:
    """A program with a job that nobody works on."""
    folder = wish.folder / f"kept-{side}"
    launch = Launch(data_dir=str(folder))
    with closing(serve(folder, FakeEngine(), launch)) as running:
        app = next(running).app
        app.control.pause("measuring")
        yield app, app.submit(GenerationRequest(prompt="x", size=Size(width=side, height=side)))


def ready_picture(job: Job, side: int) -> ImageReady:
    """A finished picture of `job` whose pixels are not easy to pack."""
    plain: Any = plain_picture(job.task, 0)
    return ImageReady(image=type(plain)(**{**vars(plain), "image": photograph(side)}))


def kept(app: App, job: Job, ready: ImageReady) -> None:
    """What happens to a picture between the engine and whoever follows the job."""
    found = app.gallery.keep(ready.image, job)
    app.journal.append(job.id, ImageReady(image=found.image), also=found.statements)


def photograph(side: int) -> ImageData:
    """Soft shapes with a little noise over them: packs about as a photograph does."""
    at = np.linspace(0, 12, side, dtype=np.float32)
    waves = np.sin(at[:, None] * [[1.0, 1.3, 1.7]])[:, None] * np.cos(at[None, :, None] * 1.1)
    noise = np.random.default_rng(1).normal(0, 3, (side, side, 3))
    pixels = np.clip(127 + 110 * waves + noise, 0, 255).astype(np.uint8)
    return ImageData(side, side, "RGB", pixels.tobytes())
