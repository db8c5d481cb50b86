"""The Settings tab: every saved option with its label, limits and help, drawn by the page."""

import html
import json
import typing
from collections.abc import Sequence
from typing import Any

from modules.param import Field, params_of
from modules.schema.request import GenerationRequest
from modules.service.extension_options import ExtensionOption
from modules.settings.settings import Settings
from modules.ui.form import Menus, kinds_of
from modules.ui.parts.page_part import page_part

DEFAULTS = "defaults"
"""The section of what requests start from where they do not say."""


def lay_out(menus: Menus, extensions: Sequence[ExtensionOption] = ()) -> None:
    """Place the list of everything an owner may set, options of extensions last."""
    sections = [*describe(menus), *describe_extensions(extensions)]
    described = html.escape(json.dumps(sections))
    page_part(f'<easel-settings sections="{described}"></easel-settings>')


def describe(menus: Menus) -> list[dict[str, Any]]:
    """Return sections, each with its fields, as plain data."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for item in params_of(Settings):
        section = item.path.partition(".")[0]
        sections.setdefault(section, []).append(_describe_field(item, menus))
    sections[DEFAULTS] = [
        _describe_field(item, menus) for item in params_of(GenerationRequest) if item.param.setting
    ]
    return [
        {"id": name, "title": TITLES.get(name, name.capitalize()), "fields": fields}
        for name, fields in sections.items()
    ]


def describe_extensions(options: Sequence[ExtensionOption]) -> list[dict[str, Any]]:
    """Return a section for each that extensions name, as plain data."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for one in options:
        kind = {bool: "bool", int: "int", float: "float"}.get(type(one.default), "str")
        kind = "list" if isinstance(one.default, list | tuple) else kind
        field = {key: value for key, value in vars(one).items() if key != "section"}
        row = {**field, "kind": kind, "choices": list(one.choices)}
        sections.setdefault(one.section, []).append(row)
    return [
        {"id": f"extension_{number}", "title": title, "fields": fields}
        for number, (title, fields) in enumerate(sections.items())
    ]


def _describe_field(item: Field, menus: Menus) -> dict[str, Any]:
    about = item.param
    choices = menus(about.choices) if isinstance(about.choices, str) else list(about.choices)
    return {
        "name": about.setting,
        "label": about.label,
        "help": about.help,
        "kind": _kind(item),
        "default": item.default,
        "choices": choices,
        "minimum": about.minimum,
        "maximum": about.maximum,
        "step": about.step or (1 if _kind(item) == "int" else None),
    }


def _kind(item: Field) -> str:
    names = {bool: "bool", float: "float", int: "int"}
    kinds = kinds_of(item)
    return next((name for kind, name in names.items() if kind in kinds), _text_or_list(kinds))


def _text_or_list(kinds: tuple[Any, ...]) -> str:
    return "list" if any(typing.get_origin(kind) is tuple for kind in kinds) else "str"


TITLES = {DEFAULTS: "Defaults for new requests", "recipe": "Recipe in pictures"}
