"""The page: what is on it, and the few handlers that read the form and hand in a job."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.errors import WebUIError
from modules.param import replace_at
from modules.schema.catalogue import CheckpointInfo
from modules.schema.request import GenerationRequest
from modules.service.app import App
from modules.service.read_pixels import read_pixels
from modules.service.resolve import find_checkpoint
from modules.service.styles import with_styles
from modules.service.visitor import VISITOR
from modules.ui.bridge import Bridge, say
from modules.ui.form import Form, Menus, merge_fields
from modules.ui.menus import menus_of
from modules.ui.parts.control_box import control_box
from modules.ui.parts.extension_box import extension_box, with_pasted
from modules.ui.parts.prompt_box import STYLES, names_in
from modules.ui.parts.quicksettings import quicksettings
from modules.ui.picture_request import Source, with_editable_parts, with_source
from modules.ui.reuse import enlarging, request_behind
from modules.ui.start_values import read_start_values
from modules.ui.tabs import (
    extensions,
    extras,
    history,
    img2img,
    merger,
    models,
    png_info,
    settings,
    txt2img,
)
from modules.ui.tabs import help as help_tab

UPLOADS_KEPT = (600, 600)
"""Seconds between looks at uploaded files, and how old they get; a job has its own copy."""


Placing = tuple[str, str, Callable[[], Any]]
"""A tab's title, its id without "tab_", and what lays it out."""


def build_page(app: App) -> gr.Blocks:
    """Lay out the page over `app`. Its looks and scripts are given where it is mounted."""
    menus = menus_of(app)
    start = read_start_values(app.paths.ui_config)
    app.settings.notices.extend(start.notices)
    foreign = app.extensions.begin_page()
    foreign_tabs = foreign.tabs() if foreign is not None else []
    with gr.Blocks(
        title="Easel", analytics_enabled=False, fill_width=True, delete_cache=UPLOADS_KEPT
    ) as page:
        bridge = Bridge(start=start.tab("txt2img"))
        form = Form(menus)
        picture_bridge, picture_form = Bridge("img2img", start.tab("img2img")), Form(menus)
        refresh = quicksettings(form)

        def control(form: Form, tab: str) -> None:
            control_box(form, tab, app.controlnet, app.settings.settings.control.units)
            extension_box(form, tab, foreign)

        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("txt2img", elem_id="tab_txt2img", render_children=True):
                parts = txt2img.lay_out(form, control)
            with gr.Tab("img2img", elem_id="tab_img2img", **looks(app, "img2img")):
                picture_parts = img2img.lay_out(picture_form, control)
            place_tabs(app, menus, foreign_tabs)
        txt2img.wire(form, parts, bridge, lambda values: hand_in(app, form, values))
        img2img.wire(
            picture_form,
            picture_parts,
            picture_bridge,
            lambda values, source: hand_in_picture(app, form, picture_form, values, source),
            form["models.checkpoint"],
        )
        wire_checkpoint(app, form, bridge, refresh)
        bridge.ask(form, "enlarge", lambda values, sent: enlarge(app, form, values, sent))
        bridge.wire(
            page,
            form,
            lambda draft: first_request(app, draft),
            lambda now, sent: restored(app, now, sent),
        )
        picture_bridge.wire(
            page,
            picture_form,
            lambda draft: with_editable_parts(first_request(app, draft)),
            lambda now, sent: restored_picture(app, now, sent),
        )
        if foreign is not None:
            foreign.blocks = page
            foreign.announce(page)
    return page


def looks(app: App, title: str) -> dict[str, Any]:
    """How a tab is made: at once, and hidden if the owner does not want to see it."""
    hidden = title in app.settings.settings.interface.hidden_tabs
    return {"render_children": True, "visible": "hidden" if hidden else True}


def place_tabs(app: App, menus: Menus, foreign: Sequence[tuple[Any, str, str]]) -> None:
    """Place the tabs that hold no form, those of extensions before the settings."""
    first: list[Placing] = [
        ("Extras", "extras", extras.lay_out),
        ("Models", "models", models.lay_out),
        ("PNG Info", "pnginfo", png_info.lay_out),
        ("History", "history", history.lay_out),
    ]
    theirs: list[Placing] = [(title, ident, blocks.render) for blocks, title, ident in foreign]
    last: list[Placing] = [
        ("Settings", "settings", lambda: settings.lay_out(menus, app.extensions.options())),
        ("Extensions", "extensions", extensions.lay_out),
        ("Help", "help", help_tab.lay_out),
        ("Checkpoint Merger", "modelmerger", merger.lay_out),
    ]
    for title, ident, place in (*first, *theirs, *last):
        look = looks(app, "" if title == "Settings" else title)
        with gr.Tab(title, elem_id=f"tab_{ident}", **look):
            place()


