"""Every picture of a folder: order, names, masks, recipes, and files that are none."""

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.engine.fake import FakeEngine
from modules.errors import InvalidRequest
from modules.schema.event import Finished
from modules.schema.inputs import Img2Img
from modules.schema.script_call import ScriptCall
from modules.service.app import build_app
from modules.service.visitor import USER, VISITOR, Forbidden, Visitor
from modules.settings.launch import Launch
from tests.service.scripts.stage import request


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def app(tmp_path, engine):
    launch = Launch(data_dir=str(tmp_path / "data"))
    made = build_app(launch.paths(), launch, engine)
    yield made
    made.close()


@pytest.fixture
def folder(tmp_path):
    """Four pictures of different widths, one of them below, and a text."""
    made = tmp_path / "in"
    (made / "below").mkdir(parents=True)
    for number, name in enumerate(("a10.png", "a2.png", "below/b.jpg", "A1.webp")):
        Image.new("RGB", (64 + 8 * number, 64), "red").save(made / name)
    (made / "notes.txt").write_text("no picture")
    return made


def batch(app, folder, *, task=None, **args):
    """Draw a folder; returns the job's snapshot."""
    wish = task or request(**{"img2img": Img2Img()})
    script = ScriptCall(name="Batch", args={"input_dir": str(folder), **args})
    job = app.submit(type(wish)(**{**vars(wish), "script": script}))
    events = [entry.event for entry in app.follow(job.id, timeout=20)]
    assert isinstance(events[-1], Finished)
    return app.snapshot(job.id)


def starts(engine):
    return [task.img2img.images[0].width for task, _ in engine.tasks]


def test_files_come_in_natural_order_with_one_seed(app, engine, folder):
    wish = request(**{"img2img": Img2Img(), "seeds.seed": -1})
    snapshot = batch(app, folder, task=wish)
    assert starts(engine) == [88, 72, 64, 80]  # A1, a2, a10, below/b
    assert len({task.seeds.seed for task, _ in engine.tasks}) == 1
    assert len(snapshot.images) == 4


def test_results_take_the_names_of_their_pictures(app, folder, tmp_path):
    out = tmp_path / "out"
    wish = request(**{"img2img": Img2Img(), "batch.batch_size": 2})
    batch(app, folder, task=wish, output_dir=str(out))
    names = sorted(path.name for path in out.iterdir())
    assert names == sorted(
        ["A1.png", "A1-1.png", "a2.png", "a2-1.png", "a10.png", "a10-1.png", "b.png", "b-1.png"]
    )
    batch(app, folder, output_dir=str(out))
    assert (out / "a2-2.png").is_file()


def test_sizes_may_follow_the_pictures(app, engine, folder):
    batch(app, folder, scale_by=2)
    assert [task.size.width for task, _ in engine.tasks] == [176, 144, 128, 160]


def test_only_some_results_are_shown_but_all_are_kept(app, folder):
    snapshot = batch(app, folder, show=1)
    assert [image.kind for image in snapshot.images] == ["image", "cell", "cell", "cell"]


def test_one_mask_serves_all_and_several_go_by_name(app, engine, folder, tmp_path):
    masks = tmp_path / "masks"
    masks.mkdir()
    Image.new("L", (64, 64), "white").save(masks / "any.png")
    batch(app, folder, inpaint_mask_dir=str(masks))
    assert all(task.img2img.inpaint.mask is not None for task, _ in engine.tasks)
    Image.new("L", (64, 64), "white").save(masks / "a2.png")
    engine.tasks.clear()
    snapshot = batch(app, folder, inpaint_mask_dir=str(masks))
    assert starts(engine) == [72]
    assert "A1.webp was left out: there is no mask of that name." in snapshot.notices


def test_recipes_of_the_pictures_take_part(app, engine, folder):
    info = PngInfo()
    info.add_text("parameters", "red hat\nNegative prompt: bad\nSteps: 9, Sampler: Heun, Seed: 77")
    Image.new("RGB", (64, 64)).save(folder / "a2.png", pnginfo=info)
    batch(app, folder, use_png_info=True, png_info_props=["Prompt", "Seed", "Sampler"])
    first, second = (task for task, _ in engine.tasks[:2])
    assert (first.prompt, first.seeds.seed, first.sampling.steps) == ("a cat", 5, 2)
    assert (second.prompt, second.seeds.seed, second.sampling.steps) == ("a cat red hat", 77, 2)
    assert second.sampling.sampler == "Heun"
    assert second.negative_prompt == ""


def test_a_file_that_is_no_picture_is_told_and_left_out(app, engine, folder):
    (folder / "a2.png").write_bytes(b"no picture")
    snapshot = batch(app, folder)
    assert len(engine.tasks) == 3
    assert any(notice.startswith("a2.png was left out") for notice in snapshot.notices)


@pytest.mark.parametrize("name", ["nowhere", ""])
def test_a_folder_that_is_none_is_refused(app, tmp_path, name):
    with pytest.raises(InvalidRequest, match="no folder on the server"):
        batch(app, str(tmp_path / name / "x") if name else "")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="no pictures"):
        batch(app, tmp_path / "empty")


def test_only_administrators_read_folders_of_the_server(app, folder):
    token = VISITOR.set(Visitor("guest", USER))
    try:
        with pytest.raises(Forbidden):
            batch(app, folder)
    finally:
        VISITOR.reset(token)
