"""Requests with pictures and second passes, filled in and checked."""

from dataclasses import replace

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.schema.inputs import Hires, ImageData, Img2Img, PictureOptions
from modules.schema.request import Batch, GenerationRequest, Sampling, Size
from modules.service.complete import complete_request

TINY = CheckpointInfo(
    title="tiny.safetensors [fe1e97aec4]", name="tiny.safetensors", path="/tiny", stem="tiny"
)
OTHER = replace(TINY, title="other.safetensors", name="other.safetensors", stem="other")
MODELS = Catalogue(checkpoints=(TINY, OTHER))
PICTURE = ImageData(8, 8, "RGB", bytes(192))


def complete(**parts: object) -> GenerationRequest:
    return complete_request(GenerationRequest(**parts), MODELS)  # type: ignore[arg-type]


def hires(**fields: object) -> Hires:
    found = complete(hires=Hires(**fields)).hires  # type: ignore[arg-type]
    assert found is not None
    return found


def test_names_of_the_second_pass_are_those_of_the_menus() -> None:
    found = hires(upscaler="latent (NEAREST)", sampler="k_euler_a", schedule="Karras")
    assert (found.upscaler, found.sampler, found.schedule) == (
        "Latent (nearest)",
        "Euler a",
        "Karras",
    )


def test_a_schedule_in_the_sampler_s_name_is_split_off() -> None:
    found = hires(sampler="Euler Karras")
    assert (found.sampler, found.schedule) == ("Euler", "Karras")


def test_in_the_manner_of_1_8_the_name_stays_whole() -> None:
    old = Sampling(sampler="Euler", schedule="")
    found = complete(sampling=old, hires=Hires(sampler="DPM++ 2M Karras")).hires
    assert found is not None
    assert (found.sampler, found.schedule) == ("DPM++ 2M Karras", "")


def test_what_equals_the_first_pass_is_left_empty() -> None:
    same = Hires(sampler="DPM++ 2M", prompt="a", negative_prompt="b", checkpoint="tiny")
    found = complete(prompt="a", negative_prompt="b", hires=same).hires
    assert found is not None
    assert (found.sampler, found.prompt, found.negative_prompt, found.checkpoint) == ("",) * 4


def test_early_versions_gave_the_size_of_the_second_pass() -> None:
    early = PictureOptions(old_hires_size=True)
    done = complete(size=Size(width=768, height=1024), hires=Hires(), pictures=early)
    assert done.hires is not None
    assert done.size == Size(width=448, height=640)
    assert (done.hires.resize_x, done.hires.resize_y) == (768, 1024)
    assert complete_request(done, MODELS) == done


def test_a_size_that_is_given_goes_before_that_of_early_versions() -> None:
    early = PictureOptions(old_hires_size=True)
    hires = Hires(resize_x=768, resize_y=768)
    size = Size(width=512, height=512)
    assert complete(size=size, hires=hires, pictures=early).size == size


def test_a_finished_picture_says_how_large_the_first_pass_was() -> None:
    found = complete(hires=Hires(image=ImageData(64, 32, "RGB", bytes(6144))))
    assert found.size == Size(width=64, height=32)


@pytest.mark.parametrize(
    ("parts", "error", "words"),
    [
        ({"hires": Hires(upscaler="Latnt")}, NotFound, "Did you mean 'Latent'"),
        ({"hires": Hires(sampler="Huler")}, NotFound, "Euler"),
        ({"hires": Hires(checkpoint="none such")}, NotFound, "checkpoint"),
        ({"hires": Hires(resize_x=1)}, InvalidRequest, "too small"),
        ({"hires": Hires(resize_x=16384, resize_y=16384)}, InvalidRequest, "million"),
        ({"img2img": Img2Img()}, InvalidRequest, "no picture"),
        ({"img2img": Img2Img(images=(PICTURE,) * 2)}, InvalidRequest, "batch of 1"),
        ({"img2img": Img2Img(images=(PICTURE,)), "hires": Hires()}, InvalidRequest, "not to img2i"),
        (
            {"img2img": Img2Img(images=(PICTURE,)), "pictures": PictureOptions(upscaler="x")},
            NotFound,
            "upscaler",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(
    parts: dict[str, object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        complete(**parts)


def test_several_pictures_are_the_batch() -> None:
    wish = Img2Img(images=(PICTURE,) * 2)
    found = complete(img2img=wish, batch=Batch(batch_size=4, n_iter=3))
    assert found.batch == Batch(batch_size=2, n_iter=3)


def test_another_checkpoint_of_the_second_pass_is_named_in_full() -> None:
    assert hires(checkpoint="other").checkpoint == "other.safetensors"
    assert hires(checkpoint="tiny").checkpoint == ""  # that of the first pass
