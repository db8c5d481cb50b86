"""Hidden controls through which the page's own scripts read and set Gradio's values.

`assets/bridge.js` is the other end. Whole recipes go through the server, which knows names and
limits; single values and drafts stay in the browser.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.events import on

from modules.errors import WebUIError
from modules.schema.request import GenerationRequest
from modules.ui.form import Form

Begin = Callable[[Mapping[str, Any]], GenerationRequest]
"""Turns a draft's values by path into the request a newly opened page shows."""

Restore = Callable[[GenerationRequest, Mapping[str, Any]], tuple[GenerationRequest, Sequence[str]]]
"""Turns the request now on the form and what the page sent into the request to show and notices."""

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "queue": False}
"""How our handlers are called: at once, not through Gradio's queue, and not as a public API."""

HEAR = "(said) => window.easel?.heard(said)"
UNHEARD = "() => window.easel?.unheard()"


def say(error: WebUIError | None = None, **facts: Any) -> str:
    """Return what a handler has to say to the page: an error, or facts such as a job's id."""
    told = facts if error is None else {"error": error.message, "hint": error.hint}
    return json.dumps(told)


class Bridge:
    """The hidden controls; made before the form's controls, wired after them."""

    def __init__(self, tab: str = "", start: Mapping[str, Any] | None = None) -> None:
        """Speak for the first form, or with `tab` for another tab's (`window.easel[tab]`).

        `start` has values by path for a browser that has no draft yet.
        """
        self._start = dict(start or {})
        self._name = name = f"easel_{tab}" if tab else "easel"
        self._form = f"window.easel?.{tab}" if tab else "window.easel"
        self._draft = f"easel.draft.{tab}" if tab else "easel.draft"
        self.inbox = gr.Textbox(visible="hidden", elem_id=f"{name}_inbox")
        self.said = gr.Textbox(visible="hidden", elem_id=f"{name}_said")
        self.apply = gr.Button(visible="hidden", elem_id=f"{name}_apply")
        self.set = gr.Button(visible="hidden", elem_id=f"{name}_set")

    def wire(self, page: gr.Blocks, form: Form, begin: Begin, restore: Restore) -> None:
        """Connect everything; the page opens with what `begin` makes of its draft."""
        controls = [control for _, control in form.ordered]
        self._wire_opening(page, form, controls, begin)
        self._wire_restoring(form, controls, restore)
        changed = f"(...given) => {self._form}?.changed({_paths(form)}, given)"
        on(
            [control.change for control in controls],
            None,
            controls,
            None,
            js=changed,
            api_visibility="private",
        )
        take = f"(...given) => {self._form}.takeValues(given)"
        self.set.click(None, controls, controls, js=take, api_visibility="private")

    def listen(
        self,
        event: Callable[..., Any],
        handler: Callable[..., Any],
        inputs: Any,
        outputs: Sequence[Component] = (),
        js: str | None = None,
    ) -> Any:
        """Call `handler` on `event`; it answers `said` besides `outputs`, and the page hears it."""
        called = event(handler, inputs, [*outputs, self.said], js=js, **QUIET)
        called.failure(None, None, None, js=UNHEARD)
        return called.success(None, self.said, None, js=HEAR)

    def ask(
        self,
        form: Form,
        name: str,
        handler: Callable[[dict[Component, Any], Mapping[str, Any]], str],
    ) -> None:
        """Let the page's script send something besides what the controls hold.

        `handler` gets the values and what was sent, and says something. The script's end is
        `Controls.ask(name, sent)`.
        """
        button = gr.Button(visible="hidden", elem_id=f"{self._name}_{name}")

        def asked(values: dict[Component, Any]) -> str:
            return handler(values, _object(values[self.inbox]))

        take = f"(_, ...given) => [{self._form}.takeInbox(), ...given]"
        self.listen(button.click, asked, {self.inbox, *form.components}, js=take)

    def _wire_opening(
        self, page: gr.Blocks, form: Form, controls: Sequence[Component], begin: Begin
    ) -> None:
        def opened(draft: str) -> dict[Component, Any]:
            fields = {**self._start, **form.flat(_object(draft))}
            return form.show(begin(fields), fields)

        draft_kept = READ_DRAFT.replace("KEY", self._draft)
        load = page.load(opened, self.inbox, controls, js=draft_kept, **QUIET)
        ready = WHEN_READY.replace("PATHS", _paths(form)).replace("FORM", self._form)
        load.then(None, controls, None, js=ready)

    def _wire_restoring(self, form: Form, controls: Sequence[Component], restore: Restore) -> None:
        def applied(values: dict[Component, Any]) -> dict[Component, Any]:
            sent = _object(values[self.inbox])
            try:
                request, notices = restore(form.read_what_works(values), sent)
            except WebUIError as error:
                return {self.said: say(error)}
            return {**form.show(request, sent.get("fields")), self.said: say(notices=[*notices])}

        take = f"(_, ...given) => [{self._form}.takeInbox(), ...given]"
        self.listen(self.apply.click, applied, {self.inbox, *controls}, controls, js=take)


READ_DRAFT = """() => {
    try {
        return sessionStorage.getItem("KEY") || localStorage.getItem("KEY") || "";
    } catch {
        return "";
    }
}"""

WHEN_READY = """(...given) => {
    const begin = () => {
        FORM.opened();
        FORM.changed(PATHS, given);
    };
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
