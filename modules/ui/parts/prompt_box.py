"""Prompt, negative prompt and the buttons that start and stop a job."""

import json
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.ui.form import Form
from modules.ui.parts.page_part import page_part

STYLES = "styles"
"""The name of the control that holds which styles are chosen."""


def prompt_box(form: Form, tab: str, more: str = "") -> None:
    """Lay out both prompts and the styles, with `more` markup beside these.

    `assets/prompt.js` draws counters in the prompts' corners.
    """
    form.add(
        "prompt",
        gr.Textbox,
        elem_id=f"{tab}_prompt",
        elem_classes=["prompt"],
        lines=3,
        max_lines=8,
        placeholder="What should be in the picture?",
    )
    form.add(
        "negative_prompt",
        gr.Textbox,
        elem_id=f"{tab}_neg_prompt",
        elem_classes=["prompt"],
        lines=2,
        max_lines=6,
        placeholder="What should not?",
    )
    styles = f'<easel-styles tab="{tab}"></easel-styles><easel-words tab="{tab}"></easel-words>'
    beside = f'<div class="chips beside">{more}</div>' if more else ""
    page_part(styles + beside, elem_id=f"{tab}_styles_row")
    form.aside(STYLES, gr.Textbox(visible="hidden", elem_id=f"{tab}_styles_value"))


def names_in(text: Any) -> tuple[str, ...]:
    """Return the styles that the control holds; none for anything but a list of names."""
    try:
        names = json.loads(text)
    except (TypeError, ValueError):
        return ()
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def generate_box(tab: str) -> dict[str, Component]:
    """Lay out Generate, the buttons that take its place while a job runs, and what it will cost.

    `assets/preflight.js` says the last.
    """
    with gr.Row(elem_id=f"{tab}_generate_box", elem_classes=["generate-box"]):
        generate = gr.Button("Generate", variant="primary", elem_id=f"{tab}_generate")
        interrupt = gr.Button("Interrupt", elem_id=f"{tab}_interrupt", elem_classes=["running"])
        skip = gr.Button("Skip", elem_id=f"{tab}_skip", elem_classes=["running"])
        enqueue = gr.Button("Add to queue", elem_id=f"{tab}_enqueue", elem_classes=["running"])
        paste = gr.Button("Apply text", elem_id="paste", elem_classes=["tool"])
        clear = gr.Button("Clear", elem_id=f"{tab}_clear_prompt", elem_classes=["tool"])
    page_part(f'<easel-preflight tab="{tab}"></easel-preflight>', elem_id=f"{tab}_preflight")
    return {
        "generate": generate,
        "interrupt": interrupt,
        "skip": skip,
        "enqueue": enqueue,
        "paste": paste,
        "clear": clear,
    }
