"""`webui.py run picture.png --set steps=30`: draw what a recipe, a picture or a JSON file asks."""

import argparse
import asyncio
import base64
import binascii
import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.cli.generate import follow, script_call
from modules.cli.main import FINE, INTERRUPTED, OUR_FAILURE
from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.log import set_up_logging
from modules.param import Field, check_value, get_at, params_of, replace_at
from modules.schema.event import Failed, Stopped
from modules.schema.infotext_read import from_text
from modules.schema.inputs import Img2Img, Inpaint
from modules.schema.request import GenerationRequest
from modules.settings.launch import SERVER_ONLY, FlagParser, add_flags, from_args
from modules.settings.settings import Settings

if TYPE_CHECKING:
    from modules.cli.recipe_files import Asked, AskedExtras
    from modules.service.app import App


def run(arguments: Sequence[str]) -> int:
    """Draw what the files ask for; prints the path of every picture; returns the exit code."""
    chosen = parser().parse_args(arguments)
    set_up_logging(logging.WARNING)
    from modules.cli.recipe_files import AskedExtras, read_source
    from modules.service.app import build_app

    launch = from_args(chosen)
    app = build_app(launch.paths(), launch, adopt=False)
    worst = FINE
    try:
        for source in chosen.sources:
            for asked in read_source(Path(source), app):
                if isinstance(asked, AskedExtras):
                    work_on(asked, app, chosen)
                    continue
                worst = max(worst, draw(asked, app, chosen))
                if worst == INTERRUPTED:
                    return worst
    finally:
        app.close()
    return worst


def parser() -> argparse.ArgumentParser:
    """Build the parser."""
    made = FlagParser(
        prog="webui.py run",
        description="Draw what files ask for: a picture with its recipe, a recipe as text, or a "
        "JSON file with a body of the REST API (A1111's or our own; lists of them too).",
        argument_default=argparse.SUPPRESS,
    )
    made.add_argument("sources", nargs="+", metavar="FILE", help="picture, .txt or .json")
    change = made.add_argument_group("what is to be different")
    change.add_argument(
        "--set",
        metavar="FIELD=VALUE",
        action="append",
        dest="changes",
        help="A field of the request, such as sampling.steps=30, steps=30 or seed=-1.",
    )
    change.add_argument("--style", metavar="NAME", action="append", help="A style to apply.")
    change.add_argument("--script", metavar="NAME", help="Such as 'X/Y/Z plot'; none for none.")
    change.add_argument(
        "--script-arg", metavar="FIELD=VALUE", action="append", help="A field of the script."
    )
    change.add_argument("--init", metavar="PICTURE", help="A picture to start from.")
    change.add_argument("--mask", metavar="PICTURE", help="White is painted anew.")
    change.add_argument(
        "--out", metavar="FOLDER", help="Where to write; default: as the page does."
    )
    change.add_argument(
        "--show", action="store_true", help="Print the request as JSON instead of drawing it."
    )
    add_flags(made.add_argument_group("the program"), without=SERVER_ONLY)
    return made


def draw(asked: "Asked", app: "App", chosen: argparse.Namespace) -> int:
    """Draw one job to its ending; returns the exit code."""
    for notice in asked.notices:
        print(notice, file=sys.stderr)
    request, sized = changed(asked.request, app, chosen)
    if hasattr(chosen, "show"):
        from modules.schema.codec import to_json

        print(to_json(app.completed(request, size_given=asked.size_given or sized)))
        return FINE
    job = app.submit(
        request,
        origin="command line",
        size_given=asked.size_given or sized,
        settings=with_folder(asked.settings, chosen),
    )
    ending = follow(app, job.id)
    if isinstance(ending, Stopped):
        return INTERRUPTED
    return OUR_FAILURE if isinstance(ending, Failed) else FINE


def with_folder(settings: Settings, chosen: argparse.Namespace) -> Settings:
    """The settings, writing into the folder of the flag."""
    if not hasattr(chosen, "out"):
        return settings
    folder = str(Path(chosen.out).expanduser().resolve())
    folders = replace(
        settings.folders,
        samples=folder,
        grids=folder,
        extras=folder,
        subfolders=False,
        grid_subfolders=False,
    )
    return replace(settings, folders=folders)


