"""The form: controls from fields, values to a request, a request to values."""

import json

import gradio as gr
import pytest

from modules.errors import InvalidRequest
from modules.param import get_at, params_of, replace_at
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest, Sampling
from modules.schema.script_call import ScriptCall
from modules.ui.bridge import Bridge
from modules.ui.form import Form, merge_fields
from modules.ui.parts.advanced_box import OTHER_WORK, advanced_box
from modules.ui.parts.prompt_box import names_in
from modules.ui.parts.script_box import script_in
from modules.ui.parts.seed_box import seed_box
from modules.ui.tabs import txt2img

MENUS = {
    "restorers": ["CodeFormer"],
    "upscalers": ["None", "Lanczos"],
    "samplers": ["DPM++ 2M", "Euler a", "DDIM"],
    "schedules": ["Automatic", "Karras"],
    "checkpoints": ["one.safetensors [0123456789]", "two.safetensors [9876543210]"],
    "vaes": ["Automatic", "None"],
    "hires_upscalers": ["Latent", "Lanczos"],
}


def menus(name):
    return MENUS[name]


@pytest.fixture(scope="module")
def form(lay_out):
    def place():
        form = Form(menus)
        form.add("models.checkpoint", gr.Dropdown)
        txt2img.lay_out(form)
        return form

    return lay_out(place)


def values_of(form, request):
    """What Gradio would send if the page showed `request`."""
    shown = form.show(request).items()
    return {control: update["value"] for control, update in shown if "value" in update}


def test_every_field_that_changes_pixels_is_on_the_form(form):
    paths = [item.path for item in params_of(GenerationRequest)]
    missing = [path for path in paths if path not in form and not path.startswith(OTHER_WORK)]
    assert missing == []


def test_a_control_takes_label_limits_and_default_from_its_field(form):
    steps = form["sampling.steps"]
    assert isinstance(steps, gr.Slider)
    assert (steps.label, steps.value) == ("Sampling steps", 20)
    assert (steps.minimum, steps.maximum, steps.step) == (1, 150, 1)
    assert form["sampling.sampler"].choices == [(name, name) for name in MENUS["samplers"]]


def test_a_request_shown_and_read_again_is_the_same(form):
    request = GenerationRequest(prompt="a cat", negative_prompt="dogs")
    for path, value in (
        ("sampling.steps", 31),
        ("sampling.cfg_scale", 4.5),
        ("seeds.seed", 2**63 - 1),
        ("seeds.subseed", 7),
        ("seeds.subseed_strength", 0.25),
        ("options.eta", 0.5),
        ("text.clip_skip", 2),
        ("size.width", 768),
        ("models.checkpoint", "two.safetensors [9876543210]"),
    ):
        request = replace_at(request, path, value)
    assert form.read(values_of(form, request)) == request


def test_the_defaults_survive_the_form(form):
    assert form.read(values_of(form, GenerationRequest())) == GenerationRequest()


def test_whole_numbers_that_come_as_floats_become_whole(form):
    values = values_of(form, GenerationRequest()) | {form["sampling.steps"]: 25.0}
    steps = form.read(values).sampling.steps
    assert steps == 25
    assert isinstance(steps, int)


def test_an_emptied_control_counts_as_its_default(form):
    values = values_of(form, GenerationRequest())
    values |= {form["seeds.seed"]: " ", form["sampling.steps"]: None}
    sheet = dict(form.ordered)["advanced"]
    values[sheet] = '{"values": {"options.eta": "", "text.clip_skip": null}}'
    request = form.read(values)
    assert (request.seeds.seed, request.sampling.steps) == (-1, 20)
    assert (request.options.eta, request.text.clip_skip) == (None, 1)


