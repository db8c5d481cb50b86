"""Everything else that changes pixels, grouped, compact, generated from the request's fields."""

import html
import json

import gradio as gr

from modules.param import Field, params_of
from modules.schema.request import GenerationRequest
from modules.ui.form import Form, kinds_of
from modules.ui.parts.page_part import page_part

GROUPS = (
    ("Speed", ("options.speed", "options.step_cache", "options.token_merging", "options.int8")),
    ("Model and text", ("models.vae", "tiling", "text.")),
    ("Noise", ("seeds.", "options.eta", "options.s_", "options.sgm")),
    (
        "Schedule",
        ("options.sigma_", "options.rho", "options.beta", "options.discard", "options.sgm"),
    ),
    ("Solver and guidance", ("options.",)),
    ("Faces, and what comes afterwards", ("faces.", "afterwards.")),
)
"""Title and the beginnings of the paths below it; a field goes into the first group that fits."""

PICTURES = ("Pictures and masks", ("pictures.", "img2img."))
"""The group of a tab that starts from pictures."""

AS_BEFORE = {
    "pictures.upscaler": "Plain (Lanczos)",
    "faces.restorer": "None",
    "afterwards.upscaler": "None",
}
"""What menus call the choice ""."""

OTHER_WORK = ("img2img.", "hires.", "pictures.")
"""Beginnings of paths that mean nothing to a picture drawn from noise in one pass."""


def advanced_box(form: Form, tab: str, *, pictures: bool = False) -> None:
    """Lay out every advanced field that is not on the form yet, in a closed accordion.

    With `pictures` also those that count only where one starts from a picture. There are many, so
    they are one control to Gradio; `assets/sheet.js` draws them.
    """
    other = ("hires.",) if pictures else OTHER_WORK
    waiting = [item for item in params_of(GenerationRequest) if _belongs(item, form, other)]
    groups, paths = [], []
    for title, beginnings in (PICTURES, *GROUPS) if pictures else GROUPS:
        found = [item for item in waiting if item.path.startswith(beginnings)]
        waiting = [item for item in waiting if item not in found]
        group = [item.path for item in sorted(found, key=lambda item: bool in kinds_of(item))]
        paths += group
        fields = [form.describe(path, AS_BEFORE.get(path, "")) for path in group]
        groups.append({"title": title, "fields": fields})
    form.sheet("advanced", gr.Textbox(visible="hidden", elem_id=f"{tab}_advanced_values"), paths)
    _quick_settings(form, tab, paths)
    with gr.Accordion("Advanced", open=False, elem_id=f"{tab}_advanced"):
        described = html.escape(json.dumps(groups))
        page_part(f'<easel-sheet tab="{tab}" groups="{described}"></easel-sheet>')


def _quick_settings(form: Form, tab: str, paths: list[str]) -> None:
    """Make room for those of the advanced fields that the owner wants to see at all times."""
    settings = {item.path: item.param.setting for item in params_of(GenerationRequest)}
    fields = [
        {**form.describe(path, AS_BEFORE.get(path, "")), "setting": settings[path]}
        for path in paths
        if settings[path]
    ]
    described = html.escape(json.dumps(fields))
    page_part(f'<easel-quick tab="{tab}" fields="{described}"></easel-quick>')


def _belongs(item: Field, form: Form, other: tuple[str, ...]) -> bool:
    optional = item.path.startswith(other)
    wanted = item.param.advanced or item.path == "models.vae"
    return wanted and not optional and item.path not in form