def changed(
    request: GenerationRequest, app: "App", chosen: argparse.Namespace
) -> tuple[GenerationRequest, bool]:
    """The request with what the flags say, and whether they say a size. Raises InvalidRequest."""
    request = with_inputs(request, chosen)
    sized = False
    for text in getattr(chosen, "changes", []):
        item, value = read_change(text)
        sized = sized or item.path.startswith("size.")
        if item.path.startswith("img2img.") and get_at(request, "img2img") is None:
            raise InvalidRequest(
                f"{item.param.label} needs a picture to start from.", "Add --init PICTURE."
            )
        request = replace_at(request, item.path, value)
    if hasattr(chosen, "style"):
        from modules.service.styles import with_styles

        request = with_styles(request, chosen.style, app.styles())
    if getattr(chosen, "script", "").lower() == "none":
        return replace(request, script=None), sized
    if hasattr(chosen, "script") or hasattr(chosen, "script_arg"):
        request = replace(request, script=script_call(chosen))
    return request, sized


def with_inputs(request: GenerationRequest, chosen: argparse.Namespace) -> GenerationRequest:
    """The request starting from the picture, and repainting what the mask says."""
    from modules.service.read_pixels import read_pixels

    def pixels(path: str) -> Any:
        try:
            return read_pixels(Path(path).read_bytes(), path)
        except OSError as error:
            raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}.") from error

    if hasattr(chosen, "init"):
        wish = request.img2img or Img2Img()
        wish = replace(wish, images=(pixels(chosen.init),))
        request = replace(request, img2img=wish, hires=None)
    if hasattr(chosen, "mask"):
        if request.img2img is None:
            raise InvalidRequest("A mask needs a picture.", "Add --init PICTURE.")
        inpaint = replace(request.img2img.inpaint or Inpaint(), mask=pixels(chosen.mask))
        request = replace(request, img2img=replace(request.img2img, inpaint=inpaint))
    return request


def read_change(text: str) -> tuple[Field, Any]:
    """The field and the value of `path=value`; the last part of a path is enough if only one fits.

    Raises InvalidRequest, NotFound.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidRequest(f"{text!r:.80} changes nothing.", "Write FIELD=VALUE.")
    item = find_field(name.strip().replace("-", "_"))
    optional = type(None) in getattr(item.type, "__args__", ())
    if optional and value.strip().lower() in ("", "none"):
        return item, None
    try:
        read = from_text(item, value)
    except ValueError as error:
        raise InvalidRequest(f"{item.param.label} cannot be {value!r:.60}.") from error
    check_value(item, read)
    choices = item.param.choices
    if isinstance(choices, tuple) and choices and read not in choices:
        raise NotFound(item.param.label, value, choices)
    return item, read


def find_field(name: str) -> Field:
    """A field by its path, its name at the REST API, or the end of its path. Raises NotFound."""
    fields = params_of(GenerationRequest)
    exact = [item for item in fields if name in (item.path, item.param.api)]
    close = exact or [item for item in fields if item.path.endswith(f".{name}")]
    if not close:
        raise NotFound("field", name, dict.fromkeys(item.name for item in fields))
    return next((item for item in close if not item.path.startswith("hires.")), close[0])


def work_on(asked: "AskedExtras", app: "App", chosen: argparse.Namespace) -> None:
    """Do what a body of Extras asks for, and write the pictures. Raises WebUIError."""
    from modules.service.formats import Encoded
    from modules.service.saving import folder_for, save_plainly

    answer = asyncio.run(_post(app, asked))
    settings = with_folder(app.settings.settings, chosen)
    folder = folder_for(settings, app.paths, "extras")
    for text in answer.get("images") or [answer.get("image") or ""]:
        try:
            data = base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise WebUIError("Extras answered something that is no picture.") from error
        encoded = Encoded(data, f".{settings.saving.format}")
        path = save_plainly(encoded, folder=folder, settings=settings, name="", numbered=True)
        print(path, flush=True)


async def _post(app: "App", asked: "AskedExtras") -> dict[str, Any]:
    """Ask our own REST API, without a network between."""
    import httpx

    from modules.api.app import make_api

    transport = httpx.ASGITransport(make_api(app), raise_app_exceptions=False)
    base = "http://127.0.0.1"
    async with httpx.AsyncClient(transport=transport, base_url=base, timeout=None) as client:
        response = await client.post(asked.route, json=asked.body)
    answer: dict[str, Any] = response.json()
    if response.is_error:
        said = str(answer.get("errors") or answer.get("detail") or response.status_code)
        raise InvalidRequest(said) if response.status_code < 500 else WebUIError(said)
    return answer
