"""What img2img asks besides the rest: the size to draw at, how much may change, the mask."""

import gradio as gr
from gradio.components import Component

from modules.ui.form import Form
from modules.ui.parts.page_part import page_part

INPAINT = "img2img.inpaint"
SOFT = (
    "schedule_bias",
    "preservation",
    "contrast",
    "mask_influence",
    "difference_threshold",
    "difference_contrast",
)


def target_box(form: Form, tab: str) -> dict[str, Component]:
    """Lay out the size to draw at and how the picture is brought to it; returns the buttons."""
    page_part("<easel-resize></easel-resize>")
    with gr.Row(elem_classes=["size-row"]):
        form.add("size.width", gr.Slider, elem_id=f"{tab}_width", buttons=[], min_width=120)
        swap = _tool("⇄", f"{tab}_res_switch_btn")
        form.add("size.height", gr.Slider, elem_id=f"{tab}_height", buttons=[], min_width=120)
    page_part("<easel-picture-sizes></easel-picture-sizes>")
    form.add("img2img.resize_mode", gr.Radio, elem_id="resize_mode")
    strength = f"{tab}_denoising_strength"
    form.add("img2img.denoising_strength", gr.Slider, elem_id=strength, buttons=[], info=None)
    return {"swap": swap}


def inpaint_box(form: Form, tab: str) -> None:
    """Lay out everything about the mask; the style sheet shows it where there can be one."""
    with gr.Group(elem_id="inpaint_controls"):
        form.add(f"{INPAINT}.mode", gr.Radio, elem_id=f"{tab}_mask_mode")
        form.add(f"{INPAINT}.content", gr.Radio, elem_id=f"{tab}_inpainting_fill")
        form.add(f"{INPAINT}.area", gr.Radio, elem_id=f"{tab}_inpaint_full_res")
        blur, padding = f"{tab}_mask_blur", f"{tab}_inpaint_full_res_padding"
        form.add(f"{INPAINT}.blur", gr.Slider, elem_id=blur, buttons=[], info=None)
        form.add(f"{INPAINT}.padding", gr.Slider, elem_id=padding, buttons=[], info=None)
        with gr.Accordion("Soft inpainting", open=False, elem_id="soft_inpainting"):
            enabled = f"{INPAINT}.soft.enabled"
            form.add(enabled, gr.Checkbox, elem_id="soft_inpainting_enabled", value=False)
            with gr.Row(elem_classes=["compact-grid"]):
                for name in SOFT:
                    path = f"{INPAINT}.soft.{name}"
                    form.add(path, elem_id=f"soft_inpainting_{name}", min_width=120)


def _tool(text: str, elem_id: str) -> Component:
    classes = ["tool", "icon"]
    return gr.Button(text, elem_id=elem_id, elem_classes=classes, scale=0, min_width=34)
