"""Files that ask for pictures: recipes, pictures, and bodies of the REST API."""

import json
from pathlib import Path

import pytest
from PIL import Image

from modules.cli.recipe_files import AskedExtras, read_source
from modules.cli.run import changed, draw, find_field, parser, read_change, work_on
from modules.errors import InvalidRequest, NotFound
from modules.param import get_at
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from tests.service.test_app import drawn, make_app, wait

REQUEST = GenerationRequest(
    prompt="a {cat|dog}",
    seeds=Seeds(seed=7),
    size=Size(width=32, height=24),
    sampling=Sampling(steps=2, cfg_scale=5.5),
    batch=Batch(),
)


@pytest.fixture
def app(tmp_path):
    made = make_app(tmp_path / "data")
    yield made
    made.close()


def asked(app, path, *flags):
    (one,) = read_source(path, app)
    request, _ = changed(one.request, app, parser().parse_args([str(path), *flags]))
    return request


def written(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_picture_is_drawn_again_from_its_recipe(app, capsys):
    (image,) = drawn(wait(app, app.submit(REQUEST)))
    path = Path(image.path)
    request = asked(app, path)
    assert request.prompt == image.prompt
    assert (request.seeds.seed, request.sampling.steps, request.size.width) == (7, 2, 32)
    (one,) = read_source(path, app)
    out = path.parent / "again"
    chosen = parser().parse_args([str(path), "--set", "cfg_scale=3", "--out", str(out)])
    assert draw(one, app, chosen) == 0
    (made,) = out.glob("*.png")
    assert str(made) in capsys.readouterr().out
    with Image.open(made) as picture:
        assert "CFG scale: 3" in picture.text["parameters"]


def test_a_recipe_may_be_text_and_a_json_file_a_body_of_either_kind(app, tmp_path):
    text = written(tmp_path, "a.txt", "a cat\nSteps: 9, Sampler: Euler, Seed: 3, Size: 64x32")
    assert asked(app, text).sampling.steps == 9
    flat = written(tmp_path, "flat.json", {"prompt": "a", "steps": 5, "enable_hr": True})
    request = asked(app, flat)
    assert request.sampling.steps == 5 and request.hires is not None
    own = written(tmp_path, "own.json", {"prompt": "a", "sampling": {"steps": 6}})
    assert asked(app, own).sampling.steps == 6
    job = written(tmp_path, "job.json", {"request": {"prompt": "a", "seeds": {"seed": 4}}})
    assert asked(app, job).seeds.seed == 4
    several = written(tmp_path, "list.json", [{"prompt": "a"}, {"prompt": "b"}])
    assert [one.request.prompt for one in read_source(several, app)] == ["a", "b"]


def test_a_body_may_name_pictures_beside_it(app, tmp_path):
    Image.new("RGB", (16, 8), "red").save(tmp_path / "start.png")
    Image.new("L", (16, 8), 255).save(tmp_path / "mask.png")
    body = {"prompt": "a", "init_images": ["start.png"], "mask": "mask.png"}
    request = asked(app, written(tmp_path, "a.json", body))
    assert request.img2img.images[0].width == 16
    assert request.img2img.inpaint.mask.width == 16


def test_flags_change_what_the_file_asks_for(app, tmp_path):
    Image.new("RGB", (16, 8), "red").save(tmp_path / "start.png")
    path = written(tmp_path, "a.json", {"prompt": "a"})
    start = str(tmp_path / "start.png")
    flags = ["--set", "steps=3", "--set", "seeds.seed=12", "--init", start, "--mask", start]
    request = asked(app, path, *flags, "--set", "denoising_strength=0.5", "--set", "tiling=true")
    assert (request.sampling.steps, request.seeds.seed, request.tiling) == (3, 12, True)
    assert request.img2img.denoising_strength == 0.5
    plot = asked(app, path, "--script", "X/Y/Z plot", "--script-arg", "x_values=1-3")
    assert plot.script.args == {"x_values": "1-3"}
    assert asked(app, path, "--set", "hires.scale=1.5").hires.scale == 1.5


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("step=3", NotFound, "Did you mean .steps"),
        ("steps", InvalidRequest, "FIELD=VALUE"),
        ("steps=many", InvalidRequest, "Sampling steps cannot be"),
        ("steps=0", InvalidRequest, "at least 1"),
        ("emphasis=Orginal", NotFound, "Original"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(text, error, words):
    with pytest.raises(error, match=words):
        read_change(text)


def test_the_end_of_a_path_is_enough_and_means_the_first_pass():
    assert find_field("steps").path == "sampling.steps"
    assert find_field("sampler").path == "sampling.sampler"
    assert find_field("cfg_scale").path == "sampling.cfg_scale"
    assert read_change("eta=none")[1] is None
    assert get_at(GenerationRequest(), find_field("width").path) == 512


def test_files_that_ask_for_nothing_are_refused(app, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "bare.png")
    for path, words in (
        (tmp_path / "bare.png", "nothing of how it was made"),
        (tmp_path / "missing.png", "cannot be read"),
        (written(tmp_path, "a.json", "{"), "no JSON"),
        (written(tmp_path, "b.json", "3"), "must hold an object"),
        (written(tmp_path, "c.json", {"prompt": 3}), "prompt"),
    ):
        with pytest.raises(InvalidRequest, match=words):
            list(read_source(path, app))


def test_a_finished_picture_is_made_larger(app, tmp_path, capsys):
    Image.new("RGB", (16, 8), "red").save(tmp_path / "small.png")
    body = {"image": "small.png", "upscaler_1": "Lanczos", "upscaling_resize": 2}
    path = written(tmp_path, "a.json", body)
    (one,) = read_source(path, app)
    assert isinstance(one, AskedExtras)
    work_on(one, app, parser().parse_args([str(path), "--out", str(tmp_path / "out")]))
    with Image.open(capsys.readouterr().out.strip()) as picture:
        assert picture.size == (32, 16)


def test_the_request_can_be_looked_at_instead(app, tmp_path, capsys):
    path = written(tmp_path, "a.json", {"prompt": "a {b|b}"})
    (one,) = read_source(path, app)
    assert draw(one, app, parser().parse_args([str(path), "--show"])) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["wordings"][0]["prompt"] == "a b"
