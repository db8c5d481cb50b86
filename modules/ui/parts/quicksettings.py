"""The row above the tabs: which checkpoint draws, and how the engine is doing."""

import gradio as gr
from gradio.components import Component

from modules.ui.form import Form
from modules.ui.parts.page_part import page_part


def quicksettings(form: Form) -> Component:
    """Lay out the checkpoint's menu and the status; returns the refresh button."""
    with gr.Row(elem_id="quicksettings"):
        form.add(
            "models.checkpoint",
            gr.Dropdown,
            elem_id="setting_sd_model_checkpoint",
            show_label=False,
            info=None,
            container=False,
            min_width=200,
        )
        refresh = gr.Button(
            "⟳",
            elem_id="refresh_sd_model_checkpoint",
            elem_classes=["tool", "icon"],
            scale=0,
            min_width=34,
        )
        page_part(
            "<easel-simple></easel-simple><easel-queue-button></easel-queue-button>"
            "<easel-status></easel-status>",
            elem_id="easel_status",
        )
    return refresh
