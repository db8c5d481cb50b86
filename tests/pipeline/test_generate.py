"""The generation loop: events in order, batches, skipping, stopping, resuming."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from modules.errors import Interrupted, InvalidRequest, ModelError, NotFound
from modules.param import replace_at
from modules.pipeline.generate import generate
from modules.pipeline.points import Attachment, Points
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady, Notice, Preview, Progress
from modules.schema.inputs import Hires, Img2Img
from modules.schema.request import Batch, GenerationRequest, Sampling, Seeds, Size
from modules.schema.result import GeneratedImage
from tests.pipeline.reference import conditioner, model

SMALL = GenerationRequest(
    prompt="a cat",
    sampling=Sampling(sampler="Euler a", steps=3),
    seeds=Seeds(seed=10),
    size=Size(width=64, height=64),
)


def events(request: GenerationRequest = SMALL, **more: object) -> list[Event]:
    cancel = more.pop("cancel", None) or Cancel()
    options = {"preview_interval_s": None, **more}
    return list(generate(request, model(), conditioner(), cancel, **options))  # type: ignore[arg-type]


def images(request: GenerationRequest = SMALL, **more: object) -> list[GeneratedImage]:
    return [event.image for event in events(request, **more) if isinstance(event, ImageReady)]


def pixels(image: GeneratedImage) -> np.ndarray:
    assert image.image is not None
    shape = (image.height, image.width, 3)
    return np.frombuffer(image.image.data, np.uint8).reshape(shape).astype(int)


def batch(size: int, count: int) -> GenerationRequest:
    return replace(SMALL, batch=Batch(batch_size=size, n_iter=count))


def test_progress_after_each_step_then_the_picture() -> None:
    seen = events()
    assert [type(event) for event in seen] == [Progress] * 3 + [ImageReady]
    assert [event.step for event in seen if isinstance(event, Progress)] == [1, 2, 3]
    last = seen[2]
    assert isinstance(last, Progress)
    assert (last.fraction, last.eta_s) == (1.0, 0.0)


def test_pictures_of_a_batch_equal_the_single_pictures_of_their_seeds() -> None:
    together = images(batch(3, 1))
    assert [image.seed for image in together] == [10, 11, 12]
    for image in together:
        (alone,) = images(replace(SMALL, seeds=Seeds(seed=image.seed)))
        # Batched kernels may round differently, which is worth one level here and there.
        assert np.abs(pixels(image) - pixels(alone)).max() <= 1


def test_batches_count_on_where_the_one_before_ended() -> None:
    found = images(batch(2, 2))
    assert [(image.index, image.seed) for image in found] == [(0, 10), (1, 11), (2, 12), (3, 13)]


def test_with_a_variation_only_the_variation_seed_counts_up() -> None:
    seeds = Seeds(seed=10, subseed=70, subseed_strength=0.5)
    found = images(replace(batch(2, 1), seeds=seeds))
    assert [(image.seed, image.subseed) for image in found] == [(10, 70), (10, 71)]


def test_a_job_begun_again_draws_only_what_is_missing() -> None:
    whole = images(batch(2, 2))
    rest = images(batch(2, 2), start_image=3)
    assert [image.index for image in rest] == [3]
    assert np.array_equal(pixels(rest[0]), pixels(whole[3]))


def test_the_same_request_gives_the_same_pixels() -> None:
    assert np.array_equal(pixels(images()[0]), pixels(images()[0]))


def test_skipping_leaves_the_batch_and_goes_on_with_the_next() -> None:
    cancel, drawn = Cancel(), []
    for event in generate(batch(1, 3), model(), conditioner(), cancel, preview_interval_s=None):
        if isinstance(event, Progress) and (event.batch, event.step) == (1, 1):
            cancel.skip()
        if isinstance(event, ImageReady):
            drawn.append(event.image.index)
    assert drawn == [0, 2]


def test_stopping_ends_the_job_at_once_and_keeps_what_is_finished() -> None:
    cancel, seen = Cancel(), []
    with pytest.raises(Interrupted):
        for event in generate(batch(1, 3), model(), conditioner(), cancel, preview_interval_s=None):
            seen.append(event)
            if isinstance(event, Progress) and (event.batch, event.step) == (1, 2):
                cancel.stop()
    assert [type(event) for event in seen[-2:]] == [Progress, Progress]
    assert sum(isinstance(event, ImageReady) for event in seen) == 1


def test_a_job_stopped_before_it_began_draws_nothing() -> None:
    cancel = Cancel()
    cancel.stop()
    with pytest.raises(Interrupted):
        events(cancel=cancel)


def test_previews_are_small_jpegs_of_the_whole_batch() -> None:
    found = [e for e in events(batch(2, 1), preview_interval_s=0.0) if isinstance(e, Preview)]
    assert len(found) == 3
    picture = Image.open(io.BytesIO(found[0].jpeg))
    assert picture.format == "JPEG"
    assert picture.size == (found[0].width, found[0].height) == (128, 64)


def test_previews_do_not_come_more_often_than_wished() -> None:
    seen = events(preview_interval_s=60.0)
    assert sum(isinstance(event, Preview) for event in seen) == 1


def test_what_only_the_drawing_knows_comes_with_the_picture() -> None:
    facts = dict(images(replace_at(SMALL, "sampling.sampler", "DPM++ 2M"))[0].facts)
    assert facts["Schedule type"] == "Karras"
    assert facts["Model"] == "tiny"
    assert "Pad conds" not in facts
    long = replace_at(SMALL, "prompt", "a cat, " * 40)
    assert dict(images(replace_at(long, "text.pad_cond_uncond", True))[0].facts)["Pad conds"]
    assert dict(images(replace_at(long, "text.pad_cond_uncond_v0", True))[0].facts)["Pad conds v0"]


def test_an_embedding_in_the_prompt_is_named_with_its_hash() -> None:
    (image,) = images(replace_at(SMALL, "prompt", "a photo of ptemb"))
    assert dict(image.facts)["TI hashes"] == "ptemb: 3754bd5feed6"


def test_comments_are_taken_out_of_the_prompt_that_is_told() -> None:
    (image,) = images(replace(SMALL, prompt="a cat # not a dog", negative_prompt="b # c"))
    assert (image.prompt, image.negative_prompt) == ("a cat \n", "b \n")
    assert np.array_equal(
        pixels(image), pixels(images(replace_at(SMALL, "negative_prompt", "b"))[0])
    )


def test_a_network_that_cannot_be_applied_is_a_notice() -> None:
    seen = events(replace_at(SMALL, "prompt", "a cat <lora:fur:1>"))
    assert isinstance(seen[0], Notice)
    assert "fur" in seen[0].message


def test_sides_are_rounded_down_to_whole_cells() -> None:
    (image,) = images(replace(SMALL, size=Size(width=70, height=83)))
    assert (image.width, image.height) == (64, 80)


def test_attachments_join_at_every_point() -> None:
    moments: list[str] = []

    def note(name: str) -> object:
        return lambda *values: moments.append(name) or values[0]

    points = Points(
        (
            Attachment(
                before_network=note("before_network"),  # type: ignore[arg-type]
                after_guidance=note("after_guidance"),  # type: ignore[arg-type]
                after_step=note("after_step"),  # type: ignore[arg-type]
                before_decode=note("before_decode"),  # type: ignore[arg-type]
            ),
        )
    )
    events(points=points)
    step = ["before_network", "after_guidance", "after_step"]
    assert moments == [*step * 3, "before_decode"]


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        ("img2img", Img2Img(), InvalidRequest),
        ("hires", Hires(upscaler="Latnt"), NotFound),
        ("hires", Hires(checkpoint="another.safetensors"), ModelError),
        ("hires", Hires(resize_x=1), InvalidRequest),
        ("sampling.sampler", "Hune", NotFound),
        ("seeds.seed", -1, InvalidRequest),
        ("seeds.source", "TPU", InvalidRequest),
        ("size.width", 4, InvalidRequest),
        ("size", Size(width=16384, height=16384), InvalidRequest),
        ("text.emphasis", "Loud", NotFound),
    ],
)
def test_what_cannot_be_drawn_is_refused(path: str, value: object, error: type[Exception]) -> None:
    request = replace_at(SMALL, path, value)
    if path == "size":
        request = replace_at(request, "batch.batch_size", 128)
    with pytest.raises(error):
        events(request)


@pytest.mark.parametrize("sampler", ["DPM fast", "Restart", "DDIM", "UniPC", "LCM"])
def test_progress_never_falls_and_never_passes_the_end(sampler: str) -> None:
    seen = events(replace(SMALL, sampling=Sampling(sampler=sampler, steps=4)))
    steps = [event.step for event in seen if isinstance(event, Progress)]
    assert steps == sorted(steps)
    assert steps[-1] <= 4
