"""Requests and events travel as JSON without losing anything."""

import typing

import pytest

from modules.param import params_of, replace_at
from modules.schema import event as events
from modules.schema.cancel import Cancel
from modules.schema.codec import event_from_json, event_to_json, from_json, to_json
from modules.schema.inputs import Hires, ImageData, Img2Img
from modules.schema.request import GenerationRequest
from modules.schema.result import GeneratedImage


def other_value(item):
    """A valid value different from the field's default."""
    if isinstance(item.default, bool):
        return not item.default
    if isinstance(item.default, int | float):
        return item.default + 1
    return 'ünlike 日本語 "quoted"\n, :' if isinstance(item.default, str) else 0.5


@pytest.mark.parametrize("item", params_of(GenerationRequest), ids=lambda item: item.path)
def test_every_field_of_a_request_round_trips(item):
    request = replace_at(GenerationRequest(), item.path, other_value(item))
    assert request != GenerationRequest()
    assert from_json(GenerationRequest, to_json(request)) == request


def test_pictures_inside_a_request_round_trip():
    picture = ImageData(2, 1, "RGB", bytes(range(6)))
    request = GenerationRequest(
        img2img=Img2Img(images=(picture,)), hires=Hires(), extras={"a": [1, "b"]}
    )
    assert from_json(GenerationRequest, to_json(request)) == request


def test_keys_of_a_newer_version_are_ignored():
    assert from_json(GenerationRequest, '{"prompt": "a", "telepathy": 3}').prompt == "a"


def sample(kind):
    image = GeneratedImage(
        index=1,
        seed=2,
        subseed=3,
        prompt="p",
        negative_prompt="n",
        width=8,
        height=8,
        facts=(("Model", "tiny"), ("Clip skip", 2)),
    )
    values = {
        events.Progress: {"step": 1, "steps": 20, "batch": 0, "batches": 1, "eta_s": 1.5},
        events.Preview: {"jpeg": b"\xff\xd8", "width": 8, "height": 8},
        events.ImageReady: {"image": image},
        events.Notice: {"message": "LoRA not found"},
        events.FacesFound: {"boxes": ((1.0, 2.0, 30.5, 40.0),)},
        events.Described: {"text": "a cat, sitting"},
        events.Failed: {"message": "what", "hint": "do"},
    }
    return kind(**values.get(kind, {}))


@pytest.mark.parametrize("kind", typing.get_args(events.Event))
def test_every_event_round_trips(kind):
    event = sample(kind)
    assert event_from_json(event_to_json(event)) == event


def test_progress_is_a_share_of_the_whole_job():
    assert events.Progress(step=10, steps=20, batch=1, batches=2).fraction == 0.75


def test_a_watcher_hears_both_buttons_and_a_skip_is_taken_once():
    cancel, heard = Cancel(), []
    cancel.watch(heard.append)
    cancel.skip()
    assert cancel.take_skip() and not cancel.take_skip()
    cancel.stop()
    assert heard == ["skip", "stop"]
    late = []
    cancel.watch(late.append)
    assert late == ["stop"]
