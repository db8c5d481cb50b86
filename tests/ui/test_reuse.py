"""A finished picture back to a request, with what its recipe does not hold."""

import pytest

from modules.errors import NotFound
from modules.param import get_at, params_of
from modules.schema.inputs import Hires, ImageData, Img2Img, Inpaint, PictureOptions, SoftInpaint
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.service.visitor import VISITOR, Visitor
from modules.ui.reuse import enlarging, request_behind

GREY = ImageData(16, 16, "RGB", bytes(16 * 16 * 3))
MASK = ImageData(16, 16, "L", bytes(range(256)))


def drawn(app, request):
    job = app.submit(request)
    for _ in app.follow(job.id):
        pass
    return app.snapshot(job.id).images[0]


@pytest.fixture(scope="module")
def inpainted():
    soft = SoftInpaint(preservation=1.5)
    inpaint = Inpaint(
        mask=MASK,
        mode="Inpaint not masked",
        content="latent noise",
        area="Only masked",
        blur=9,
        padding=64,
        round=False,
        soft=soft,
    )
    wish = Img2Img(
        images=(GREY,), denoising_strength=0.4, resize_mode="Resize and fill", inpaint=inpaint
    )
    return GenerationRequest(
        prompt="a boat",
        sampling=Sampling(steps=3),
        size=Size(width=64, height=32),
        seeds=Seeds(seed=5),
        batch=Batch(n_iter=2),
        img2img=wish,
        pictures=PictureOptions(colour_correction=True, background="#102030"),
    )


def test_every_control_of_a_picture_made_from_a_picture_comes_back(server, inpainted):
    job = server.app.submit(inpainted)
    for _ in server.app.follow(job.id):
        pass
    second = server.app.snapshot(job.id).images[1]
    back = request_behind(server.app, second.id, GenerationRequest(batch=Batch(n_iter=7))).request
    assert back.seeds.seed == 6
    assert back.batch.n_iter == 7
    for item in params_of(GenerationRequest):
        if item.path.startswith(("img2img.", "pictures.", "size.", "sampling.")) or item.path in (
            "prompt",
            "negative_prompt",
        ):
            assert get_at(back, item.path) == get_at(job.task, item.path), item.path


def test_a_picture_without_a_job_is_known_by_its_recipe(server, monkeypatch):
    image = drawn(server.app, GenerationRequest(prompt="alone", sampling=Sampling(steps=4)))

    def forgotten(job_id):
        raise NotFound("job", job_id)

    monkeypatch.setattr(server.app.queue, "find", forgotten)
    back = request_behind(server.app, image.id, GenerationRequest()).request
    assert (back.prompt, back.sampling.steps, back.seeds.seed) == ("alone", 4, image.seed)


def test_enlarging_draws_the_second_pass_of_the_controls_over_the_pictures_own_recipe(server):
    image = drawn(server.app, GenerationRequest(prompt="small", sampling=Sampling(steps=4)))
    now = GenerationRequest(prompt="something else", hires=Hires(scale=1.5, steps=7))
    request = enlarging(server.app, image.id, now)
    assert (request.prompt, request.seeds.seed, request.batch) == ("small", image.seed, Batch())
    assert (request.hires.scale, request.hires.steps) == (1.5, 7)
    assert (request.hires.image.width, request.hires.image.height) == (image.width, image.height)
    task = server.app.completed(request)
    assert (task.size.width, task.size.height) == (image.width, image.height)


def test_nobody_reuses_the_pictures_of_others(server):
    image = drawn(server.app, GenerationRequest(prompt="private"))
    mark = VISITOR.set(Visitor("somebody", "user"))
    try:
        with pytest.raises(NotFound):
            request_behind(server.app, image.id, GenerationRequest())
        with pytest.raises(NotFound):
            enlarging(server.app, image.id, GenerationRequest())
    finally:
        VISITOR.reset(mark)
