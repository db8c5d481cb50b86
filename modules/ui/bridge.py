"""Hidden controls through which the page's own scripts read and set Gradio's values.

`assets/bridge.js` is the other end. Whole recipes go through the server, which knows names and
limits; single values and drafts stay in the browser.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import on

from modules.schema.request import GenerationRequest
from modules.ui.form import Form, merge_fields

Restore = Callable[[GenerationRequest, Mapping[str, Any]], GenerationRequest]
"""Turns the request now on the form and what the page sent into the request to show."""

QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "concurrency_limit": None,
}


class Bridge:
    """The hidden controls; made before the form's controls, wired after them."""

    def __init__(self) -> None:
        self.inbox = gr.Textbox(visible="hidden", elem_id="easel_inbox")
        self.apply = gr.Button(visible="hidden", elem_id="easel_apply")
        self.set = gr.Button(visible="hidden", elem_id="easel_set")

    def wire(self, page: gr.Blocks, form: Form, fresh: Callable[[], Any], restore: Restore) -> None:
        """Connect everything; `fresh` answers the request a page without a draft begins with."""
        controls = [control for _, control in form.ordered]
        setup = f"(...given) => {{ window.easel?.setUp({_paths(form)}); CALL; }}"

        def opened(draft: str) -> dict[Component, Any]:
            fields = _object(draft)
            return form.show(merge_fields(fresh(), fields), fields)

        def applied(values: dict[Component, Any]) -> dict[Component, Any]:
            sent = _object(values[self.inbox])
            return form.show(restore(form.read(values), sent), sent.get("fields"))

        load = page.load(opened, self.inbox, controls, js=READ_DRAFT, **QUIET)
        watch = setup.replace("CALL", "window.easel?.opened(); window.easel?.changed(...given)")
        load.then(None, controls, None, js=WHEN_READY.replace("CALL", watch))
        changes = [control.change for control in controls]
        changed = setup.replace("CALL", "window.easel?.changed(...given)")
        on(changes, None, controls, None, js=changed, api_visibility="private")
        self.set.click(
            None,
            controls,
            controls,
            js="(...given) => window.easel.takeValues(...given)",
            api_visibility="private",
        )
        take = "(_, ...given) => [window.easel.takeInbox(), ...given]"
        self.apply.click(applied, {self.inbox, *controls}, controls, js=take, **QUIET)


READ_DRAFT = """() => {
    try {
        return sessionStorage.getItem("easel.draft") || localStorage.getItem("easel.draft") || "";
    } catch {
        return "";
    }
}"""

WHEN_READY = """(...given) => {
    const begin = () => (CALL)(...given);
    if (window.easel) begin();
    else window.addEventListener("easel:ready", begin, { once: true });
}"""


def _paths(form: Form) -> str:
    return json.dumps([path for path, _ in form.ordered])


def _object(text: str) -> dict[str, Any]:
    """Read a JSON object; anything else (an old or foreign draft) is an empty one."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
