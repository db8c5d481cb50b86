"""The img2img tab: A1111's ids, and what the page's script says about the canvas."""

import gradio as gr
import pytest

from modules.param import params_of
from modules.schema.request import GenerationRequest
from modules.ui.form import Form
from modules.ui.picture_request import Source
from modules.ui.tabs import img2img


@pytest.fixture(scope="module")
def tab(lay_out):
    def place():
        form = Form(lambda name: [f"one of {name}"])
        return form, img2img.lay_out(form), gr.context.Context.root_block

    return lay_out(place)


def test_controls_have_the_ids_people_know(tab):
    _, _, page = tab
    ids = {getattr(block, "elem_id", None) for block in page.blocks.values()}
    wanted = "prompt neg_prompt generate interrupt skip sampling steps cfg_scale width height seed"
    wanted += " denoising_strength mask_blur mask_mode inpainting_fill inpaint_full_res"
    wanted += " inpaint_full_res_padding batch_count batch_size res_switch_btn"
    assert {f"img2img_{name}" for name in wanted.split()} - ids == set()
    assert {"resize_mode", "soft_inpainting_enabled", "inpaint_controls"} <= ids


def test_the_form_holds_what_belongs_to_pictures(tab):
    form, _, _ = tab
    for path in ("denoising_strength", "resize_mode", "inpaint.blur", "inpaint.soft.contrast"):
        assert f"img2img.{path}" in form
    assert "models.checkpoint" not in form  # that menu stands above all tabs


def test_every_field_of_pictures_made_from_pictures_is_on_the_form(tab):
    form, _, _ = tab
    paths = [item.path for item in params_of(GenerationRequest)]
    apart = ("models.checkpoint", "hires.")
    assert [path for path in paths if path not in form and not path.startswith(apart)] == []


def test_the_script_says_how_the_files_are_meant():
    said = img2img.source_of('{"mode": "inpaint", "frame": [96, 64]}', b"a", b"b")
    assert said == Source(mode="inpaint", picture=b"a", mask=b"b", frame=(96, 64))
    assert img2img.source_of("", None, None) == Source()


def test_what_is_asked_of_a_folder_is_said_as_it_is_meant():
    names = [field["name"] for field in img2img.folder_fields()]
    assert {"input_dir", "output_dir", "inpaint_mask_dir", "png_info_props"} <= set(names)
    assert "scale_by" not in names
    said = img2img.source_of(
        '{"mode": "batch", "folder": {"input_dir": "/a"}, "scale": 2}', None, None
    )
    assert (said.folder, said.scale) == ({"input_dir": "/a"}, 2.0)
