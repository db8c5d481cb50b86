"""From submit to an ending: files, rows and events, also when engines die and disks refuse."""

import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from modules.engine.fake import FakeEngine
from modules.engine.messages import EngineSpec
from modules.engine.process import ProcessEngine
from modules.errors import EngineDown, InvalidRequest, ModelError, NotFound, OutOfMemory
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.schema.event import Finished, Started
from modules.schema.inputs import Hires
from modules.schema.request import Batch, GenerationRequest, Models, Sampling, Seeds, Size
from modules.service.app import build_app
from modules.service.read_picture import read_infotext_from
from modules.service.saving import FolderRefuses
from modules.settings.launch import Launch

ROOT = Path(__file__).resolve().parents[2]
REQUEST = GenerationRequest(
    prompt="a cat",
    seeds=Seeds(seed=7),
    size=Size(width=32, height=24),
    sampling=Sampling(steps=2),
    batch=Batch(batch_size=2, n_iter=2),
)


def make_app(data, engine=None, **options):
    launch = Launch(data_dir=str(data))
    return build_app(launch.paths(), launch, engine or FakeEngine(), **options)


@pytest.fixture
def app(tmp_path):
    made = make_app(tmp_path)
    yield made
    made.close()


def wait(app, job):
    for _ in app.follow(job.id, timeout=30):
        pass
    return app.snapshot(job.id)


def drawn(snapshot):
    return [image for image in snapshot.images if image.kind == "image"]


def test_a_job_ends_with_files_that_hold_their_recipe(app, tmp_path):
    snapshot = wait(app, app.submit(REQUEST))
    assert snapshot.status == "finished"
    assert [image.seed for image in drawn(snapshot)] == [7, 8, 9, 10]
    for image in snapshot.images:
        assert app.image_file(image.id) == Path(image.path)
        assert read_infotext_from(Path(image.path)) == image.infotext
    names = sorted(path.name for path in (tmp_path / "outputs").rglob("*.png"))
    assert names == ["00000-7.png", "00001-8.png", "00002-9.png", "00003-10.png", "grid-0000.png"]


def test_what_is_not_to_be_saved_stays_out_of_outputs_and_of_the_gallery(app, tmp_path):
    snapshot = wait(app, app.submit(REQUEST, save=False))
    assert len(snapshot.images) == 4
    assert all(app.image_file(image.id).is_file() for image in snapshot.images)
    assert not (tmp_path / "outputs").exists()
    assert app.images() == []


def test_the_gallery_lists_newest_first_and_makes_thumbnails(app):
    wait(app, app.submit(replace(REQUEST, batch=Batch(n_iter=3))))
    pictures = app.images()
    assert [picture.kind for picture in pictures] == ["grid", "image", "image", "image"]
    assert [picture.seed for picture in pictures[1:]] == [9, 8, 7]
    assert [picture.id for picture in app.images(1, before=pictures[1].sequence)] == [
        pictures[2].id
    ]
    with Image.open(app.thumbnail(pictures[0].id)) as small:
        assert small.format == "WEBP"


def test_random_seeds_are_chosen_once_and_reported(app):
    open_seed = replace(REQUEST, seeds=Seeds(seed=-1))
    snapshot = wait(app, app.submit(open_seed))
    first = snapshot.task.seeds.seed
    assert 0 <= first < 2**32
    assert [image.seed for image in drawn(snapshot)] == [first + index for index in range(4)]


def test_the_model_s_own_size_is_used_when_none_is_given(app):
    job = app.submit(REQUEST, size_given=False)
    assert job.task.size == Size(width=64, height=64)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"sampling": Sampling(sampler="Huler")}, "Did you mean 'Euler'"),
        ({"sampling": Sampling(schedule="Karas")}, "Did you mean 'Karras'"),
        ({"sampling": Sampling(steps=0)}, "at least 1"),
        ({"sampling": Sampling(steps=10**9)}, "at most 1000"),
        ({"sampling": Sampling(cfg_scale=float("nan"))}, "ordinary number"),
        ({"size": Size(width=7)}, "at least 16"),
        ({"size": Size(width=16384, height=16384)}, "million pixels"),
        ({"batch": Batch(batch_size=128, n_iter=10_000)}, "pictures in one job"),
        ({"prompt": "x" * 1_000_000}, "at most 100,000 fit"),
        ({"models": Models(checkpoint="fakr")}, "Did you mean 'fake'"),
        ({"prompt": "a <lora:b:strong>"}, "not a number"),
        ({"prompt": "a <lora:b:1:lbw=OUTAL>"}, "Did you mean 'OUTALL'"),
        ({"prompt": "a", "hires": Hires(prompt="<hypernet:b:x>")}, "not a number"),
    ],
)
def test_what_cannot_work_is_refused_at_once_with_the_nearest_choice(app, change, words):
    with pytest.raises((InvalidRequest, NotFound), match=words):
        app.submit(replace(REQUEST, **change))
    assert app.jobs() == []
    assert wait(app, app.submit(REQUEST)).status == "finished"


