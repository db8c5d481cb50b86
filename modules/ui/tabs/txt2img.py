"""The txt2img tab: prompt and controls on the left, results on the right."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.ui.bridge import Bridge
from modules.ui.form import Form
from modules.ui.parts.advanced_box import advanced_box
from modules.ui.parts.hires_box import hires_box
from modules.ui.parts.page_part import page_part
from modules.ui.parts.prompt_box import generate_box, prompt_box
from modules.ui.parts.refiner_box import refiner_box
from modules.ui.parts.sampler_box import sampler_box
from modules.ui.parts.script_box import script_box
from modules.ui.parts.seed_box import seed_box
from modules.ui.parts.size_box import batch_box, size_box

TAB = "txt2img"

Place = Callable[[Form, str], None]
"""Lays out a part of a tab, given the form and the tab's name."""

Handler = Callable[[dict[Component, Any]], str]
"""Hands in what the controls hold and returns what to say."""


def lay_out(form: Form, control: Place | None = None) -> dict[str, Component]:
    """Place everything, ControlNet by `control`; returns the buttons."""
    with gr.Row(elem_id="txt2img_page", elem_classes=["work-page"]):
        with gr.Column(elem_id="txt2img_toprow", elem_classes=["area-prompt"]):
            prompt_box(form, TAB)
            page_part("<easel-examples></easel-examples>")
            buttons = generate_box(TAB)
        with gr.Column(elem_id="txt2img_settings", elem_classes=["area-settings"]):
            sampler_box(form, TAB)
            size_box(form, TAB)
            batch_box(form, TAB)
            hires_box(form, TAB)
            seeds = seed_box(form, TAB)
            refiner_box(form, TAB)
            if control is not None:
                control(form, TAB)
            script_box(form, TAB)
            advanced_box(form, TAB)
        with gr.Column(elem_id="txt2img_results", elem_classes=["area-results"]):
            page_part("<easel-results></easel-results>")
    return {**buttons, **seeds}


def wire(form: Form, parts: dict[str, Component], bridge: Bridge, generate: Handler) -> None:
    """Connect the buttons; what follows a job, and what stops it, is the page's own script."""
    for name in ("generate", "enqueue"):
        bridge.listen(parts[name].click, generate, form.components)
    for name, script in SCRIPTS.items():
        parts[name].click(None, None, None, js=f"() => {script}", api_visibility="private")


SCRIPTS = {
    "interrupt": "window.easel?.stop()",
    "skip": "window.easel?.skip()",
    "paste": "window.easel?.applyText()",
    "clear": "window.easel?.clearPrompts()",
    "random_seed": 'window.easel?.set({"seeds.seed": "-1"})',
    "reuse_seed": 'window.easel?.reuse("seeds.seed")',
    "random_subseed": 'window.easel?.set({"seeds.subseed": "-1"})',
    "reuse_subseed": 'window.easel?.reuse("seeds.subseed")',
}
"""Buttons that never reach the server."""
