"""What only the drawing knows, for the recipe."""

from dataclasses import replace

from modules.param import replace_at
from modules.pipeline.generate import generate
from modules.schema.cancel import Cancel
from modules.schema.event import ImageReady
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size
from tests.pipeline.reference import conditioner, model, patcher

REQUEST = GenerationRequest(
    sampling=Sampling(sampler="Euler", steps=1),
    seeds=Seeds(seed=10),
    size=Size(width=16, height=16),
)


def facts(request: GenerationRequest) -> dict[str, object]:
    events = generate(
        request, model(), conditioner(), Cancel(), patcher=patcher(), preview_interval_s=None
    )
    [image] = [event.image for event in events if isinstance(event, ImageReady)]
    return dict(image.facts)


def test_the_emphasis_mode_is_told_where_some_text_has_brackets() -> None:
    ignoring = replace_at(REQUEST, "text.emphasis", "Ignore")
    assert "Emphasis" not in facts(replace(ignoring, prompt="a cat"))
    assert facts(replace(ignoring, prompt="a (cat)"))["Emphasis"] == "Ignore"
    assert facts(replace(ignoring, negative_prompt="[x]"))["Emphasis"] == "Ignore"
    assert "Emphasis" not in facts(replace(ignoring, prompt="[a:b:1]"))
    assert "Emphasis" not in facts(replace(REQUEST, prompt="a (cat)"))


def test_embeddings_are_told_once_for_every_text_they_are_in() -> None:
    known = conditioner().embeddings.known
    digest = f"tinyemb: {known['tinyemb'].shorthash}"
    assert facts(replace(REQUEST, prompt="tinyemb, tinyemb"))["TI hashes"] == digest
    both = replace(REQUEST, prompt="tinyemb", negative_prompt="a tinyemb")
    assert facts(both)["TI hashes"] == ", ".join([digest] * 2)
    twice = replace(REQUEST, prompt="tinyemb", hires=Hires(scale=1.0))
    assert facts(twice)["TI hashes"] == ", ".join([digest] * 2)


def test_networks_can_be_left_out_while_their_marks_stay_in_the_recipe() -> None:
    asked = replace(REQUEST, prompt="a <lora:tinylora:1>")
    assert str(facts(asked)["Lora hashes"]).startswith("tinylora: ")
    without = replace_at(asked, "text.disable_networks", True)
    assert "Lora hashes" not in facts(without)


def test_networks_of_the_second_pass_are_told_unless_in_the_manner_of_1_8() -> None:
    hires = Hires(scale=1.0, prompt="a <lora:tinylora:1>")
    asked = replace(REQUEST, hires=hires)
    assert "Lora hashes" in facts(asked)
    assert "Lora hashes" not in facts(replace_at(asked, "sampling.schedule", ""))