def test_missing_and_broken_checkpoints_are_named(tmp_path):
    broken = CheckpointInfo(
        title="a.safetensors", name="a.safetensors", path="", stem="a", note="incomplete: 1 of 2 GB"
    )
    for checkpoints, words in (((), "no checkpoint"), ((broken,), "incomplete: 1 of 2 GB")):
        app = make_app(tmp_path, FakeEngine(catalogue=Catalogue(checkpoints=checkpoints)))
        with pytest.raises(ModelError, match=words):
            app.submit(replace(REQUEST, models=Models(checkpoint="")))
        app.close()


def test_stopping_keeps_what_is_finished(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    job = app.submit(replace(REQUEST, batch=Batch(n_iter=1000)))
    for entry in app.follow(job.id):
        if type(entry.event).__name__ == "ImageReady":
            app.stop(job.id)
            break
    snapshot = wait(app, job)
    assert snapshot.status == "stopped"
    assert 1 <= len(drawn(snapshot)) < 1000
    app.close()


def test_a_waiting_job_is_stopped_without_ever_starting(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    first = app.submit(replace(REQUEST, batch=Batch(n_iter=1000)))
    second = app.submit(REQUEST)
    assert app.snapshot(second.id).status == "waiting"
    app.stop(second.id)
    assert wait(app, second).status == "stopped"
    app.stop(first.id)
    assert wait(app, first).status == "stopped"
    app.close()


def test_skipping_leaves_one_batch(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    job = app.submit(REQUEST)
    for entry in app.follow(job.id):
        if type(entry.event).__name__ == "Progress":
            app.skip(job.id)
            break
    assert [image.index for image in drawn(wait(app, job))] == [2, 3]
    app.close()


def test_a_failure_is_told_with_its_hint_and_the_next_job_runs(tmp_path):
    engine = FakeEngine([], error=OutOfMemory("Too big.", "Make it smaller."))
    app = make_app(tmp_path, engine)
    for _ in range(2):
        snapshot = wait(app, app.submit(REQUEST))
        assert snapshot.status == "failed"
        assert (snapshot.error.message, snapshot.error.hint) == ("Too big.", "Make it smaller.")
    app.close()


def test_a_task_that_kills_the_engine_again_and_again_at_one_picture_fails_clearly(tmp_path):
    engine = FakeEngine([], error=EngineDown("The process that draws was killed.", "Wait."))
    app = make_app(tmp_path, engine)
    snapshot = wait(app, app.submit(REQUEST))
    assert snapshot.status == "failed"
    assert "killed" in snapshot.error.message
    assert len(engine.tasks) == 6
    app.close()


def test_a_job_goes_on_at_the_next_picture_after_its_engine_was_killed(tmp_path):
    spec = EngineSpec(
        factory="modules.engine.fake:FakeEngine",
        options={"kill_at_image": 3, "kill_once": str(tmp_path / "killed")},
    )
    app = make_app(tmp_path, ProcessEngine(spec, FakeEngine().catalogue))
    snapshot = wait(app, app.submit(REQUEST))
    app.close()
    assert snapshot.status == "finished"
    assert [image.index for image in drawn(snapshot)] == [0, 1, 2, 3]
    assert "Going on at picture 4" in snapshot.notices[0]


def test_unwritable_outputs_fail_the_job_but_lose_nothing(tmp_path):
    (tmp_path / "outputs").write_text("a file is in the way")
    app = make_app(tmp_path)
    snapshot = wait(app, app.submit(REQUEST))
    assert snapshot.status == "failed"
    assert "was kept as" in snapshot.error.message
    [image] = snapshot.images
    assert read_infotext_from(app.image_file(image.id)) == image.infotext
    (tmp_path / "outputs").unlink()
    assert wait(app, app.submit(REQUEST)).status == "finished"
    app.close()


def test_settings_of_a_job_are_those_of_its_submission(app):
    overrides = {"samples_format": "webp"}
    job = app.submit(app.base_request(overrides), overrides=overrides)
    app.set_options({"samples_format": "jpg"})
    [image] = wait(app, job).images
    assert image.path.endswith(".webp")


def test_a_restart_continues_at_the_first_picture_that_is_not_finished(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    running = app.submit(replace(REQUEST, batch=Batch(n_iter=6)))
    waiting = app.submit(REQUEST)
    for entry in app.follow(running.id):
        if type(entry.event).__name__ == "ImageReady":
            break
    app.close()

    app = make_app(tmp_path)
    snapshot = wait(app, running)
    assert wait(app, waiting).status == "finished"
    assert [image.index for image in drawn(snapshot)] == list(range(6))
    started = [e.event.start_image for e in app.follow(running.id) if isinstance(e.event, Started)]
    assert started[0] == 0 < started[1]
    app.close()


CHILD = """
import sys, time
from modules.engine.fake import FakeEngine
from modules.schema.request import *
from modules.service.app import build_app
from modules.settings.launch import Launch

launch = Launch(data_dir=sys.argv[1])
app = build_app(launch.paths(), launch, FakeEngine(step_s=0.002))
if sys.argv[2] != "-":
    request = GenerationRequest(seeds=Seeds(seed=40), size=Size(width=32, height=32),
        sampling=Sampling(steps=2), batch=Batch(n_iter=int(sys.argv[2])))
    print(app.submit(request).id, flush=True)
time.sleep(60)
"""


def start(data, count):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(CHILD), str(data), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def test_kill_9_of_the_server_at_any_moment_loses_and_doubles_nothing(tmp_path):
    count = 60
    with start(tmp_path, count) as first:
        job_id = first.stdout.readline().strip()
        time.sleep(0.15)
        first.send_signal(signal.SIGKILL)
    for pause in (0.5, 0.75):
        with start(tmp_path, "-") as again:
            threading.Timer(pause, again.kill).start()

    app = make_app(tmp_path)
    list(app.follow(job_id, timeout=30))
    snapshot = app.snapshot(job_id)
    assert snapshot.status == "finished"
    assert Counter(image.index for image in drawn(snapshot)) == Counter(range(count))
    files = sorted((tmp_path / "outputs" / "txt2img-images").rglob("*.png"))
    seeds = Counter(int(path.stem.partition("-")[2]) for path in files)
    assert seeds == Counter(range(40, 40 + count))
    assert len([e for e in app.follow(job_id) if isinstance(e.event, Finished)]) == 1
    app.close()


def full(path, data):
    raise OSError(errno.ENOSPC, "No space left on device")


def wait_until(holds, seconds=20):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it takes too long"
        time.sleep(0.01)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("modules.service.drawing.LOOK_AGAIN_S", 0.02)


def test_a_full_disk_pauses_everything_and_drawing_goes_on_when_there_is_room(
    tmp_path, monkeypatch, impatient
):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    job = app.submit(replace(REQUEST, batch=Batch(n_iter=4)))
    wait_until(lambda: len(app.snapshot(job.id).images) == 1)
    with monkeypatch.context() as patch:
        patch.setattr("modules.service.saving.write_and_sync", full)
        wait_until(lambda: app.control.state().trouble)
        snapshot = app.snapshot(job.id)
        kept = snapshot.images[-1]
        assert app.image_file(kept.id).parent == tmp_path / "tmp" / "rescued"
        assert "the disk is full" in app.control.state().trouble
        assert "Drawing goes on" in snapshot.notices[0]
        assert snapshot.status == "running"
    assert wait(app, job).status == "finished"
    assert app.control.state().trouble == ""
    assert len([event for event in app.follow(job.id) if isinstance(event.event, Finished)]) == 1
    pictures = [app.gallery.find(image.id) for image in drawn(app.snapshot(job.id))]
    assert [picture.seed for picture in pictures] == [7, 8, 9, 10]
    folder = tmp_path / "outputs" / "txt2img-images"
    assert {picture.path for picture in pictures} == set(folder.rglob("*.png"))
    assert not list((tmp_path / "tmp" / "rescued").iterdir())
    app.close()


def test_a_job_can_be_stopped_while_the_disk_is_full(tmp_path, monkeypatch, impatient):
    app = make_app(tmp_path)
    monkeypatch.setattr("modules.service.saving.write_and_sync", full)
    job = app.submit(REQUEST)
    wait_until(lambda: app.control.state().trouble)
    app.stop(job.id)
    assert wait(app, job).status == "stopped"
    assert app.control.state().trouble == ""
    app.close()


def test_pictures_kept_elsewhere_come_home_at_the_next_start(tmp_path, monkeypatch, impatient):
    app = make_app(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr("modules.service.gallery.save_image", _refusing)
        job = app.submit(replace(REQUEST, batch=Batch()))
        wait_until(lambda: app.snapshot(job.id).images)
        image = app.snapshot(job.id).images[0]
        away = app.gallery.find(image.id).path
        app.close()
    home = tmp_path / "outputs" / "txt2img-images"
    if not away.is_relative_to(home):  # it may have come home before it was asked for
        assert away.parent == tmp_path / "tmp" / "rescued"
    app = make_app(tmp_path)
    wait_until(lambda: app.gallery.find(image.id).path.is_relative_to(home))
    assert app.image_file(image.id).is_file()
    app.close()


def _refusing(*arguments, folder, **options):
    raise FolderRefuses(f"{folder} is full.")


def test_unfinished_files_of_an_earlier_run_are_tidied_at_the_start(tmp_path):
    folder = tmp_path / "outputs" / "txt2img-images"
    folder.mkdir(parents=True)
    old, young = folder / ".0.part", folder / ".1.part"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    app = make_app(tmp_path)
    wait_until(lambda: not old.exists())
    assert young.exists()
    app.close()


def test_a_job_for_ever_is_followed_by_another_with_a_new_seed_until_it_is_stopped(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.005))
    first = app.submit(replace(REQUEST, batch=Batch()), forever=True)
    wait_until(lambda: len(app.jobs(parent=first.id)) >= 2)
    app.stop(first.id)
    wait_until(lambda: not app.queue.count())
    assert app.snapshot(first.id).status == "finished"
    children = app.jobs(parent=first.id)
    assert len({child.task.seeds.seed for child in children} | {7}) == len(children) + 1
    assert children[0].status == "stopped"
    app.close()


def test_turning_for_ever_off_lets_the_present_one_be_the_last(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    job = app.submit(REQUEST, forever=True)
    app.control.set_forever(job.id, False)
    assert wait(app, job).status == "finished"
    assert app.jobs(parent=job.id) == []
    app.close()


def test_for_ever_can_be_turned_off_at_any_moment_and_by_any_job_of_the_row(tmp_path):
    app = make_app(tmp_path, FakeEngine())
    for _ in range(10):
        first = app.submit(replace(REQUEST, batch=Batch()), forever=True)
        wait_until(lambda job=first: len(app.jobs(parent=job.id)) >= 2)
        app.control.set_forever(first.id, False)
        wait_until(lambda: not app.queue.count())
        row = [app.snapshot(first.id), *app.jobs(1000, parent=first.id)]
        assert {(job.status, job.forever) for job in row} == {("finished", False)}
    app.close()


def test_a_paused_line_begins_nothing_and_stays_paused_after_a_restart(tmp_path):
    app = make_app(tmp_path)
    app.control.pause()
    job = app.submit(REQUEST)
    time.sleep(0.1)
    assert app.snapshot(job.id).status == "waiting"
    app.close()
    app = make_app(tmp_path)
    assert app.control.state().paused == "Paused by hand."
    assert app.control.state().waiting == (job.id,)
    app.control.resume()
    assert wait(app, job).status == "finished"
    app.close()


def test_a_held_job_leaves_the_engine_and_goes_on_at_its_next_picture(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    job = app.submit(replace(REQUEST, batch=Batch(n_iter=4)))
    wait_until(lambda: len(app.snapshot(job.id).images) == 1)
    app.control.hold(job.id)
    wait_until(lambda: app.snapshot(job.id).status == "waiting")
    assert app.snapshot(job.id).held
    other = app.submit(replace(REQUEST, batch=Batch()))
    assert wait(app, other).status == "finished"
    app.control.let_go(job.id)
    assert [image.seed for image in drawn(wait(app, job))] == [7, 8, 9, 10]
    app.close()


def test_stopping_a_parent_stops_its_children(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.02))
    parent = app.submit(replace(REQUEST, batch=Batch(n_iter=1000)))
    children = [app.submit(REQUEST, parent=parent.id) for _ in range(3)]
    app.stop(parent.id)
    assert {wait(app, job).status for job in (parent, *children)} == {"stopped"}
    app.close()


def test_all_jobs_of_one_person_are_stopped_and_others_go_on(tmp_path):
    app = make_app(tmp_path, FakeEngine(step_s=0.01))
    mine = [app.submit(REQUEST, person="ann") for _ in range(2)]
    yours = app.submit(replace(REQUEST, batch=Batch()), person="bob")
    assert app.control.stop_all("ann") == 2
    assert {wait(app, job).status for job in mine} == {"stopped"}
    assert wait(app, yours).status == "finished"
    app.close()
