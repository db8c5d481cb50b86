"""Size of the picture and how many of them."""

import gradio as gr

from modules.ui.form import Form
from modules.ui.parts.page_part import page_part


def size_box(form: Form, tab: str) -> None:
    """Lay out width and height with a swap between them, and presets of the model's own area."""
    with gr.Row(elem_classes=["size-row"]):
        width = form.add("size.width", gr.Slider, elem_id=f"{tab}_width", buttons=[], min_width=120)
        swap = gr.Button(
            "⇄",
            elem_id=f"{tab}_res_switch_btn",
            elem_classes=["tool", "icon"],
            scale=0,
            min_width=34,
        )
        height = form.add(
            "size.height", gr.Slider, elem_id=f"{tab}_height", buttons=[], min_width=120
        )
    page_part("<easel-sizes></easel-sizes>")
    swap.click(
        None,
        [width, height],
        [width, height],
        js="(width, height) => [height, width]",
        api_visibility="private",
    )


def batch_box(form: Form, tab: str) -> None:
    """Lay out batch count and batch size."""
    with gr.Row():
        form.add("batch.n_iter", gr.Slider, elem_id=f"{tab}_batch_count", buttons=[], min_width=120)
        form.add(
            "batch.batch_size",
            gr.Slider,
            elem_id=f"{tab}_batch_size",
            buttons=[],
            info=None,
            min_width=120,
        )
