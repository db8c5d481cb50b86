"""The owner's rules reach every task, and nobody else can loosen them."""

import pytest

from modules.engine.fake import FakeEngine
from modules.errors import InvalidRequest, NotFound
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest, Sampling, Size
from modules.schema.tasks import Look, Screened
from modules.schema.watermark import Watermark
from modules.service.app import App, build_app
from modules.service.screening import ScreenedEngine, looked
from modules.settings.launch import Launch

REQUEST = GenerationRequest(prompt="x", sampling=Sampling(steps=1), size=Size(width=32, height=32))
IMAGE = ImageData(8, 8, "RGB", bytes(range(192)))


class Listening(FakeEngine):
    """Notes every task as it came."""

    def __init__(self):
        super().__init__(flags_all=True)
        self.came = []

    def run(self, task, cancel, start_image=0):
        self.came.append(task)
        return super().run(task, cancel, start_image)


@pytest.fixture
def engine():
    return Listening()


def started(data, engine, **flags) -> App:
    launch = Launch(data_dir=str(data), **flags)
    return build_app(launch.paths(), launch, engine)


@pytest.fixture
def app(tmp_path, engine):
    made = started(tmp_path, engine)
    yield made
    made.close()


def draw(app, request=REQUEST, **wish):
    job = app.submit(request, **wish)
    for _ in app.follow(job.id, timeout=30):
        pass
    return app.snapshot(job.id)


def test_tasks_are_screened_as_the_settings_say_at_that_moment(app, engine):
    draw(app)
    assert engine.came == [app.queue.find(app.jobs()[0].id).task]
    for manner in ("tag", "blur", "block"):
        app.set_options({"safety_checker": manner})
        draw(app, overrides={"safety_checker": "off"})
        wrapped = engine.came[-2]
        assert isinstance(wrapped, Screened)
        assert wrapped.manner == manner


@pytest.mark.parametrize(
    ("flag", "setting", "manner"), [("block", "tag", "block"), ("tag", "blur", "blur")]
)
def test_the_stricter_of_flag_and_setting_counts(tmp_path, engine, flag, setting, manner):
    app = started(tmp_path, engine, safety=flag)
    app.set_options({"safety_checker": setting})
    assert app.rules.manner() == manner
    app.close()


def test_pictures_made_without_the_engine_are_looked_at_when_there_is_a_reason(engine):
    manner = "off"
    screened = ScreenedEngine(engine, lambda: manner)
    assert looked(screened, Look(image=IMAGE)).image == IMAGE
    assert engine.came == []
    manner = "block"
    seen = looked(screened, Look(image=IMAGE))
    assert not any(seen.image.data)
    assert seen.facts == (("Safety", "blocked"),)
    assert "safety checker" in seen.notices[0]


def test_the_owners_watermark_goes_before_everybodys_wishes(app, engine):
    assert draw(app).status == "finished"
    assert engine.came[-1].watermark is None
    draw(app, overrides={"watermark_method": "dwtDctSvd", "watermark_text": "mine"})
    assert engine.came[-1].watermark == Watermark(method="dwtDctSvd", text="mine")
    app.set_options({"watermark_method": "dwtDct"})
    draw(app, overrides={"watermark_method": "None"})
    assert engine.came[-1].watermark == Watermark(method="dwtDct", text="StableDiffusionV1")


def test_a_watermark_that_cannot_be_hidden_is_refused_at_once(app):
    app.set_options({"watermark_method": "rivaGan"})
    assert app.rules.watermark() == Watermark(method="rivaGan", text="SDV1")
    app.set_options({"watermark_text": "five5"})
    with pytest.raises(InvalidRequest, match="4 bytes"):
        app.submit(REQUEST)
    with pytest.raises(NotFound, match="dwtDct"):
        Watermark(method="dwtDtc").check()
