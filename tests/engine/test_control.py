"""Units of control from a request to pictures and maps, through the engine that really draws."""

from dataclasses import replace

import numpy as np
import pytest

from modules.engine.ladder import RUNGS
from modules.engine.local import LocalEngine
from modules.errors import ModelError
from modules.paths import Paths
from modules.pipeline import control_shelf
from modules.pipeline.preprocessors.run import image_of, make_map, rgb_pixels
from modules.schema.cancel import Cancel
from modules.schema.control import ControlUnit
from modules.schema.control_task import Detect
from modules.schema.event import ImageReady, Notice
from tests.engine.tiny import request
from tests.model import tiny_checkpoints
from tests.model.control_checkpoints import write_controlnet


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    """The tiny checkpoint with a network of control for it."""
    paths = Paths(data=tmp_path_factory.mktemp("control"))
    paths.checkpoints.mkdir(parents=True)
    tiny_checkpoints.write("sd1", paths.checkpoints)
    write_controlnet(paths.control, "sd1", "control_canny")
    return LocalEngine(paths, device="cpu", preview_interval_s=None)


@pytest.fixture(scope="module")
def scene():
    """A bright square on a dark ground."""
    pixels = np.zeros((96, 96, 3), np.uint8)
    pixels[24:72, 24:72] = (250, 200, 90)
    return image_of(pixels)


def drawn(engine, *units, images=1):
    """The finished pictures and maps of a small request."""
    task = replace(request("sd1", steps=2, images=images), control=units)
    events = engine.run(task, Cancel())
    return [event.image for event in events if isinstance(event, ImageReady)]


def test_a_unit_listed_by_the_engine_changes_the_picture_and_shows_its_map(engine, scene):
    (title,) = engine.catalogue().control_models
    assert title.startswith("control_canny [")
    unit = ControlUnit(module="canny", model=title, image=scene, pixel_perfect=True)
    (plain,) = drawn(engine)
    first, second, shown = drawn(engine, unit, images=2)
    assert [one.kind for one in (first, second, shown)] == ["image", "image", "map"]
    assert shown.index == 2
    assert first.image != plain.image
    expected = make_map(rgb_pixels(scene), "canny", resolution=64)
    assert shown.image == image_of(expected)
    (hidden,) = drawn(engine, replace(unit, save_detected_map=False))
    assert hidden.image == first.image


def test_a_map_is_made_without_drawing(engine, scene):
    task = Detect(image=scene, module="canny", resolution=96, threshold_a=50)
    (event,) = engine.run(task, Cancel())
    expected = make_map(rgb_pixels(scene), "canny", resolution=96, threshold_a=50)
    assert event.image.image == image_of(expected)


def test_a_preprocessor_whose_file_is_missing_says_so(engine, scene):
    with pytest.raises(ModelError, match="ControlNetHED"):
        list(engine.run(Detect(image=scene, module="hed"), Cancel()))


def test_without_room_beside_the_model_one_network_at_a_time_draws_the_same(
    engine, scene, monkeypatch
):
    unit = ControlUnit(model="control_canny", module="canny", image=scene)
    (expected, _) = drawn(engine, unit)
    monkeypatch.setattr(control_shelf, "free_bytes", lambda device: 1000)
    task = replace(request("sd1", steps=2), control=(unit,))
    small = LocalEngine(engine._paths, device="cpu", preview_interval_s=None)
    events = list(small.run(task, Cancel()))
    assert [event.message for event in events if isinstance(event, Notice)] == [RUNGS["one"]]
    (found, _) = [event.image for event in events if isinstance(event, ImageReady)]
    assert found.image == expected.image
