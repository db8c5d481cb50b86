"""Scripts as parent jobs: their cells, their events, stops, failures and restarts."""

import time
from dataclasses import replace

import pytest

from modules.engine.fake import FakeEngine, plain_picture
from modules.errors import InvalidRequest, NotFound
from modules.param import replace_at
from modules.schema.event import Failed, Finished, ImageReady, Progress, Stopped
from modules.schema.inputs import ImageData, Img2Img
from modules.schema.request import GenerationRequest
from modules.schema.script_call import ScriptCall
from modules.service.app import build_app
from modules.settings.launch import Launch


@pytest.fixture
def make_app(tmp_path):
    apps = []

    def make(engine=None):
        app = build_app(
            Launch(data_dir=str(tmp_path)).paths(),
            Launch(data_dir=str(tmp_path)),
            engine or FakeEngine(),
        )
        apps.append(app)
        return app

    yield make
    for app in apps:
        app.close()


def looping(loops=3, **changes):
    start = ImageData(64, 64, "RGB", bytes(3 * 64 * 64))
    request = GenerationRequest(
        prompt="a cat",
        img2img=Img2Img(images=(start,)),
        script=ScriptCall(name="loopback", args={"loops": loops}),
    )
    for path, value in {
        "seeds.seed": 5,
        "sampling.steps": 2,
        "size.width": 64,
        "size.height": 64,
        **changes,
    }.items():
        request = replace_at(request, path, value)
    return request


def events_of(app, job):
    return [entry.event for entry in app.follow(job.id, timeout=20)]


def test_every_cell_is_a_job_of_its_own_that_belongs_to_the_scripts(make_app):
    engine = FakeEngine()
    app = make_app(engine)
    job = app.submit(looping())
    events = events_of(app, job)
    assert isinstance(events[-1], Finished)
    cells = app.jobs(parent=job.id)
    assert [cell.task.seeds.seed for cell in reversed(cells)] == [5, 6, 7]
    assert {cell.status for cell in cells} == {"finished"}
    assert [job.id] == [one.id for one in app.jobs()]
    shown = [event.image for event in events if isinstance(event, ImageReady)]
    assert [image.kind for image in shown] == ["image"] * 3 + ["grid"]
    assert [image.index for image in shown] == [0, 1, 2, 3]
    shares = [event.fraction for event in events if isinstance(event, Progress)]
    assert shares == sorted(shares)
    assert all(share * 6 == pytest.approx(round(share * 6)) for share in shares)  # 3 x 2 steps


def test_a_script_is_listed_and_followed_as_one_job(make_app):
    app = make_app()
    job = app.submit(looping())
    events_of(app, job)
    snapshot = app.snapshot(job.id)
    assert (snapshot.status, snapshot.fraction, snapshot.batches) == ("finished", 1.0, 3)
    assert snapshot.task.script.args["loops"] == 3
    assert len({image.id for image in snapshot.images}) == 4


def wait_for(app, job, count):
    """Wait until the followers of a job have seen `count` pictures."""
    seen = 0
    for entry in app.follow(job.id, timeout=20):
        seen += isinstance(entry.event, ImageReady)
        if seen >= count:
            return


def test_a_stopped_script_keeps_what_is_drawn_and_puts_it_together(make_app):
    app = make_app(FakeEngine(step_s=0.02))
    job = app.submit(looping(loops=50))
    wait_for(app, job, 2)
    app.stop(job.id)
    events = events_of(app, job)
    assert isinstance(events[-1], Stopped)
    kinds = [event.image.kind for event in events if isinstance(event, ImageReady)]
    assert kinds[-1] == "grid"
    assert 2 <= kinds.count("image") < 10
    assert app.snapshot(app.jobs(parent=job.id)[0].id).status in ("stopped", "finished")


def test_stopping_one_part_does_not_stop_the_script(make_app):
    app = make_app(FakeEngine(step_s=0.05))
    job = app.submit(looping(loops=2, **{"batch.n_iter": 2, "sampling.steps": 6}))
    wait_for(app, job, 1)
    time.sleep(0.1)
    app.stop(app.jobs(parent=job.id)[0].id)
    assert isinstance(events_of(app, job)[-1], Finished)


