"""The Script menu; `assets/scripts.js` draws it from what the server lists."""

import json
from typing import Any

import gradio as gr

from modules.errors import InvalidRequest
from modules.schema.codec import to_plain
from modules.schema.script_call import ScriptCall
from modules.ui.form import Form
from modules.ui.parts.page_part import page_part


def script_box(form: Form, tab: str) -> None:
    """Place the menu, and the hidden control that holds which script is chosen, with its values."""
    page_part(f'<easel-script tab="{tab}"></easel-script>', elem_id=f"{tab}_script_container")
    control = gr.Textbox(visible="hidden", elem_id=f"{tab}_script")
    form.carry("script", control, read=script_in, write=text_of)


def script_in(text: Any) -> ScriptCall | None:
    """Return the script that the control holds; None without one. Raises InvalidRequest."""
    if not text:
        return None
    try:
        said = json.loads(text)
        return ScriptCall(name=str(said["name"]), args=dict(said.get("args") or {}))
    except (TypeError, ValueError, KeyError) as error:
        raise InvalidRequest(
            "The page did not say which script it means.", "Choose the script again."
        ) from error


def text_of(script: ScriptCall | None) -> str:
    """Return what the control holds for a script."""
    if script is None:
        return ""
    return json.dumps({"name": script.name, "args": to_plain(dict(script.args))})
