"""Scripts of extensions in A1111's API: what `alwayson_scripts` and `script_name` may mean."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.api.sdapi.schemas import StableDiffusionProcessing
from modules.compat.drawing import KEY
from modules.errors import InvalidRequest
from modules.schema.request import GenerationRequest
from modules.service.app import App
from modules.service.scripts.script import IMG2IMG, TXT2IMG


def with_foreign_scripts(
    request: GenerationRequest, body: StableDiffusionProcessing, app: App
) -> GenerationRequest:
    """Return `request` with the values that scripts of extensions are given. InvalidRequest."""
    tab = TXT2IMG if request.img2img is None else IMG2IMG
    known = {one.name: one for one in app.extensions.scripts(tab)}
    scripts: dict[str, Any] = {}
    for name, given in (body.alwayson_scripts or {}).items():
        script = known.get(name.strip().lower())
        if script is not None and script.always:
            scripts[script.name] = completed(name, given, script.args)
    values: dict[str, Any] = {"scripts": scripts}
    chosen = known.get((body.script_name or "").strip().lower())
    if chosen is not None and not chosen.always:
        args = completed(chosen.title, {"args": list(body.script_args or [])}, chosen.args)
        values["script"] = {"title": chosen.title, "args": args}
    if len(values) == 1 and not scripts:
        return request
    return replace(request, extras={**request.extras, KEY: values})


def completed(name: str, given: Any, usual: tuple[Any, ...]) -> list[Any]:
    """The arguments of a script: what is left out at the end is as its controls are at first."""
    args = given.get("args", []) if isinstance(given, Mapping) else given
    if not isinstance(args, list):
        raise InvalidRequest(f"The arguments of {name} must be a list.")
    return [*args[: len(usual)], *usual[len(args) :]]


def is_foreign(app: App, name: str) -> bool:
    """Whether a script of an extension has this name, on either tab."""
    plain = name.strip().lower()
    scripts = [*app.extensions.scripts(TXT2IMG), *app.extensions.scripts(IMG2IMG)]
    return any(one.name == plain for one in scripts)
