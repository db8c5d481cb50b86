"""What pictures are drawn from is kept once, found by its hash, and goes with the last of them."""

from dataclasses import replace

import pytest

from modules.engine.fake import FakeEngine
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.app import App, build_app
from modules.service.inputs import digest_of, for_picture, taken_apart
from modules.settings.launch import Launch

PICTURE = ImageData(16, 8, "RGBA", bytes(range(256)) * 2)
MASK = ImageData(16, 8, "L", bytes(128))
START = Img2Img(images=(PICTURE,), inpaint=Inpaint(mask=MASK), resize_mode="Resize and fill")
REQUEST = GenerationRequest(
    prompt="a cat",
    seeds=Seeds(seed=1),
    size=Size(width=32, height=32),
    sampling=Sampling(steps=1),
    img2img=START,
)


@pytest.fixture
def app(tmp_path):
    launch = Launch(data_dir=str(tmp_path))
    made = build_app(launch.paths(), launch, FakeEngine())
    yield made
    made.close()


def draw(app: App, request: GenerationRequest = REQUEST, **wish):
    job = app.submit(request, **wish)
    for _ in app.follow(job.id, timeout=30):
        pass
    return [one for one in app.snapshot(job.id).images if one.kind == "image"]


def files(app):
    return sorted(path.suffix for path in app.paths.inputs.rglob("*") if path.is_file())


def named(image):
    return image.infotext.partition("Inputs: ")[2][:16]


def test_a_recipe_names_what_the_picture_was_drawn_from(app):
    [image] = draw(app)
    found = app.gallery.inputs.find(named(image))
    assert found.img2img == START
    assert (found.prompt, found.size) == ("", Size())
    [text] = draw(app, replace(REQUEST, img2img=None))
    assert "Inputs" not in text.infotext


def test_the_same_pictures_are_kept_once(app):
    first, second = draw(app, replace(REQUEST, batch=Batch(n_iter=2)))
    [other] = draw(app, replace(REQUEST, prompt="a dog", seeds=Seeds(seed=9)))
    assert named(first) == named(second) == named(other)
    assert files(app) == [".json", ".png", ".png"]


def test_they_go_with_the_last_picture_that_needs_them(app):
    first, second = draw(app, replace(REQUEST, batch=Batch(n_iter=2)))
    inputs = app.gallery.inputs
    for image, left in ((first, 3), (second, 0)):
        app.collection.throw_away([image.id])
        assert inputs.tidy(fresh_s=0) == 0  # it may come back from the trash
        app.collection.empty_trash()
        inputs.tidy(fresh_s=0)
        assert len(files(app)) == left
    assert inputs.find(named(second)) is None


def test_what_is_not_saved_keeps_nothing(app):
    [image] = draw(app, save=False)
    assert "Inputs" not in image.infotext
    app.set_options({"keep_inputs": False})
    [image] = draw(app)
    assert "Inputs" not in image.infotext
    assert files(app) == []


@pytest.mark.parametrize("name", ["", "../../../../etc/p", "0123456789abcdeg", "*" * 16])
def test_names_that_are_no_hashes_find_nothing(app, name):
    draw(app)
    assert app.gallery.inputs.find(name) is None


def test_hashes_are_those_of_pixels_size_and_mode():
    assert digest_of(PICTURE) != digest_of(replace(PICTURE, width=8, height=16))
    parts, pictures = taken_apart(replace(REQUEST, hires=Hires(image=MASK), img2img=None))
    assert pictures == {digest_of(MASK): MASK}
    assert parts.hires.image.data == digest_of(MASK).encode()
    assert parts.prompt == ""


def test_a_picture_of_a_batch_has_one_start_picture():
    other = replace(PICTURE, data=bytes(512))
    both = replace(REQUEST, img2img=replace(START, images=(PICTURE, other)))
    assert for_picture(both, 3).img2img.images == (other,)
    assert for_picture(REQUEST, 3) == REQUEST
