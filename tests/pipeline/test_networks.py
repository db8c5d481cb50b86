"""Networks named in prompts, from the mark to the picture."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from modules.errors import ModelError
from modules.model.patch.hypernetwork import HypernetworkFolder
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size
from tests.model.patch.test_hypernetwork import stack, write
from tests.model.patch.zoo import TEXT_FILE, Animal, plain_lora, some, zoo
from tests.pipeline.reference import conditioner, model

SMALL = GenerationRequest(
    sampling=Sampling(sampler="Euler", steps=4), seeds=Seeds(seed=3), size=Size(width=64, height=64)
)


@pytest.fixture(scope="module")
def patcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patcher]:
    folder = tmp_path_factory.mktemp("networks")
    for animal in zoo():
        if animal.name in ("lora", "locon", "half_fits", "of_sdxl"):
            animal.write(folder)
    text = plain_lora(TEXT_FILE, 256, 64)
    words = {"bundle_emb.newword.string_to_param.*": some(2, 64)}
    Animal("plain", text.tensors).write(folder)
    Animal("words", {**text.tensors, **words}).write(folder)
    torch.manual_seed(5)
    write(folder / "hyper.pt", stack((1, 2, 1), None), stack((1, 2, 1), None))
    one = Patcher(model(), NetworkFolder(folder), HypernetworkFolder(folder))
    yield one
    one.ensure([])
    conditioner().lend([])


def events(patcher: Patcher, prompt: str, request: GenerationRequest = SMALL) -> list[Event]:
    wanted = replace(request, prompt=prompt)
    parts = model(), conditioner(), Cancel()
    return list(generate(wanted, *parts, patcher=patcher, preview_interval_s=None))


def pixels(patcher: Patcher, prompt: str) -> np.ndarray:
    images = [one.image for one in events(patcher, prompt) if isinstance(one, ImageReady)]
    assert images[0].image is not None
    return np.frombuffer(images[0].image.data, np.uint8).astype(int)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one == other).all())


def test_a_hypernetwork_changes_the_picture_as_strongly_as_it_says(patcher: Patcher) -> None:
    plain = pixels(patcher, "a cat")
    strong = pixels(patcher, "a cat<hypernet:hyper:1>")
    assert not same(plain, strong)
    assert same(plain, pixels(patcher, "a cat<hypernet:hyper:0>"))
    assert same(plain, pixels(patcher, "a cat"))


def test_block_weights_choose_the_parts_that_change(patcher: Patcher) -> None:
    plain, all_of_it = pixels(patcher, "a cat"), pixels(patcher, "a cat<lora:lora:1>")
    assert not same(plain, all_of_it)
    assert same(all_of_it, pixels(patcher, "a cat<lora:lora:1:lbw=INS>"))  # it changes block IN01
    assert same(plain, pixels(patcher, "a cat<lora:lora:1:lbw=OUTALL>"))
    half = "0,0.5," + ",".join("0" * 15)
    halved = pixels(patcher, f"a cat<lora:lora:1:lbw={half}>")
    assert same(halved, pixels(patcher, "a cat<lora:lora:0.5>"))


def test_a_weight_may_change_on_the_way(patcher: Patcher) -> None:
    plain, whole = pixels(patcher, "a cat"), pixels(patcher, "a cat<lora:lora:1>")
    assert same(whole, pixels(patcher, "a cat<lora:lora:1@0,1@1>"))
    late = pixels(patcher, "a cat<lora:lora:0@0.49,1@0.5>")
    assert not same(late, plain)
    assert not same(late, whole)
    assert same(late, pixels(patcher, "a cat<lora:lora:0@1.99,1@2>"))  # by number of steps
    assert same(plain, pixels(patcher, "a cat"))


def test_words_that_come_with_a_network_mean_something_while_it_is_applied(
    patcher: Patcher,
) -> None:
    unknown = pixels(patcher, "a newword<lora:plain:1>")
    known = pixels(patcher, "a newword<lora:words:1>")
    assert not same(unknown, known)
    assert same(unknown, pixels(patcher, "a newword<lora:plain:1>"))


def test_part_of_a_network_is_news_and_none_of_it_an_error_before_any_step(
    patcher: Patcher,
) -> None:
    seen = events(patcher, "a cat<lora:half_fits>")
    notices = [one.message for one in seen if isinstance(one, Notice)]
    assert len(notices) == 1
    assert "2 of 3 tensors fit" in notices[0]
    for prompt, hires in (("a cat<lora:of_sdxl>", None), ("a cat", "b<lora:of_sdxl>")):
        second = Hires(prompt=hires) if hires else None
        request = replace(SMALL, hires=second, prompt=prompt)
        stream = generate(request, model(), conditioner(), Cancel(), patcher=patcher)
        with pytest.raises(ModelError, match="made for SDXL"):
            next(stream)
