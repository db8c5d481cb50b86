"""The Script menu, and a request's script made ready to play."""

import secrets
from dataclasses import replace

from modules.errors import InvalidRequest, NotFound
from modules.paths import Paths
from modules.prompt.styles import StyleBook
from modules.registry import Registry
from modules.schema.catalogue import Catalogue
from modules.schema.request import GenerationRequest
from modules.schema.script_call import ScriptCall
from modules.service.complete import RANDOM_SEEDS
from modules.service.scripts.alternative_test import ALTERNATIVE_TEST
from modules.service.scripts.arguments import plain_args, read_args
from modules.service.scripts.folder_batch import FOLDER_BATCH
from modules.service.scripts.loopback import LOOPBACK
from modules.service.scripts.outpainting import OUTPAINTING
from modules.service.scripts.plain_outpainting import PLAIN_OUTPAINTING
from modules.service.scripts.prompt_lines import PROMPT_LINES
from modules.service.scripts.prompt_matrix import PROMPT_MATRIX
from modules.service.scripts.script import TXT2IMG, Call, Script
from modules.service.scripts.sd_upscale import SD_UPSCALE
from modules.service.scripts.xyz_plot import XYZ_PLOT
from modules.settings.settings import Settings

STOCK = (
    ALTERNATIVE_TEST,
    LOOPBACK,
    OUTPAINTING,
    PLAIN_OUTPAINTING,
    PROMPT_MATRIX,
    PROMPT_LINES,
    SD_UPSCALE,
    XYZ_PLOT,
    FOLDER_BATCH,
)
"""The scripts that come with the program, in menu order."""


def all_scripts() -> Registry[Script]:
    """Every script by its title."""
    known = Registry[Script]("script")
    for script in STOCK:
        known.add(script.title, script)
    return known


def scripts_of(tab: str) -> list[Script]:
    """The scripts of one tab, in menu order."""
    return [script for script in all_scripts() if tab in script.tabs and script.listed]


def find_script(name: str, tab: str) -> Script:
    """Look a script up by its title, for a tab. Raises NotFound."""
    here = [script for script in all_scripts() if tab in script.tabs]
    known = {script.title.lower(): script for script in here}
    found = known.get(name.strip().lower())
    if found is None:
        raise NotFound(f"{tab} script", name, [script.title for script in known.values()])
    return found


def tab_of(request: GenerationRequest) -> str:
    """The tab that a request belongs to."""
    return Call(request=request, args=None).tab


def script_of(request: GenerationRequest) -> Script | None:
    """The script around a request, if there is one. Raises NotFound."""
    if request.script is None:
        return None
    return find_script(request.script.name, tab_of(request))


def make_call(
    request: GenerationRequest, catalogue: Catalogue, settings: Settings, paths: Paths
) -> Call:
    """What the request's script is to be started with. Raises InvalidRequest, NotFound."""
    script, wish = script_of(request), request.script
    assert script is not None and wish is not None
    return Call(
        request=replace(request, script=None),
        args=read_args(script, wish.args, tab_of(request), catalogue),
        settings=settings,
        catalogue=catalogue,
        styles=StyleBook.load([paths.styles]),
        seed=max(0, wish.random),
    )


def complete_script(
    request: GenerationRequest, catalogue: Catalogue, settings: Settings, paths: Paths
) -> GenerationRequest:
    """Return `request` with its script's arguments checked and complete, as it will be played.

    Raises InvalidRequest or NotFound for what the script could not be played with.
    """
    script, wish = script_of(request), request.script
    assert script is not None and wish is not None
    call = make_call(request, catalogue, settings, paths)
    if call.tab != TXT2IMG and script.needs_picture:
        call.picture()
    if request.img2img is not None and len(request.img2img.images) > 1:
        raise InvalidRequest(
            f"The script {script.title} starts from one picture, not from several.",
            "Send them one by one.",
        )
    args = call.args if script.prepare is None else script.prepare(call)
    if script.check is not None:
        script.check(call)
    random = wish.random if wish.random >= 0 else secrets.randbelow(RANDOM_SEEDS)
    played = ScriptCall(name=script.title, args=plain_args(args), random=random)
    return replace(request, script=played)
