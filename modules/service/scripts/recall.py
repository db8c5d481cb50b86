"""The script that a recipe tells of."""

from collections.abc import Mapping
from dataclasses import replace

from modules.errors import WebUIError
from modules.param import params_of
from modules.schema.infotext_parse import parse_infotext
from modules.schema.script_call import ScriptCall
from modules.service.recipe import Recipe
from modules.service.scripts.arguments import plain_args, read_args
from modules.service.scripts.catalogue import scripts_of, tab_of
from modules.service.scripts.script import Script

KEY = "Script"


def with_script(recipe: Recipe) -> Recipe:
    """Ask for the script that the recipe's text tells of, if it does."""
    script = script_in(parse_infotext(recipe.infotext), tab_of(recipe.request))
    return replace(recipe, request=replace(recipe.request, script=script)) if script else recipe


def script_in(entries: Mapping[str, str], tab: str) -> ScriptCall | None:
    """The script of a recipe with its arguments, as far as the recipe has them; None without one.

    A recipe names its script, or has one of the keys that only the script writes.
    """
    for script in scripts_of(tab):
        given = _given(script, entries)
        if entries.get(KEY, "").lower() == script.title.lower() or given:
            return _call(script, given, tab)
    return None


def _given(script: Script, entries: Mapping[str, str]) -> dict[str, str]:
    keys = {item.param.infotext: item.name for item in params_of(script.args)}
    return {name: entries[key] for key, name in keys.items() if key and key in entries}


def _call(script: Script, given: Mapping[str, str], tab: str) -> ScriptCall:
    """What cannot be read (any more) keeps its default."""
    known = {}
    for name, text in given.items():
        try:
            known[name] = plain_args(read_args(script, {name: text}, tab))[name]
        except WebUIError:
            continue
    return ScriptCall(name=script.title, args=known)
