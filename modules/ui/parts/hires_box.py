"""The second pass: how large, by what, and what it does differently from the first."""

import gradio as gr

from modules.ui.form import Form
from modules.ui.parts.page_part import page_part

PART = "hires"
OF_ITS_OWN = (
    ("checkpoint", "hr_checkpoint", "Use same checkpoint"),
    ("sampler", "hr_sampler", "Use same sampler"),
    ("schedule", "hr_scheduler", "Use same scheduler"),
)
"""Field, element and the word for "as in the first pass"."""


def hires_box(form: Form, tab: str) -> None:
    """Lay out the tick box with the resulting size beside it, and everything behind it.

    The style sheet shows the rest while the box is ticked; `assets/hires.js` says the size.
    """
    with gr.Row(elem_classes=["part-head"]):
        box = gr.Checkbox(
            False,
            label="Hires. fix",
            elem_id=f"{tab}_hr-checkbox",
            container=False,
            scale=0,
            min_width=110,
        )
        page_part("<easel-hires-size></easel-hires-size>", elem_id="txtimg_hr_finalres")
    form.part(PART, box)
    with gr.Column(elem_id=f"{tab}_hr", elem_classes=["part-body"]):
        _size(form, tab)
        with gr.Accordion("More for the second pass", open=False, elem_id=f"{tab}_hr_more"):
            _own(form, tab)


def _size(form: Form, tab: str) -> None:
    with gr.Row():
        form.add(f"{PART}.upscaler", gr.Dropdown, elem_id=f"{tab}_hr_upscaler", min_width=140)
        _slider(form, "scale", f"{tab}_hr_scale")
    with gr.Row():
        _slider(form, "denoising_strength", f"{tab}_denoising_strength")
        _slider(form, "steps", f"{tab}_hires_steps")
    with gr.Row():
        _slider(form, "resize_x", f"{tab}_hr_resize_x")
        _slider(form, "resize_y", f"{tab}_hr_resize_y")


def _slider(form: Form, name: str, elem_id: str) -> None:
    path = f"{PART}.{name}"
    form.add(path, gr.Slider, elem_id=elem_id, buttons=[], info=None, min_width=140)


def _own(form: Form, tab: str) -> None:
    with gr.Row(elem_classes=["compact-grid"]):
        for name, elem_id, same in OF_ITS_OWN:
            form.add(f"{PART}.{name}", elem_id=elem_id, empty=same, min_width=120)
        form.add(
            f"{PART}.cfg_scale",
            gr.Textbox,
            elem_id="hr_cfg_scale",
            max_lines=1,
            min_width=120,
            placeholder="Same CFG scale",
        )
        form.add("pictures.extra_noise", elem_id=f"{tab}_extra_noise", min_width=120)
    for name, elem_id in (("prompt", "hires_prompt"), ("negative_prompt", "hires_neg_prompt")):
        form.add(
            f"{PART}.{name}",
            gr.Textbox,
            elem_id=elem_id,
            elem_classes=["prompt"],
            lines=2,
            max_lines=6,
            info=None,
            placeholder="Empty: as in the first pass",
        )
