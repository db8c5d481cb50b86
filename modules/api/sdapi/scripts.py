"""The script routes of A1111's API."""

from typing import Any

from fastapi import APIRouter

from modules.api.controlnet.units import CONTROLNET
from modules.api.scripts import field_body
from modules.api.sdapi.pictures import SOFT_INPAINTING
from modules.param import Field, params_of
from modules.schema.control import ControlUnit
from modules.schema.inputs import SoftInpaint
from modules.service.app import App
from modules.service.extensions import ForeignScript
from modules.service.scripts.catalogue import scripts_of
from modules.service.scripts.script import IMG2IMG, TABS, TXT2IMG, Script

ALWAYS_ON: dict[str, dict[str, type]] = {
    TXT2IMG: {CONTROLNET: ControlUnit},
    IMG2IMG: {CONTROLNET: ControlUnit, SOFT_INPAINTING: SoftInpaint},
}
"""What `alwayson_scripts` may name, by tab, with the record of its arguments."""


def script_routes(app: App) -> APIRouter:
    """Lists of what a request may name as its script."""
    routes = APIRouter(prefix="/sdapi/v1", tags=["sdapi"])

    @routes.get("/scripts")
    def scripts() -> dict[str, list[str]]:
        """List scripts by tab, in lower case: those that a request may name."""
        return {
            tab: [
                *ALWAYS_ON.get(tab, {}),
                *(one.title.lower() for one in scripts_of(tab)),
                *(one.name for one in app.extensions.scripts(tab)),
            ]
            for tab in TABS
        }

    @routes.get("/script-info")
    def script_info() -> list[dict[str, Any]]:
        """List the scripts of both tabs with their arguments in the order of `script_args`."""
        rows = []
        for tab in TABS:
            for name, kind in ALWAYS_ON.get(tab, {}).items():
                rows.append(_row(name, tab, [_plain(item) for item in params_of(kind)], True))
            for one in scripts_of(tab):
                rows.append(_row(one.title.lower(), tab, _arguments(app, one, tab), False))
            for foreign in app.extensions.scripts(tab):
                rows.append(_row(foreign.name, tab, _bare(foreign), foreign.always))
        return rows

    return routes


def _row(name: str, tab: str, args: list[dict[str, Any]], always_on: bool) -> dict[str, Any]:
    return {"name": name, "is_alwayson": always_on, "is_img2img": tab == IMG2IMG, "args": args}


def _bare(script: ForeignScript) -> list[dict[str, Any]]:
    return [
        {**dict.fromkeys(KEYS), "label": label, "value": value}
        for label, value in zip(script.labels, script.args, strict=False)
    ]


def _arguments(app: App, script: Script, tab: str) -> list[dict[str, Any]]:
    known = {item.name: item for item in params_of(script.args)}
    rows = []
    for name in script.layout or tuple(known):
        body = field_body(app, script, known[name], tab) if name else {}
        rows.append({key: body.get(key) for key in KEYS})
    return rows


def _plain(item: Field) -> dict[str, Any]:
    about = item.param
    return {
        "label": about.label,
        "value": item.default,
        "minimum": about.minimum,
        "maximum": about.maximum,
        "step": about.step,
        "choices": None,
    }


KEYS = ("label", "value", "minimum", "maximum", "step", "choices")