def hand_in(app: App, form: Form, values: Mapping[Component, Any]) -> str:
    """Submit what the form says; says the job's id, or what is wrong with it."""
    try:
        request = styled(app, form, values, form.read(values, app.base_request()))
        return say(job=app.submit(request, origin="page").id)
    except WebUIError as error:
        return say(error)


def hand_in_picture(
    app: App, form: Form, picture_form: Form, values: Mapping[Component, Any], source: Source
) -> str:
    """Submit what the img2img form says about the picture on the canvas."""
    try:
        title = str(values[form["models.checkpoint"]] or "")
        base = replace_at(app.base_request(), "models.checkpoint", title)
        request = with_source(picture_form.read(values, base), source)
        if source.depth and request.img2img is not None:
            name, path = app.uploads.find(source.depth)
            request = replace_at(request, "img2img.depth", read_pixels(path.read_bytes(), name))
        request = styled(app, picture_form, values, request)
        return say(job=app.submit(request, origin="page").id)
    except WebUIError as error:
        return say(error)


def styled(
    app: App, form: Form, values: Mapping[Component, Any], request: GenerationRequest
) -> GenerationRequest:
    """Return `request` with the chosen styles."""
    names = names_in(form.value_aside(STYLES, values))
    return with_styles(request, names, app.styles()) if names else request


def enlarge(app: App, form: Form, values: Mapping[Component, Any], sent: Mapping[str, Any]) -> str:
    """Submit the second pass alone, over the picture that was sent."""
    try:
        ticked = {**values, form.part_switch("hires"): True}
        now = form.read(ticked, app.base_request())
        request = enlarging(app, str(sent.get("picture", "")), now)
        return say(job=app.submit(request, origin="page").id)
    except WebUIError as error:
        return say(error)


def restored_picture(
    app: App, now: GenerationRequest, sent: Mapping[str, Any]
) -> tuple[GenerationRequest, Sequence[str]]:
    """Return the request the img2img tab was asked to show."""
    request, notices = restored(app, now, sent)
    return with_editable_parts(request), notices


def restored(
    app: App, now: GenerationRequest, sent: Mapping[str, Any]
) -> tuple[GenerationRequest, Sequence[str]]:
    """Return the request the page asked to see: a picture's, a recipe's, or one of plain values."""
    if sent.get("picture"):
        recipe = request_behind(app, str(sent["picture"]), now)
        return recipe.request, recipe.notices
    if "infotext" not in sent:
        return merge_fields(now, sent.get("fields", {})), ()
    text = str(sent["infotext"])
    recipe = app.read_recipe(text, now)
    return with_pasted(recipe.request, app.extensions.pasted(text)), recipe.notices


def first_request(app: App, draft: Mapping[str, Any]) -> GenerationRequest:
    """Return what a page begins with: its draft, else the settings' defaults at the model's size.

    A draft's checkpoint that is gone by now is replaced.
    """
    request = app.base_request()
    wanted = draft.get("models.checkpoint") or request.models.checkpoint
    chosen = checkpoint_called(app, str(wanted))
    if chosen is None:
        return merge_fields(request, draft)
    width, height = chosen.native_size
    usual = {"size.width": width, "size.height": height, **dict(chosen.usual)}
    request = merge_fields(request, {**usual, **draft})
    return merge_fields(request, {"models.checkpoint": chosen.title})


def checkpoint_called(app: App, name: str) -> CheckpointInfo | None:
    """Return the checkpoint that `name` means, else the first one; None without any."""
    known = app.catalogue().checkpoints
    try:
        return find_checkpoint(name, known)
    except WebUIError:
        return known[0] if known else None


def wire_checkpoint(app: App, form: Form, bridge: Bridge, refresh: Component) -> None:
    """Let the menu be read again, and keep a choice as the default for other doors."""
    menu = form["models.checkpoint"]

    def read_again(title: str) -> tuple[Any, str]:
        catalogue = app.catalogue(refresh=True)
        chosen = checkpoint_called(app, title)
        titles = [item.title for item in catalogue.checkpoints]
        update = gr.update(choices=titles, value=chosen.title if chosen else None)
        return update, say(models=len(titles), notices=[*catalogue.problems])

    def keep(title: str) -> str:
        if not VISITOR.get().is_admin:
            return say()  # their choice counts for what they draw, not for everybody
        try:
            app.set_options({"sd_model_checkpoint": title})
        except WebUIError as error:
            return say(error)
        return say()

    bridge.listen(refresh.click, read_again, menu, [menu])
    bridge.listen(menu.input, keep, menu)
