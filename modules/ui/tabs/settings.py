"""The Settings tab: every saved option with its label, limits and help, drawn by the page."""

import html
import json
from typing import Any

import gradio as gr

from modules.param import Field, params_of
from modules.ui.form import Menus, kinds_of


def lay_out(kind: type, menus: Menus) -> None:
    """Place the list of what the settings record `kind` declares."""
    described = html.escape(json.dumps(describe(kind, menus)))
    gr.HTML(
        f'<easel-settings sections="{described}"></easel-settings>',
        padding=False,
        apply_default_css=False,
    )


def describe(kind: type, menus: Menus) -> list[dict[str, Any]]:
    """Return sections, each with the fields an owner may set, as plain data."""
    sections: dict[str, list[dict[str, Any]]] = {}
    for item in params_of(kind):
        if item.param.setting:
            section = item.path.partition(".")[0]
            sections.setdefault(section, []).append(_describe_field(item, menus))
    return [
        {"id": name, "title": name.replace("_", " ").capitalize(), "fields": fields}
        for name, fields in sections.items()
    ]


def _describe_field(item: Field, menus: Menus) -> dict[str, Any]:
    about = item.param
    kinds = kinds_of(item)
    numeric = next(
        (name for kind, name in ((float, "float"), (int, "int")) if kind in kinds), "str"
    )
    choices = menus(about.choices) if isinstance(about.choices, str) else list(about.choices)
    return {
        "name": about.setting,
        "label": about.label,
        "help": about.help,
        "kind": "bool" if bool in kinds else numeric,
        "default": item.default,
        "choices": choices,
        "minimum": about.minimum,
        "maximum": about.maximum,
        "step": about.step or (1 if numeric == "int" else None),
    }
