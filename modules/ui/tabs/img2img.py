"""The img2img tab: controls on the left, the canvas in the middle, results on the right."""

import html
import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.param import params_of
from modules.service.scripts.folder_batch import BatchArgs
from modules.ui.bridge import Bridge
from modules.ui.describe import describe_field
from modules.ui.form import Form
from modules.ui.parts.advanced_box import advanced_box
from modules.ui.parts.page_part import page_part
from modules.ui.parts.picture_box import inpaint_box, target_box
from modules.ui.parts.prompt_box import generate_box, prompt_box
from modules.ui.parts.refiner_box import refiner_box
from modules.ui.parts.sampler_box import sampler_box
from modules.ui.parts.script_box import script_box
from modules.ui.parts.seed_box import seed_box
from modules.ui.parts.size_box import batch_box
from modules.ui.picture_request import Source

TAB = "img2img"

CAPTIONERS = (
    ("interrogate", "CLIP", "Write a sentence about the picture as the prompt"),
    ("deepbooru", "DeepBooru", "Write tags of the picture as the prompt"),
)
INTERROGATE = '<span class="chips-label">Interrogate</span>' + "".join(
    f'<button type="button" class="chip" id="{name}" title="{title}">{label}</button>'
    for name, label, title in CAPTIONERS
)
"""Buttons that write a prompt for the picture, where people look for them."""

Place = Callable[[Form, str], None]
"""Lays out a part of a tab, given the form and the tab's name."""

Handler = Callable[[dict[Component, Any], Source], str]
"""Takes what the controls hold and what lies on the canvas; returns what to say."""


def lay_out(form: Form, control: Place | None = None) -> dict[str, Component]:
    """Place everything; returns the buttons and the hidden controls that carry the canvas."""
    with gr.Row(elem_id="img2img_page", elem_classes=["work-page"]):
        with gr.Column(elem_id="img2img_toprow", elem_classes=["area-prompt"]):
            prompt_box(form, TAB, INTERROGATE)
            buttons = generate_box(TAB)
        with gr.Column(elem_id="img2img_settings", elem_classes=["area-settings"]):
            target = target_box(form, TAB)
            inpaint_box(form, TAB)
            sampler_box(form, TAB)
            batch_box(form, TAB)
            seeds = seed_box(form, TAB)
            refiner_box(form, TAB)
            if control is not None:
                control(form, TAB)
            script_box(form, TAB)
            advanced_box(form, TAB, pictures=True)
        with gr.Column(elem_id="img2img_source", elem_classes=["area-source"]):
            asked = html.escape(json.dumps(folder_fields()))
            page_part(f'<easel-source folder="{asked}"></easel-source>')
        with gr.Column(elem_id="img2img_results", elem_classes=["area-results"]):
            page_part('<div id="img2img_results_place"></div>')  # the one panel comes here
    carried = {
        "about": gr.Textbox(visible="hidden", elem_id="img2img_about"),
        "picture": gr.File(visible="hidden", elem_id="img2img_picture", type="binary"),
        "mask": gr.File(visible="hidden", elem_id="img2img_mask", type="binary"),
    }
    return {**buttons, **seeds, **target, **carried}


def wire(
    form: Form,
    parts: Mapping[str, Component],
    bridge: Bridge,
    generate: Handler,
    checkpoint: Component,
) -> None:
    """Connect the buttons. `checkpoint` is the menu above the tabs, which stands on no tab's form.

    The page's script puts what lies on the canvas in place of the hidden controls.
    """
    controls = [control for _, control in form.ordered]
    carried = [parts[name] for name in ("about", "picture", "mask")]

    def handed_in(about: str, picture: bytes | None, mask: bytes | None, *values: Any) -> str:
        source = source_of(about, picture, mask)
        return generate(dict(zip([checkpoint, *controls], values, strict=True)), source)

    for name in ("generate", "enqueue"):
        inputs = [*carried, checkpoint, *controls]
        bridge.listen(parts[name].click, handed_in, inputs, js=HAND_OVER)
    for name, script in SCRIPTS.items():
        parts[name].click(None, None, None, js=f"() => {script}", api_visibility="private")
    size = [form["size.width"], form["size.height"]]
    turned = "(width, height) => [height, width]"
    parts["swap"].click(None, size, size, js=turned, api_visibility="private")


def folder_fields() -> list[dict[str, Any]]:
    """Describe what is asked about a folder of pictures; the size is asked for elsewhere."""
    apart = ("scale_by", "files")
    asked = (item for item in params_of(BatchArgs) if item.name not in apart)
    return [describe_field(item, item.default, item.param.choices) for item in asked]


def source_of(about: str, picture: bytes | None, mask: bytes | None) -> Source:
    """Return what the page's script said about the canvas, with its files."""
    said = json.loads(about or "{}")
    frame = said.get("frame")
    return Source(
        mode=str(said.get("mode", "img2img")),
        picture=picture,
        mask=mask,
        frame=(int(frame[0]), int(frame[1])) if frame else None,
        scale=float(said["scale"]) if said.get("scale") else None,
        depth=str(said.get("depth") or ""),
        folder=said.get("folder"),
    )


HAND_OVER = (
    "async (_about, _picture, _mask, ...given) => [...(await window.easel.handOver()), ...given]"
)
SCRIPTS = {
    "interrupt": "window.easel?.stop()",
    "skip": "window.easel?.skip()",
    "paste": "window.easel?.img2img.applyText()",
    "clear": "window.easel?.img2img.clearPrompts()",
    "random_seed": 'window.easel?.img2img.set({"seeds.seed": "-1"})',
    "reuse_seed": 'window.easel?.img2img.reuse("seeds.seed")',
    "random_subseed": 'window.easel?.img2img.set({"seeds.subseed": "-1"})',
    "reuse_subseed": 'window.easel?.img2img.reuse("seeds.subseed")',
}
"""Buttons that never reach the server."""
