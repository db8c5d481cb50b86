"""The controls of A1111's scripts on our page: made where they belong, read, shown again."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from modules.compat.pictures import to_plain
from modules.compat.runner import ScriptRunner
from modules.compat.script import OnComponent, Script

NONE = "None"


class Page:
    """Controls of all scripts, by tab. Made once each time the page is built."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.blocks: Any = None
        self._controls: dict[tuple[bool, str], list[Component]] = {}
        self._menus: dict[bool, Component] = {}
        self._defaults: dict[tuple[bool, str], list[Any]] = {}

    def begin(self) -> None:
        """Ask for what is to be there before anything is drawn."""
        for one in self.world.callbacks.of("before_ui"):
            self.world.guard(one.extension, "on_before_ui", one.function)

    def lay_out_alone(self) -> None:
        """Make all controls where nobody sees them: for what they hold at first.

        In an event loop of their own: without one Gradio makes several and closes none.
        """

        async def make() -> None:
            with gr.Blocks(analytics_enabled=False):
                for is_img2img in (False, True):
                    self.lay_out(is_img2img)

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, make()).result()

    def lay_out(self, is_img2img: bool) -> None:
        """Place the controls of a tab's scripts."""
        runner = self.world.runner(is_img2img)
        for script in list(runner.alwayson_scripts):
            self._place(script, is_img2img)
        if runner.selectable_scripts:
            self._place_menu(runner, is_img2img)

    def _place_menu(self, runner: ScriptRunner, is_img2img: bool) -> None:
        tab = "img2img" if is_img2img else "txt2img"
        titles = [one.title() for one in runner.selectable_scripts]
        with gr.Accordion("Scripts of extensions", open=False, elem_id=f"{tab}_extension_scripts"):
            menu = gr.Dropdown(
                [NONE, *titles],
                value=NONE,
                label="Script of an extension",
                info="It decides what is drawn; None draws as usual.",
                elem_id=f"{tab}_extension_script",
            )
            self._menus[is_img2img] = menu
            groups = []
            for script in list(runner.selectable_scripts):
                with gr.Group(visible=False) as group:
                    self._place(script, is_img2img, grouped=False)
                groups.append(group)
            menu.change(
                lambda chosen: [gr.update(visible=chosen == title) for title in titles],
                menu,
                groups,
                api_visibility="private",
                show_progress="hidden",
                queue=False,
            )

    def _place(self, script: Script, is_img2img: bool, *, grouped: bool = True) -> None:
        where = f"{type(script).__name__}.ui"

        def make() -> list[Component]:
            if grouped and script.create_group:
                with gr.Group() as script.group:
                    return list(script.ui(is_img2img) or ())
            return list(script.ui(is_img2img) or ())

        made = self.world.guard(script.extension, where, make)
        controls = [one for one in made or () if isinstance(one, Component)]
        script.controls = controls
        key = (is_img2img, str(script.name))
        self._controls[key] = controls
        self._defaults[key] = [plain_value(one) for one in controls]

    def made_for(self, is_img2img: bool) -> dict[str, Component]:
        """Every control of a tab, by a name that stays the same."""
        named = {
            f"extension {name} {number}": control
            for (tab, name), controls in self._controls.items()
            if tab is is_img2img
            for number, control in enumerate(controls)
        }
        if is_img2img in self._menus:
            named["extension script"] = self._menus[is_img2img]
        return named

    def read(self, is_img2img: bool, values: Mapping[Component, Any]) -> dict[str, Any]:
        """What the controls hold, for a request."""
        runner = self.world.runner(is_img2img)
        scripts = {
            name: [to_plain(values.get(one)) for one in controls]
            for (tab, name), controls in self._controls.items()
            if tab is is_img2img and (script := runner.script(name)) and script.alwayson
        }
        read: dict[str, Any] = {"scripts": scripts}
        menu = self._menus.get(is_img2img)
        chosen = values.get(menu, NONE) if menu is not None else NONE
        if chosen and chosen != NONE:
            controls = self._controls.get((is_img2img, str(chosen).lower()), [])
            args = [to_plain(values.get(one)) for one in controls]
            read["script"] = {"title": chosen, "args": args}
        return read

    def defaults(self, runner: ScriptRunner) -> dict[str, Any]:
        """What the controls of scripts that take part in every job hold at first."""
        return {
            str(one.name): self._defaults.get((runner.is_img2img, str(one.name)), [])
            for one in runner.alwayson_scripts
        }

    def default_args(self, is_img2img: bool, name: str) -> list[Any]:
        """What the controls of one script hold at first."""
        return list(self._defaults.get((is_img2img, name.lower()), []))

    def pasted(self, is_img2img: bool, values: Mapping[str, Any]) -> dict[Component, Any]:
        """What a recipe's values by key say to the controls."""
        runner = self.world.runner(is_img2img)
        shown: dict[Component, Any] = {}
        for script in runner.scripts:
            for field in script.infotext_fields or ():
                control, key = field[0], field[1]
                value = (
                    values.get(key) if isinstance(key, str) else self._asked(script, key, values)
                )
                if value is not None and isinstance(control, Component):
                    shown[control] = as_held(control, value)
        return shown

    def _asked(self, script: Script, function: Any, values: Mapping[str, Any]) -> Any:
        return self.world.guard(script.extension, "infotext_fields", function, dict(values))

    def announce(self, blocks: Any) -> None:
        """Tell scripts and callbacks of every control that was made on the page."""
        scripts = [*self.world.runner(False).scripts, *self.world.runner(True).scripts]
        listening = [one for one in scripts if listens_to_controls(one)]
        if "after_component" not in self.world.callbacks and not listening:
            return
        for control in list(blocks.blocks.values()):
            if isinstance(control, Component):
                self._announce_one(control, listening)

    def _announce_one(self, control: Component, scripts: Sequence[Script]) -> None:
        given = {"elem_id": getattr(control, "elem_id", None), "label": control.label}
        world = self.world
        before, Context.block = Context.block, control.parent
        try:
            for one in world.callbacks.of("after_component"):
                world.guard(one.extension, "on_after_component", one.function, control, **given)
            for script in scripts:
                name, function = script.extension, script.after_component
                world.guard(name, "after_component", function, control, **given)
                for ident, callback in script.on_after_component_elem_id or ():
                    if ident == given["elem_id"]:
                        told = OnComponent(control)
                        world.guard(name, "on_after_component", callback, told)
        finally:
            Context.block = before

    def tabs(self) -> list[tuple[Any, str, str]]:
        """Tabs of extensions: their blocks, title and id."""
        found = []
        for one in self.world.callbacks.of("ui_tabs"):
            for tab in self.world.guard(one.extension, "on_ui_tabs", one.function) or ():
                found.append(tuple(tab))
        return found

    def started(self, app: Any) -> None:
        """Tell extensions that the server is there."""
        for one in self.world.callbacks.of("app_started"):
            self.world.guard(one.extension, "on_app_started", one.function, self.blocks, app)


def listens_to_controls(script: Script) -> bool:
    """Whether a script wants to hear of controls."""
    overridden = type(script).after_component is not Script.after_component
    return overridden or bool(script.on_after_component_elem_id)


def plain_value(control: Component) -> Any:
    """What a control holds at first, as JSON can say it."""
    value = getattr(control, "value", None)
    try:
        return to_plain(value() if callable(value) else value)
    except TypeError:
        return None


def as_held(control: Component, value: Any) -> Any:
    """A recipe's text as the kind of value a control holds."""
    if not isinstance(value, str):
        return value
    if isinstance(control, gr.Checkbox):
        return value.strip().lower() in ("true", "1", "yes")
    if isinstance(control, gr.Number | gr.Slider):
        try:
            return float(value) if "." in value else int(value)
        except ValueError:
            return control.value
    return value
