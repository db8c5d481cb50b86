"""Controls that extensions bring, below our own on the tabs that draw."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.compat.drawing import KEY
from modules.compat.page import Page
from modules.compat.pictures import from_plain
from modules.schema.request import GenerationRequest
from modules.ui.form import Form

PASTED = "pasted"
"""Where a recipe's values by key travel to the controls."""


def extension_box(form: Form, tab: str, page: Page | None) -> None:
    """Place the controls of scripts of extensions; nothing if there are none."""
    if page is None:
        return
    is_img2img = tab == "img2img"
    with gr.Column(elem_id=f"{tab}_script_alwayson", elem_classes=["extension-controls"]):
        page.lay_out(is_img2img)
    named = page.made_for(is_img2img)
    if not named:
        return

    def read(values: Mapping[Component, Any], request: GenerationRequest) -> GenerationRequest:
        held = page.read(is_img2img, values)
        return replace(request, extras={**request.extras, KEY: held})

    def show(request: GenerationRequest) -> dict[Component, Any]:
        return shown(page, is_img2img, request)

    form.foreign(named, read, show)


def shown(page: Page, is_img2img: bool, request: GenerationRequest) -> dict[Component, Any]:
    """What a request says to the controls: values it was drawn with, or those of a recipe."""
    told = request.extras.get(KEY, {})
    values = dict(page.pasted(is_img2img, told.get(PASTED, {})))
    named = page.made_for(is_img2img)
    for script, args in told.get("scripts", {}).items():
        for number, value in enumerate(args):
            control = named.get(f"extension {script} {number}")
            if control is not None:
                values[control] = from_plain(value)
    return values


def with_pasted(request: GenerationRequest, values: Mapping[str, Any]) -> GenerationRequest:
    """Let a recipe's values by key travel to the controls of extensions."""
    return replace(request, extras={**request.extras, KEY: {PASTED: dict(values)}})
