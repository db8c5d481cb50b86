"""ControlNet on a tab; `assets/control.js` draws it, and one hidden control holds all units."""

import json
from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import gradio as gr

from modules.errors import InvalidRequest, NotFound
from modules.param import params_of
from modules.schema.control import MOST_UNITS, ControlUnit
from modules.schema.inputs import ImageData
from modules.service.control_desk import ControlDesk
from modules.ui.describe import describe_field
from modules.ui.form import Form, to_field
from modules.ui.parts.page_part import page_part

Units = tuple[ControlUnit, ...]


def control_box(form: Form, tab: str, desk: ControlDesk, count: int) -> None:
    """Place `count` units, and what carries them to the request."""
    fields = escape(json.dumps(unit_fields()), quote=True)
    page_part(
        f'<easel-control tab="{tab}" units="{count}" fields="{fields}"></easel-control>',
        elem_id=f"{tab}_controlnet",
    )
    control = gr.Textbox(visible="hidden", elem_id=f"{tab}_controlnet_units")
    form.carry("control", control, read=reader_of(desk), write=writer_of(desk))


def unit_fields() -> list[dict[str, Any]]:
    """Describe what a unit asks for; menus that change are fetched by the page."""
    return [
        describe_field(
            item,
            item.default,
            item.param.choices if isinstance(item.param.choices, tuple) else None,
        )
        for item in params_of(ControlUnit)
    ]


def reader_of(desk: ControlDesk) -> Callable[[Any], Units]:
    """Return what reads the units that the control holds. It raises InvalidRequest."""

    def read(text: Any) -> Units:
        try:
            said = json.loads(text) if text else []
            return tuple(_unit(desk, dict(one)) for one in said[:MOST_UNITS])
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise InvalidRequest(
                "The page did not say what its ControlNet units are.", "Reload the page."
            ) from error

    return read


def _unit(desk: ControlDesk, said: dict[str, Any]) -> ControlUnit:
    unit = ControlUnit()
    for item in params_of(ControlUnit):
        if item.name in said:
            unit = replace(unit, **{item.name: to_field(item, said[item.name])})
    image = _picture(desk, said.get("picture"), needed=unit.enabled)
    return replace(unit, image=image, mask=_picture(desk, said.get("mask"), needed=unit.enabled))


def _picture(desk: ControlDesk, token: Any, *, needed: bool) -> ImageData | None:
    """A picture that the server keeps; one that is gone matters where it is needed."""
    try:
        return desk.pictures.find(str(token)) if token else None
    except NotFound as error:
        if not needed:
            return None
        raise InvalidRequest(
            "A ControlNet unit's picture is no longer here.", "Choose it again."
        ) from error


def writer_of(desk: ControlDesk) -> Callable[[Units], str]:
    """Return what writes units down for the control; their pictures stay on the server."""

    def write(units: Units) -> str:
        if not units:
            return ""
        return json.dumps([_said(desk, unit) for unit in units])

    return write


def _said(desk: ControlDesk, unit: ControlUnit) -> dict[str, Any]:
    values = {item.name: getattr(unit, item.name) for item in params_of(ControlUnit)}
    image, mask = unit.image, unit.mask
    return {
        **values,
        "picture": desk.pictures.keep(image) if image is not None else "",
        "mask": desk.pictures.keep(mask) if mask is not None else "",
        **({"width": image.width, "height": image.height} if image is not None else {}),
    }
