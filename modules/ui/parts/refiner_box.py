"""Another checkpoint that goes on with the picture in the middle of drawing."""

import gradio as gr

from modules.ui.form import Form

CHECKPOINT, SWITCH_AT = "refiner.checkpoint", "refiner.switch_at"


def refiner_box(form: Form, tab: str) -> None:
    """Lay out the tick box, and the checkpoint and the moment behind it."""
    with gr.Row(elem_classes=["part-head"]):
        box = gr.Checkbox(
            False,
            label="Refiner",
            elem_id=f"{tab}_enable-checkbox",
            container=False,
            scale=0,
            min_width=110,
        )
    form.switch("refiner", box, (CHECKPOINT, SWITCH_AT))
    with gr.Column(elem_id=f"{tab}_enable", elem_classes=["part-body"]), gr.Row():
        form.add(
            CHECKPOINT,
            gr.Dropdown,
            elem_id=f"{tab}_checkpoint",
            label="Checkpoint",
            empty="None",
            info=None,
            min_width=140,
        )
        form.add(
            SWITCH_AT,
            gr.Slider,
            elem_id=f"{tab}_switch_at",
            buttons=[],
            info=None,
            min_width=140,
        )
