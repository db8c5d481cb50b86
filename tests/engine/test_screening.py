"""The engine obeys its safety checker, and draws nothing without one where it must have one."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modules.engine.local import LocalEngine
from modules.errors import ModelError
from modules.model.networks.clip_vision import ClipVisionConfig
from modules.model.safety import CheckerNetwork
from modules.pipeline.watermark_reader import is_marked
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady, Notice, Preview
from modules.schema.inputs import ImageData
from modules.schema.tasks import Look, Screened, Upscale
from modules.schema.watermark import Watermark
from tests.engine.tiny import folder_with, pictures, request
from tests.model.tiny import random_network

SMALL = ClipVisionConfig(width=64, layers=2, heads=1, intermediate=96, patch=8, side=32)
LARGE = ClipVisionConfig(width=1024, layers=24, heads=16, intermediate=4096, patch=14, side=224)
"""ViT-L/14, as in the checker of the first release."""
ALL, NONE = -2.0, 2.0
"""Thresholds that every picture is above, or below."""


def put_checker(folder, threshold, config=SMALL, sizes=(16, 2, 1), dtype=torch.float32):
    """A checker of random weights; `sizes` are projection, concepts, those of special care."""
    network = random_network(CheckerNetwork(config, sizes[0], sizes[1:]), 1)
    state = {name: tensor.to(dtype) for name, tensor in network.state_dict().items()}
    for name in ("concept_embeds_weights", "special_care_embeds_weights"):
        state[name] = torch.full_like(state[name], threshold)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    before = path.stat().st_mtime_ns if path.exists() else 0
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    if before:
        os.utime(path, ns=(before + 10**9, before + 10**9))


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return folder_with(tmp_path_factory.mktemp("screened"), "tiny")


@pytest.fixture(scope="module")
def engine(paths):
    made = LocalEngine(paths, device="cpu", preview_interval_s=0)
    yield made
    made.close()


def run(engine, task=None, manner="block"):
    return list(engine.run(Screened(task=task or request(), manner=manner), Cancel()))


def test_without_weights_nothing_is_drawn(engine, paths):
    (paths.safety_checker / "model.safetensors").unlink(missing_ok=True)
    with pytest.raises(ModelError, match="must pass the safety checker"):
        run(engine)


def test_broken_weights_let_nothing_through(engine, paths):
    put_checker(paths.safety_checker, NONE)
    path = paths.safety_checker / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelError):
        run(engine)
    put_checker(paths.safety_checker, float("nan"))
    events = []
    with pytest.raises(ModelError, match="gives no numbers"):
        events.extend(engine.run(Screened(task=request(), manner="tag"), Cancel()))
    assert not pictures(events)


def test_a_new_file_is_read_anew_and_what_it_flags_never_leaves(engine, paths):
    put_checker(paths.safety_checker, NONE)
    plain = pictures(engine.run(request(), Cancel()))
    assert pictures(run(engine)) == plain
    put_checker(paths.safety_checker, ALL)
    events = run(engine)
    assert pictures(events) == [bytes(len(plain[0]))]
    assert [event.message for event in events if isinstance(event, Notice)]
    assert not [event for event in events if isinstance(event, Preview)]
    assert pictures(run(engine, manner="tag")) == plain


def test_enlarged_pictures_and_those_from_outside_are_looked_at_too(engine, paths):
    put_checker(paths.safety_checker, ALL)
    image = ImageData(16, 8, "RGB", bytes(range(128)) * 3)
    enlarge = Upscale(image=image, upscaler="Lanczos", factor=2)
    assert pictures(run(engine, enlarge)) == [bytes(32 * 16 * 3)]
    assert pictures(run(engine, Look(image=image))) == [bytes(16 * 8 * 3)]


def test_a_picture_from_outside_is_marked_if_it_is_large_enough(engine):
    small = ImageData(8, 8, "RGB", bytes(8 * 8 * 3))
    *notices, ready = engine.run(Look(image=small, watermark=Watermark()), Cancel())
    assert ready.image.image == small
    assert [type(one) for one in notices] == [Notice]
    pixels = np.full((256, 256, 4), 120, np.uint8)
    large = ImageData(256, 256, "RGBA", pixels.tobytes())
    [ready] = engine.run(Look(image=large, watermark=Watermark(method="dwtDctSvd")), Cancel())
    assert isinstance(ready, ImageReady)
    assert ready.image.facts == (("Watermark", "dwtDctSvd"),)
    shown = np.frombuffer(ready.image.image.data, np.uint8).reshape(256, 256, 4)
    assert (shown[..., 3] == 120).all()
    assert (shown[..., :3] != 120).any()


def test_drawn_pictures_are_marked_as_their_request_says(engine):
    wish = replace(request(side=256), watermark=Watermark(method="dwtDctSvd"))
    [ready] = [one for one in engine.run(wish, Cancel()) if isinstance(one, ImageReady)]
    shown = np.frombuffer(ready.image.image.data, np.uint8).reshape(256, 256, 3)
    assert is_marked(shown, method="dwtDctSvd")
    assert ("Watermark", "dwtDctSvd") in ready.image.facts
    assert "Device" not in dict(ready.image.facts)  # a processor's full precision goes unsaid


@pytest.mark.slow
def test_a_checker_of_the_real_size_replaces_every_picture_it_flags(engine, paths):
    put_checker(paths.safety_checker, ALL, LARGE, (768, 17, 3), torch.float16)
    plain = pictures(engine.run(request(images=2), Cancel()))
    assert pictures(run(engine, request(images=2))) == [bytes(len(one)) for one in plain]
    (paths.safety_checker / "model.safetensors").unlink()
    engine.unload()