def test_the_advanced_values_are_one_text_and_count_like_controls_of_their_own(form):
    sheet = dict(form.ordered)["advanced"]
    request = replace_at(GenerationRequest(), "options.eta", 0.5)
    shown = json.loads(form.show(request)[sheet]["value"])
    assert shown["values"]["options.eta"] == 0.5
    assert shown["menus"]["models.vae"] == [["Automatic", "Automatic"], ["None", "None"]]
    said = {"values": {"text.clip_skip": "2", "options.s_noise": 1.5, "no.such": 1}}
    read = form.read({sheet: json.dumps(said)})
    assert (read.text.clip_skip, read.options.s_noise) == (2, 1.5)
    draft = form.flat({"prompt": "kept", "advanced": json.dumps(said)})
    assert merge_fields(GenerationRequest(), draft).text.clip_skip == 2
    assert form.read_what_works({sheet: json.dumps(said)}).options.s_noise == 1.5


def test_an_advanced_value_that_cannot_be_drawn_is_refused_by_name(form):
    sheet = dict(form.ordered)["advanced"]
    with pytest.raises(InvalidRequest, match="Clip skip is 99"):
        form.read({sheet: '{"values": {"text.clip_skip": 99}}'})


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"values": 3}', '{"values": null}'])
def test_an_empty_or_broken_sheet_changes_nothing(form, text):
    assert form.read({dict(form.ordered)["advanced"]: text}) == GenerationRequest()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("seeds.seed", "abc", "Seed must be a whole number"),
        ("seeds.seed", "1.5", "Seed must be a whole number"),
        ("seeds.seed", str(2**63), "can be at most"),
        ("sampling.steps", 0, "must be at least 1"),
        ("sampling.steps", 10**9, "at most 1000"),
        ("sampling.steps", 1.5, "Sampling steps must be a whole number"),
        ("sampling.cfg_scale", float("nan"), "ordinary number"),
        ("sampling.cfg_scale", "much", "CFG Scale must be a number"),
        ("size.width", 7, "must be at least 16"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(form, path, value, words):
    values = values_of(form, GenerationRequest()) | {form[path]: value}
    with pytest.raises(InvalidRequest, match=words):
        form.read(values)


def test_values_count_only_while_their_switch_is_on(form):
    request = replace_at(GenerationRequest(), "seeds.subseed_strength", 0.4)
    values = values_of(form, request)
    assert form.read(values).seeds.subseed_strength == 0.4
    switch = next(control for name, control in form.ordered if name == "seeds.extra")
    assert values[switch] is True
    assert form.read(values | {switch: False}).seeds.subseed_strength == 0


def test_a_switch_a_draft_had_off_stays_off(form):
    request = replace_at(GenerationRequest(), "seeds.subseed_strength", 0.4)
    switch = next(control for name, control in form.ordered if name == "seeds.extra")
    assert form.show(request, {"seeds.extra": False})[switch]["value"] is False


def test_a_second_pass_is_in_the_request_only_while_it_is_ticked(form):
    hires = Hires(scale=1.5, sampler="DDIM", cfg_scale=3.0, prompt="finer")
    request = GenerationRequest(prompt="a cat", hires=hires)
    values = values_of(form, request)
    tick = dict(form.ordered)["hires"]
    assert values[tick] is True
    assert form.read(values) == request
    assert form.read(values | {tick: False}).hires is None
    assert form.read_what_works(values | {tick: False}).hires is None


def test_a_ticked_second_pass_without_values_has_the_defaults(form):
    assert form.read({dict(form.ordered)["hires"]: True}).hires == Hires()


def test_without_a_second_pass_its_controls_keep_what_they_show(form):
    shown = form.show(GenerationRequest())
    assert shown[dict(form.ordered)["hires"]]["value"] is False
    assert "value" not in shown[form["hires.scale"]]
    assert shown[form["hires.upscaler"]]["choices"] == MENUS["hires_upscalers"]


def test_a_menu_has_a_word_for_as_before(form):
    sampler = form["hires.sampler"]
    assert sampler.choices[0] == ("Use same sampler", "")
    assert sampler.value == ""


def test_a_script_with_its_values_goes_to_the_request_and_back(form):
    call = ScriptCall(name="Loopback", args={"loops": 3, "denoising_curve": "Lazy"})
    request = GenerationRequest(script=call)
    values = values_of(form, request)
    assert form.read(values).script == call
    control = dict(form.ordered)["script"]
    assert form.read(values | {control: ""}).script is None
    assert (
        form.show(GenerationRequest(), {"script": values[control]})[control]["value"]
        == (values[control])
    )


@pytest.mark.parametrize("text", ["{", "[]", '{"args": {}}', '{"name": "a", "args": 3}'])
def test_a_script_that_cannot_be_read_is_refused(text):
    with pytest.raises(InvalidRequest, match="which script"):
        script_in(text)


def test_a_value_beyond_the_slider_widens_it(form):
    request = GenerationRequest(sampling=Sampling(steps=400))
    update = form.show(request)[form["sampling.steps"]]
    assert (update["value"], update["maximum"]) == (400, 400)


def test_a_name_that_is_not_in_the_menu_is_shown_all_the_same(form):
    request = replace_at(GenerationRequest(), "models.checkpoint", "gone.ckpt")
    update = form.show(request)[form["models.checkpoint"]]
    assert update["choices"] == [*MENUS["checkpoints"], "gone.ckpt"]


def test_menus_are_read_again_each_time(monkeypatch, form):
    monkeypatch.setitem(MENUS, "checkpoints", ["new.safetensors [aaaaaaaaaa]"])
    update = form.show(GenerationRequest())[form["models.checkpoint"]]
    assert update["choices"] == ["new.safetensors [aaaaaaaaaa]"]


def test_a_draft_brings_back_what_makes_sense_and_leaves_out_the_rest():
    draft = {
        "prompt": "a boat",
        "sampling.steps": 44,
        "sampling.cfg_scale": "many",
        "seeds.seed": "123",
        "no.such.path": 1,
        "seeds.extra": True,
    }
    request = merge_fields(GenerationRequest(), draft)
    assert (request.prompt, request.sampling.steps, request.seeds.seed) == ("a boat", 44, 123)
    assert request.sampling.cfg_scale == GenerationRequest().sampling.cfg_scale


def test_the_order_is_the_one_gradio_sends(form):
    ids = [control._id for _, control in form.ordered]
    assert ids == sorted(ids)
    assert {control for _, control in form.ordered} == form.components


def test_hidden_controls_of_the_bridge_come_before_the_form(lay_out):
    def place():
        bridge = Bridge()
        form = Form(menus)
        seed_box(form, "txt2img")
        return bridge, form

    bridge, form = lay_out(place)
    assert all(bridge.inbox._id < control._id for control in form.components)


def test_the_advanced_box_takes_what_is_left_and_only_that(lay_out):
    def place():
        form = Form(menus)
        form.add("text.clip_skip", gr.Number)
        advanced_box(form, "txt2img")
        return form

    form = lay_out(place)
    assert "options.s_churn" in form
    assert "models.vae" in form
    assert "sampling.steps" not in form
    assert get_at(GenerationRequest(), "text.clip_skip") == form["text.clip_skip"].value


def test_element_ids_that_userscripts_know_are_there(form):
    ids = {control.elem_id for control in form.components}
    for name in ("prompt", "neg_prompt", "sampling", "steps", "cfg_scale", "width", "height"):
        assert f"txt2img_{name}" in ids
    for name in ("batch_count", "batch_size", "seed", "subseed", "subseed_strength"):
        assert f"txt2img_{name}" in ids


@pytest.mark.parametrize(
    ("text", "names"),
    [('["oil", "big"]', ("oil", "big")), ("", ()), (None, ()), ("{", ()), ('{"a": 1}', ())],
)
def test_the_chosen_styles_are_read(text, names):
    assert names_in(text) == names
