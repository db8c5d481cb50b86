"""Seed and variation seed."""

import gradio as gr
from gradio.components import Component

from modules.ui.form import Form

EXTRA = ("seeds.subseed", "seeds.subseed_strength", "seeds.resize_from_w", "seeds.resize_from_h")


def seed_box(form: Form, tab: str) -> dict[str, Component]:
    """Lay out the seed with random and reuse, and the variation behind "Extra"; returns buttons."""
    with gr.Row(elem_id=f"{tab}_seed_row", elem_classes=["seed-row"]):
        form.add(
            "seeds.seed", gr.Textbox, elem_id=f"{tab}_seed", max_lines=1, info=None, min_width=120
        )
        buttons = _tools(tab, "seed")
        extra = gr.Checkbox(
            False,
            label="Extra",
            elem_id=f"{tab}_subseed_show",
            container=False,
            scale=0,
            min_width=70,
        )
    form.switch("seeds.extra", extra, EXTRA)
    with gr.Group(elem_id=f"{tab}_seed_extras"):  # shown by the style sheet while ticked
        return {**buttons, **_variation(form, tab)}


def _variation(form: Form, tab: str) -> dict[str, Component]:
    with gr.Row(elem_classes=["seed-row"]):
        form.add("seeds.subseed", gr.Textbox, elem_id=f"{tab}_subseed", max_lines=1, min_width=120)
        buttons = _tools(tab, "subseed")
    strength = f"{tab}_subseed_strength"
    form.add("seeds.subseed_strength", gr.Slider, elem_id=strength, buttons=[])
    with gr.Row():
        form.add("seeds.resize_from_w", gr.Number, elem_id=f"{tab}_seed_resize_from_w")
        form.add("seeds.resize_from_h", gr.Number, elem_id=f"{tab}_seed_resize_from_h")
    return buttons


def _tools(tab: str, seed: str) -> dict[str, Component]:
    return {
        f"{what}_{seed}": gr.Button(
            what.capitalize(),
            elem_id=f"{tab}_{what}_{seed}",
            elem_classes=["tool", "icon", f"glyph-{what}"],
            scale=0,
            min_width=34,
        )
        for what in ("random", "reuse")
    }
