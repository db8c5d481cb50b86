"""Named speeds: what they set, what they leave alone, and what recipes tell of them."""

from dataclasses import replace

import pytest

from modules.errors import NotFound
from modules.schema.catalogue import Catalogue, CheckpointInfo
from modules.schema.infotext import write_infotext
from modules.schema.infotext_read import read_infotext
from modules.schema.request import SPEEDS, GenerationRequest, SamplerOptions, Seeds
from modules.schema.result import GeneratedImage
from modules.service.complete import complete_request
from modules.service.speed import at_speed


def wish(**options: object) -> GenerationRequest:
    return GenerationRequest(prompt="a cat", options=SamplerOptions(**options))  # type: ignore[arg-type]


def test_exact_is_the_default_and_sets_nothing() -> None:
    assert GenerationRequest().options.speed == SPEEDS[0] == "Exact"
    assert at_speed(wish(), "sd1") == wish()


def test_the_faster_the_name_the_less_is_computed() -> None:
    intervals = [at_speed(wish(speed=speed), "sd1").options.step_cache for speed in SPEEDS]
    assert intervals == sorted(set(intervals))


def test_what_was_set_by_hand_stays() -> None:
    options = at_speed(wish(speed="Fast", step_cache=2, step_cache_depth=3), "sd1").options
    assert (options.step_cache, options.step_cache_depth) == (2, 3)
    assert options.step_cache_start == at_speed(wish(speed="Fast"), "sd1").options.step_cache_start


def test_models_that_are_no_u_nets_stay_as_they_are() -> None:
    for family in ("sd3", "flux"):
        assert at_speed(wish(speed="Fast"), family) == wish()


def test_an_unknown_speed_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(NotFound, match=r"'Fsat'.*Fast"):
        at_speed(wish(speed="Fsat"), "sd1")


def test_a_request_is_completed_for_the_family_of_its_checkpoint() -> None:
    files = [("a", "sd1"), ("b", "flux"), ("c", "")]
    infos = (CheckpointInfo(title=t, name=t, path=t, stem=t, family=f) for t, f in files)
    catalogue = Catalogue(checkpoints=tuple(infos))

    def interval(title: str) -> int:
        request = wish(speed="Fast")
        request = replace(request, models=replace(request.models, checkpoint=title))
        return complete_request(request, catalogue).options.step_cache

    assert interval("a") == interval("c") > 1
    assert interval("b") == 1


def test_a_recipe_tells_the_values_and_gives_them_back() -> None:
    request = at_speed(replace(wish(speed="Fast"), seeds=Seeds(seed=1)), "sd1")
    image = GeneratedImage(
        index=0, seed=1, subseed=-1, prompt="a cat", negative_prompt="", width=512, height=512
    )
    text = write_infotext(request, image, version="easel-1")
    assert "Step cache interval: " in text
    assert "Speed" not in text
    again, _ = read_infotext(text, wish(speed="Balanced"))
    assert again.options == request.options


def test_depth_and_start_are_told_only_where_steps_are_cached() -> None:
    image = GeneratedImage(
        index=0, seed=1, subseed=-1, prompt="", negative_prompt="", width=512, height=512
    )
    idle = wish(step_cache_depth=3, step_cache_start=0.5)
    assert "Step cache" not in write_infotext(idle, image, version="")
    busy = write_infotext(wish(step_cache=2, step_cache_depth=3), image, version="")
    assert "Step cache interval: 2, Step cache depth: 3" in busy
