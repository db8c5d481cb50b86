"""A form is the only thing that knows which control holds which path of a request.

Controls take their label, help, limits, choices and default from the field they stand for, so a
tab says where a control is and what it looks like, and never repeats what it means.
"""

import json
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import InvalidRequest
from modules.param import Field, check_value, get_at, params_of, replace_at
from modules.schema.request import GenerationRequest
from modules.ui.describe import describe_field

Menus = Callable[[str], list[str]]
"""Answers the entries of a named catalogue ("samplers", "checkpoints", ...)."""


ReadForeign = Callable[[Mapping[Component, Any], GenerationRequest], GenerationRequest]
ShowForeign = Callable[[GenerationRequest], Mapping[Component, Any]]


@dataclass(frozen=True)
class Carried:
    """A hidden control that holds a whole part of the request, as text."""

    control: Component
    read: Callable[[Any], Any]
    write: Callable[[Any], Any]


class Form:
    """Controls by path. `kind` is the record the paths lead through."""

    def __init__(self, menus: Menus, kind: type = GenerationRequest) -> None:
        self._menus = menus
        self._fields = {item.path: item for item in params_of(kind)}
        self._controls: dict[str, Component] = {}
        self._switches: dict[str, tuple[Component, tuple[str, ...]]] = {}
        self._parts: dict[str, Component] = {}
        self._carried: dict[str, Carried] = {}
        self._asides: dict[str, Component] = {}
        self._sheets: dict[str, tuple[Component, tuple[str, ...]]] = {}
        self._empty: dict[str, str] = {}
        self._foreign: dict[str, Component] = {}
        self._read_foreign: list[ReadForeign] = []
        self._show_foreign: list[ShowForeign] = []

    def add(
        self, path: str, control: type[Component] | None = None, *, empty: str = "", **look: Any
    ) -> Component:
        """Place the control for `path`; without `control` the field's type decides which kind.

        `empty` is what a menu calls the choice "". `look` goes to Gradio as it is and wins over
        what the field says.
        """
        item = self._fields[path]
        assert path not in self._controls, f"{path} is on the form already"
        kind = control or control_for(item)
        if empty:
            self._empty[path] = empty
        about = self._describe(item, kind)
        if item.param.help:
            about.setdefault("info", item.param.help)
        self._controls[path] = kind(**{**about, **look})
        return self._controls[path]

    def switch(self, name: str, control: Component, paths: tuple[str, ...]) -> None:
        """Let a tick box decide whether `paths` count; while it is off they read as defaults."""
        self._switches[name] = (control, paths)

    def part(self, path: str, control: Component) -> None:
        """Let a tick box decide whether the optional record at `path` is in the request at all.

        While it is off, the controls below `path` keep what they show, and count for nothing.
        """
        self._parts[path] = control

    def carry(
        self,
        path: str,
        control: Component,
        *,
        read: Callable[[Any], Any],
        write: Callable[[Any], Any],
    ) -> None:
        """Let one control hold the part at `path`, which has no described fields.

        `read` turns what the control holds into the part, or raises InvalidRequest; `write` does
        the opposite.
        """
        self._carried[path] = Carried(control, read, write)

    def aside(self, name: str, control: Component) -> None:
        """Keep a control whose value is no field, such as chosen styles: in drafts, and by name."""
        self._asides[name] = control

    def value_aside(self, name: str, values: Mapping[Component, Any]) -> Any:
        """Return what an aside holds."""
        return values.get(self._asides[name])

    def sheet(self, name: str, control: Component, paths: Sequence[str]) -> None:
        """Let one control hold the values of all `paths`, which the page's own script draws.

        It holds JSON: values by path, and the menus that may have changed since the page began.
        """
        self._sheets[name] = (control, tuple(paths))

    def foreign(self, named: Mapping[str, Component], read: ReadForeign, show: ShowForeign) -> None:
        """Keep controls of extensions: in drafts by name, and in requests as `read` says.

        `read(values, request)` gives the request with what they hold, `show(request)` what they
        are to say; those that it leaves out keep what they show.
        """
        self._foreign.update(named)
        self._read_foreign.append(read)
        self._show_foreign.append(show)

    def part_switch(self, path: str) -> Component:
        """Return the tick box of a part."""
        return self._parts[path]

    @property
    def components(self) -> set[Component]:
        """Every control; given as `inputs`, Gradio calls the handler with one dictionary."""
        return {control for _, control in self.ordered}

    @property
    def ordered(self) -> list[tuple[str, Component]]:
        """Path (or switch) and control in the order Gradio sends them for `components`."""
        switches = {name: control for name, (control, _) in self._switches.items()}
        carried = {path: one.control for path, one in self._carried.items()}
        sheets = {name: control for name, (control, _) in self._sheets.items()}
        every = self._controls | switches | self._parts | carried | sheets | self._asides
        every |= self._foreign
        return sorted(every.items(), key=lambda entry: entry[1]._id)

    def __getitem__(self, path: str) -> Component:
        return self._controls[path]

    def __contains__(self, path: object) -> bool:
        return path in self._controls or any(path in paths for _, paths in self._sheets.values())

    def read(
        self, values: Mapping[Component, Any], base: GenerationRequest | None = None
    ) -> GenerationRequest:
        """Return `base` with what the controls hold.

        Raises InvalidRequest, naming the field, for text where a number belongs and for numbers
        outside their limits. A control that was emptied counts as its field's default.
        """
        request = self._with_parts_of(base or GenerationRequest(), values)
        off = self._switched_off(values)
        for path, control in self._controls.items():
            item = self._fields[path]
            if self._is_absent(path, request):
                continue
            if path in off:
                request = replace_at(request, path, item.default)
            elif control in values:
                request = replace_at(request, path, to_field(item, values[control]))
        for control, paths in self._sheets.values():
            given = sheet_values(values.get(control))
            for path in paths:
                if path in given and not self._is_absent(path, request):
                    request = replace_at(request, path, to_field(self._fields[path], given[path]))
        for path, one in self._carried.items():
            if one.control in values:
                request = replace_at(request, path, one.read(values[one.control]))
        for read in self._read_foreign:
            request = read(values, request)
        return request

    def read_what_works(self, values: Mapping[Component, Any]) -> GenerationRequest:
        """Do what `read` does, leaving out what cannot be read."""
        given = self.flat(
            {path: values[control] for path, control in self.ordered if control in values}
        )
        return self._with_parts_of(merge_fields(GenerationRequest(), given), values)

    def flat(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what controls hold, such as a draft, with what is on sheets by path too."""
        inner = (sheet_values(given.get(name)) for name in self._sheets)
        return {**given, **{path: value for sheet in inner for path, value in sheet.items()}}

    def show(
        self, request: GenerationRequest, switches: Mapping[str, Any] | None = None
    ) -> dict[Component, Any]:
        """Return the updates that make the controls say what `request` says.

        Menus are read again, and a value beyond a slider's comfortable range widens the slider.
        A switch is on if any of its values is not the default, unless `switches` says otherwise,
        as it may of what is carried and of asides, which are empty else. Controls of a part that
        `request` does not have keep what they show.
        """
        shown = {control: self._update(path, request) for path, control in self._controls.items()}
        for path, control in self._parts.items():
            there = get_at(request, path) is not None
            shown[control] = gr.update(value=bool((switches or {}).get(path, there)))
        for name, control in self._asides.items():
            shown[control] = gr.update(value=(switches or {}).get(name, ""))
        for control, paths in self._sheets.values():
            shown[control] = gr.update(value=self._sheet_text(paths, request))
        for path, one in self._carried.items():
            said = (switches or {}).get(path)
            shown[one.control] = gr.update(value=said or one.write(get_at(request, path)))
        for show in self._show_foreign:
            shown |= {control: gr.update(value=value) for control, value in show(request).items()}
        for name, control in self._foreign.items():
            if name in (switches or {}):
                shown[control] = gr.update(value=(switches or {})[name])
        for name, (control, paths) in self._switches.items():
            used = any(get_at(request, path) != self._fields[path].default for path in paths)
            shown[control] = gr.update(value=bool((switches or {}).get(name, used)))
        return shown

    def _switched_off(self, values: Mapping[Component, Any]) -> set[str]:
        switches = self._switches.values()
        return {path for control, paths in switches if not values.get(control) for path in paths}

    def _with_parts_of(
        self, request: GenerationRequest, values: Mapping[Component, Any]
    ) -> GenerationRequest:
        """Put the parts that are ticked into `request`, and take the others out."""
        for path, control in self._parts.items():
            if not values.get(control):
                request = replace_at(request, path, None)
            elif get_at(request, path) is None:
                first = next(name for name in self._controls if name.startswith(f"{path}."))
                request = replace_at(request, first, self._fields[first].default)
        return request

    def _is_absent(self, path: str, request: GenerationRequest) -> bool:
        """Say whether `path` leads through a part that `request` does not have."""
        return any(
            path.startswith(f"{part}.") and get_at(request, part) is None for part in self._parts
        )

    def _describe(self, item: Field, kind: type[Component]) -> dict[str, Any]:
        about = item.param
        look: dict[str, Any] = {"label": about.label, "value": self._shown(item, item.default)}
        if issubclass(kind, gr.Slider):
            low, high = about.slider or (about.minimum, about.maximum)
            look |= {"minimum": low, "maximum": high, "step": about.step or step_of(item)}
        elif issubclass(kind, gr.Dropdown | gr.Radio):
            look["choices"] = self._choices(item, item.default)
        elif issubclass(kind, gr.Number):
            look |= {"step": about.step or step_of(item)}
            if is_whole(item):
                look["precision"] = 0
        return look

    def _update(self, path: str, request: GenerationRequest) -> dict[str, Any]:
        item, control, value = self._fields[path], self._controls[path], get_at(request, path)
        if self._is_absent(path, request):
            is_menu = isinstance(control, gr.Dropdown)
            return gr.update(choices=self._choices(item, None)) if is_menu else gr.skip()
        update: dict[str, Any] = {"value": self._shown(item, value)}
        if isinstance(control, gr.Slider):
            low, high = item.param.slider or (item.param.minimum, item.param.maximum)
            if isinstance(value, int | float):
                update |= {"minimum": min(low or 0, value), "maximum": max(high or 1, value)}
        elif isinstance(control, gr.Dropdown):
            update["choices"] = self._choices(item, value)
        return gr.update(**update)

    def _sheet_text(self, paths: Sequence[str], request: GenerationRequest) -> str:
        there = [path for path in paths if not self._is_absent(path, request)]
        values = {path: self._shown(self._fields[path], get_at(request, path)) for path in there}
        named = [path for path in paths if isinstance(self._fields[path].param.choices, str)]
        menus = {path: self.describe(path)["choices"] for path in named}
        return json.dumps({"values": values, "menus": menus})

    def describe(self, path: str, empty: str = "") -> dict[str, Any]:
        """Return what the page's script needs to draw a control for `path`, as plain data.

        `empty` is what a menu calls the choice "".
        """
        if empty:
            self._empty[path] = empty
        item = self._fields[path]
        words = self._choices(item, None) if item.param.choices else ()
        pairs = [one[::-1] if isinstance(one, tuple) else (one, one) for one in words]
        step = 1 if is_whole(item) else None
        return describe_field(item, self._shown(item, item.default), pairs, step)

    def _shown(self, item: Field, value: Any) -> Any:
        return "" if item.path in self._empty and not value else to_control(item, value)

    def _choices(self, item: Field, value: Any) -> list[str | tuple[str, str]]:
        named = item.param.choices
        known: list[Any] = self._menus(named) if isinstance(named, str) else list(named)
        every = known if value in known or not value else [*known, str(value)]
        return [(self._empty[item.path], ""), *every] if item.path in self._empty else every


def sheet_values(text: Any) -> dict[str, Any]:
    """Return the values by path that a sheet holds; nothing for anything else."""
    try:
        values = json.loads(text)["values"]
    except (TypeError, ValueError, KeyError):
        return {}
    return values if isinstance(values, dict) else {}


def control_for(item: Field) -> type[Component]:
    """Return the Gradio class that suits a field's type."""
    if item.param.choices:
        return gr.Dropdown
    if bool in kinds_of(item):
        return gr.Checkbox
    if is_huge(item):
        return gr.Textbox
    if float in kinds_of(item) or int in kinds_of(item):
        return gr.Number
    return gr.Textbox


def kinds_of(item: Field) -> tuple[Any, ...]:
    """Return the plain types a field accepts: (int,), (float, NoneType), (str,), ..."""
    if typing.get_origin(item.type) in (typing.Union, types.UnionType):
        return typing.get_args(item.type)
    return (item.type,)


def is_whole(item: Field) -> bool:
    """Say whether only whole numbers make sense for the field."""
    return int in kinds_of(item) and float not in kinds_of(item) and bool not in kinds_of(item)


def is_huge(item: Field) -> bool:
    """Say whether values may be beyond 2^53, where the browser's numbers end."""
    return is_whole(item) and (item.param.maximum or 0) > 2**53


def step_of(item: Field) -> float:
    """Return how far one press of an arrow moves the number."""
    return 1 if is_whole(item) else 0.01


def to_control(item: Field, value: Any) -> Any:
    """Return what a control shows for a field's value; huge numbers, such as seeds, are text."""
    if is_huge(item):
        return str(value)
    return None if item.param.choices and value == "" else value


def to_field(item: Field, value: Any) -> Any:
    """Turn what a control holds into the field's value; raises InvalidRequest if it cannot be."""
    kinds = kinds_of(item)
    if value is None or (isinstance(value, str) and not value.strip() and str not in kinds):
        return None if type(None) in kinds else item.default
    if bool in kinds:
        return bool(value)
    if str in kinds:
        return str(value)
    number = _to_number(item, value)
    check_value(item, number)
    return number


def _to_number(item: Field, value: Any) -> int | float:
    label = item.param.label
    try:
        if not is_whole(item):
            return float(value)
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        kind = "a whole number" if is_whole(item) else "a number"
        raise InvalidRequest(
            f"{label} must be {kind}, not {str(value)!r:.80}.", f"The default is {item.default}."
        ) from None
    if isinstance(value, float) and number != value:
        raise InvalidRequest(
            f"{label} must be a whole number, not {value}.",
            f"The nearest value that works is {round(value)}.",
        )
    return number


def merge_fields(base: GenerationRequest, given: Mapping[str, Any]) -> GenerationRequest:
    """Return `base` with values by path, such as `{"sampling.steps": 30}`.

    Paths that mean nothing (any more) and values of the wrong kind are left out: a draft or a link
    from another version still brings back everything that does make sense.
    """
    for item in params_of(GenerationRequest):
        if item.path in given:
            try:
                base = replace_at(base, item.path, to_field(item, given[item.path]))
            except InvalidRequest:
                continue
    return base
