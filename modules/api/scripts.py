"""The Script menu over REST: what there is, and a request's script from strangers' JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from fastapi import APIRouter

from modules.errors import InvalidRequest
from modules.param import Field, params_of
from modules.schema.codec import to_plain
from modules.schema.request import GenerationRequest
from modules.schema.script_call import ScriptCall
from modules.service.app import App
from modules.service.scripts.arguments import choices_of, from_positions
from modules.service.scripts.catalogue import find_script, scripts_of, tab_of
from modules.service.scripts.script import TABS, Script


def script_routes(app: App) -> APIRouter:
    """Routes below `/api/v1/scripts`."""
    routes = APIRouter(prefix="/api/v1", tags=["lists"])

    @routes.get("/scripts")
    def scripts() -> dict[str, list[dict[str, Any]]]:
        """List the scripts of each tab with their fields."""
        return {tab: [script_body(app, one, tab) for one in scripts_of(tab)] for tab in TABS}

    return routes


def script_body(app: App, script: Script, tab: str) -> dict[str, Any]:
    """Describe a script and what it asks for."""
    fills = script.fills
    return {
        "name": script.title,
        "help": script.help,
        "fields": [field_body(app, script, item, tab) for item in params_of(script.args)],
        "fills": {
            "by": dict(fills.by),
            "texts": dict(fills.texts(tab, app.catalogue(), app.styles().names())),
        }
        if fills is not None
        else None,
        "swaps": [list(pair) for pair in script.swaps],
    }


def field_body(app: App, script: Script, item: Field, tab: str) -> dict[str, Any]:
    """Describe one control of a script."""
    about = item.param
    low, high = about.slider or (about.minimum, about.maximum)
    return {
        "name": item.name,
        "label": about.label,
        "help": about.help,
        "value": to_plain(item.default),
        "minimum": low,
        "maximum": high,
        "step": about.step,
        "choices": list(choices_of(script, item, tab, app.catalogue())) or None,
        "advanced": about.advanced,
    }


def with_script(request: GenerationRequest, value: Any) -> GenerationRequest:
    """Return `request` with the script of a JSON body: `{"name": ..., "args": {...} or [...]}`.

    null takes it away. Raises InvalidRequest or NotFound.
    """
    call = None if value is None else _call(value, tab_of(request))
    return replace(request, script=call)


def _call(value: Any, tab: str) -> ScriptCall:
    if not isinstance(value, Mapping) or not isinstance(value.get("name"), str):
        raise InvalidRequest(
            "The script must be a JSON object with a name.",
            'For example {"name": "X/Y/Z plot", "args": {"x_type": "Steps", "x_values": "1-5"}}.',
        )
    random = value.get("random", -1)
    return script_call(
        value["name"], value.get("args") or {}, tab, random if isinstance(random, int) else -1
    )


def script_call(name: str, args: Any, tab: str, random: int = -1) -> ScriptCall:
    """A script with arguments by name, or by place as A1111 counts. Raises NotFound."""
    script = find_script(name, tab)
    if isinstance(args, Mapping):
        named = dict(args)
    elif isinstance(args, Sequence) and not isinstance(args, str):
        named = from_positions(script, args)
    else:
        raise InvalidRequest(f"The arguments of {script.title} must be an object or a list.")
    return ScriptCall(name=script.title, args=named, random=random)