def test_a_held_script_goes_on_where_it_was(make_app):
    engine = FakeEngine(step_s=0.02)
    app = make_app(engine)
    job = app.submit(looping(loops=6))
    wait_for(app, job, 2)
    app.control.hold(job.id)
    while app.snapshot(job.id).status == "running":
        time.sleep(0.01)
    before = len(app.jobs(parent=job.id))
    app.control.let_go(job.id)
    assert isinstance(events_of(app, job)[-1], Finished)
    cells = app.jobs(parent=job.id)
    assert before < len(cells) == 6
    assert sorted(cell.task.seeds.seed for cell in cells) == [5, 6, 7, 8, 9, 10]
    shown = app.snapshot(job.id).images
    assert [image.index for image in shown] == list(range(7))


def test_a_closed_program_goes_on_with_a_script_and_draws_nothing_twice(make_app):
    app = make_app(FakeEngine(step_s=0.02))
    job = app.submit(looping(loops=6))
    wait_for(app, job, 2)
    app.close()
    engine = FakeEngine()
    heir = make_app(engine)
    assert isinstance(events_of(heir, job)[-1], Finished)
    drawn = [task.seeds.seed for task, _ in engine.tasks]
    shown = heir.snapshot(job.id).images
    assert len(drawn) <= 4 and drawn == sorted(drawn)
    assert [image.seed for image in shown if image.kind == "image"] == [5, 6, 7, 8, 9, 10]
    assert len(set(image.path for image in shown)) == 7


def test_stopping_a_held_script_ends_its_parts_too(make_app):
    app = make_app(FakeEngine(step_s=0.02))
    job = app.submit(looping(loops=6))
    wait_for(app, job, 1)
    app.control.hold(job.id)
    while app.snapshot(job.id).status == "running":
        time.sleep(0.01)
    app.stop(job.id)
    assert {cell.status for cell in app.jobs(parent=job.id)} <= {"finished", "stopped"}
    assert app.snapshot(job.id).status == "stopped"


@pytest.mark.parametrize(
    ("name", "args", "error"),
    [
        ("Lopback", {}, NotFound),
        ("Loopback", {"lops": 3}, InvalidRequest),
        ("Loopback", {"loops": 0}, InvalidRequest),
        ("Loopback", {"loops": "many"}, InvalidRequest),
        ("Loopback", {"denoising_curve": "Wild"}, NotFound),
    ],
)
def test_what_cannot_work_is_refused_at_once(make_app, name, args, error):
    app = make_app()
    with pytest.raises(error):
        app.submit(replace(looping(), script=ScriptCall(name=name, args=args)))
    assert not app.jobs()


def test_a_script_that_needs_a_picture_says_so(make_app):
    app = make_app()
    request = replace_at(looping(), "img2img", Img2Img())
    with pytest.raises(InvalidRequest, match="no picture to start from"):
        app.submit(request)


def test_loops_go_on_with_the_very_pixels_even_if_files_are_lossy(make_app):
    engine = FakeEngine()
    app = make_app(engine)
    settings, _ = app.settings.with_overrides({"samples_format": "jpg"})
    job = app.submit(looping(loops=2), settings=settings)
    events_of(app, job)
    first, second = (task for task, _ in engine.tasks)
    assert app.snapshot(job.id).images[1].path.endswith(".jpg")
    assert second.img2img.images[0] == plain_picture(first, 0).image
    app.close()
    assert not (app.paths.cache / "scripts" / job.id).exists()


def lines(text):
    script = ScriptCall(name="Prompts from file or textbox", args={"text": text})
    request = GenerationRequest(prompt="a cat", script=script)
    return replace_at(replace_at(request, "size.width", 64), "size.height", 64)


def test_a_part_that_cannot_be_drawn_is_told_and_the_rest_goes_on(make_app):
    app = make_app()
    job = app.submit(lines("--steps 0\n--steps 1"))
    assert isinstance(events_of(app, job)[-1], Finished)
    snapshot = app.snapshot(job.id)
    assert len(snapshot.images) == 1
    assert snapshot.notices[0].startswith("Part 1 could not be drawn: Sampling steps is 0")


def test_a_script_none_of_whose_parts_can_be_drawn_fails_and_says_why(make_app):
    app = make_app()
    job = app.submit(lines("--steps 0\n--sd_model nowhere"))
    ending = events_of(app, job)[-1]
    assert isinstance(ending, Failed)
    assert "Sampling steps is 0" in ending.message
