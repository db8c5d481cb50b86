"""How the picture is drawn: sampler, schedule, steps and guidance."""

import gradio as gr

from modules.ui.form import Form


def sampler_box(form: Form, tab: str) -> None:
    """Lay out the sampler's controls in two columns."""
    with gr.Row():
        form.add("sampling.sampler", gr.Dropdown, elem_id=f"{tab}_sampling", min_width=140)
        form.add("sampling.schedule", gr.Dropdown, elem_id=f"{tab}_scheduler", min_width=140)
    with gr.Row():
        for path, name in (("sampling.steps", "steps"), ("sampling.cfg_scale", "cfg_scale")):
            form.add(path, gr.Slider, elem_id=f"{tab}_{name}", buttons=[], info=None, min_width=140)
