"""`modules.ui_components`, `ui_common`, `ui` and `gradio`: what extensions draw with."""

import html as html_library
from collections.abc import Callable, Mapping
from typing import Any

from modules.compat.faces import drawing
from modules.compat.importing import Live, Scope

Members = Mapping[str, Any]


def gradio(world: Any, scope: Scope) -> Members:
    """`gradio`, imported when an extension does."""
    from modules.compat import gradio_names

    return {
        "__getattr__": gradio_names.named,
        "components": Live(lambda: _Components(gradio_names.named)),
        "IOComponent": gradio_names.IOComponent,
    }


class _Components:
    """`gradio.components`."""

    def __init__(self, named: Callable[[str], Any]) -> None:
        self._named = named

    def __getattr__(self, name: str) -> Any:
        return self._named("Textbox").kind if name == "FormComponent" else self._named(name)


def ui_components(world: Any, scope: Scope) -> Members:
    """`modules.ui_components`."""
    from modules.compat.gradio_names import made_in

    def tool(value: str = "", **given: Any) -> Any:
        classes = [*given.pop("elem_classes", []), "tool"]
        return made_in("Button", value=value, size="sm", elem_classes=classes, **given)

    def plain(name: str, **usual: Any) -> Callable[..., Any]:
        def make(*args: Any, **given: Any) -> Any:
            if args:
                given.setdefault("value", args[0])
            return made_in(name, **{**usual, **given})

        return make

    return {
        "ToolButton": tool,
        "FormRow": plain("Row"),
        "FormColumn": plain("Column"),
        "FormGroup": plain("Group"),
        "FormHTML": plain("HTML"),
        "FormColorPicker": plain("ColorPicker"),
        "DropdownMulti": plain("Dropdown", multiselect=True),
        "DropdownEditable": plain("Dropdown", allow_custom_value=True),
        "ResizeHandleRow": plain("Row"),
        "InputAccordion": input_accordion,
    }


def input_accordion(value: bool = False, **given: Any) -> Any:
    """A part that is on or off: a tick box, to be used as a context for what belongs to it."""
    from modules.compat.gradio_names import made_in

    label, ident = given.get("label", ""), given.get("elem_id") or "input-accordion"
    outside = made_in("Accordion", label=label, open=value, elem_id=ident)
    with outside:
        box = made_in("Checkbox", value=value, label=f"Use {label}", elem_id=f"{ident}-checkbox")

    def enter() -> Any:
        outside.__enter__()
        return box

    kind = type(box)
    box.__class__ = type(
        kind.__name__,
        (kind,),
        {
            "__enter__": lambda self: enter(),
            "__exit__": lambda self, *error: outside.__exit__(*error),
            "__module__": kind.__module__,
            "extra": lambda self: outside,
            "accordion": outside,
        },
    )
    return box


def ui_common(world: Any, scope: Scope) -> Members:
    """`modules.ui_common`."""
    from modules.compat.gradio_names import made_in, real

    def refresh_button(
        refresh_component: Any, refresh_method: Callable[[], Any], refreshed_args: Any, elem_id: str
    ) -> Any:
        several = isinstance(refresh_component, list)
        targets = refresh_component if several else [refresh_component]

        def refresh() -> Any:
            refresh_method()
            args = refreshed_args() if callable(refreshed_args) else refreshed_args
            updates = [real.update(**(args or {})) for _ in targets]
            return updates if several else updates[0]

        button = made_in("Button", value="Refresh", elem_id=elem_id, size="sm")
        button.click(fn=refresh, inputs=[], outputs=targets)
        return button

    def to_html(text: str, classname: str | None = None) -> str:
        lines = "<br>\n".join(html_library.escape(line) for line in text.split("\n"))
        return f"<p class='{classname}'>{lines}</p>" if classname else f"<p>{lines}</p>"

    return {
        "create_refresh_button": refresh_button,
        "plaintext_to_html": to_html,
        "save_files": drawing.refusing("modules.ui_common.save_files", scope),
        "create_output_panel": drawing.refusing("modules.ui_common.create_output_panel", scope),
        "setup_dialog": drawing.refusing("modules.ui_common.setup_dialog", scope),
    }


def ui(world: Any, scope: Scope) -> Members:
    """`modules.ui`."""
    symbols = {"random_symbol": "🎲️", "reuse_symbol": "♻️", "refresh_symbol": "🔄"}
    more = {"save_style_symbol": "💾", "apply_style_symbol": "📋", "clear_prompt_symbol": "🗑️"}
    return {
        **symbols,
        **more,
        **ui_common(world, scope),
        "txt2img_paste_fields": [],
        "img2img_paste_fields": [],
        "switch_values_symbol": "⇅",
        "gr_show": lambda visible=True: {"visible": visible, "__type__": "update"},
    }
