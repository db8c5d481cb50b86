"""What a script is: a generator of requests that is sent what was drawn."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from modules.errors import InvalidRequest, WebUIError
from modules.prompt.styles import StyleBook
from modules.schema.catalogue import Catalogue
from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest
from modules.schema.result import Fact, GeneratedImage
from modules.service.complete import RANDOM_SEEDS
from modules.service.enlarge import plainly
from modules.service.formats import from_pillow, to_pillow
from modules.service.scripts.plot_page import PlotPage
from modules.settings.settings import Settings

TABS = TXT2IMG, IMG2IMG = ("txt2img", "img2img")

Picture = Image.Image


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One request of a script; it becomes a job of its own that belongs to the script's job."""

    request: GenerationRequest
    facts: tuple[Fact, ...] = ()
    """More for the recipes of its pictures."""
    keep: bool = True
    """Whether its pictures are saved as those of any job; otherwise they are only worked with."""
    notice: str = ""
    """What people should know about it."""
    problem: WebUIError | None = None
    """Why there is nothing to draw; people are told, and the script goes on."""
    settings: Settings | None = None
    """How its pictures are saved, if not as those of the script."""
    stem: str = ""
    """What its files are called, if not after the pattern."""
    shown: bool = True
    """Whether its pictures are among the results; those that are kept are seen while it runs."""


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """What became of a cell. Without pictures if it was skipped, stopped or failed."""

    request: GenerationRequest
    """As it was drawn, complete."""
    images: tuple[GeneratedImage, ...] = ()
    files: tuple[Path, ...] = ()
    """Where the exact pixels of each picture are."""
    error: WebUIError | None = None

    def pictures(self) -> list[Picture]:
        """Read the pictures. Raises the cell's error, or InvalidRequest if a file is gone."""
        if self.error is not None:
            raise self.error
        return [_read(path) for path in self.files]


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A picture that a script put together from those of its cells."""

    picture: Picture
    request: GenerationRequest
    """Whose recipe it carries,"""
    image: GeneratedImage
    """and which picture of that."""
    facts: tuple[Fact, ...] = ()
    base: str = ""
    """What its file name begins with if it is a grid; "" if it is a picture like others."""
    page: PlotPage | None = None
    """A page to zoom through that is written beside it."""


Play = Generator[Sequence[Cell], Sequence[Drawn], Sequence[Sheet]]
"""Yields cells, is sent what each became, returns what is to be saved besides.

Given the same call and the same results it yields the same cells, so that it can be played again
after a crash. After a stop it gets empty results once, and may return what there is.
"""


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a script is started with."""

    request: GenerationRequest
    """What was submitted, without the script. Seeds may still be -1."""
    args: Any
    """The script's own record."""
    settings: Settings = field(default_factory=Settings)
    catalogue: Catalogue = field(default_factory=Catalogue)
    styles: StyleBook = field(default_factory=StyleBook)
    seed: int = 0
    """What random choices follow from."""
    enlarge: Callable[[Picture, float, str], Picture] = plainly
    """A picture, how many times larger, and the upscaler's name; waits for the engine."""
    describe: Callable[[ImageData, str], str] = lambda image, by: ""
    """What a picture shows, by one of `DESCRIBERS`; waits for the engine."""

    @property
    def tab(self) -> str:
        """ "txt2img" or "img2img"."""
        return TXT2IMG if self.request.img2img is None else IMG2IMG

    def random(self) -> Random:
        """The same random numbers at every play."""
        return Random(self.seed)

    def fixed_seed(self, seed: int, random: Random | None = None) -> int:
        """Return `seed`, or a random one instead of -1."""
        return seed if seed >= 0 else (random or self.random()).randrange(RANDOM_SEEDS)

    def picture(self) -> Picture:
        """The picture the request starts from, RGB or RGBA. Raises InvalidRequest without one."""
        wish = self.request.img2img
        if wish is None or not wish.images:
            raise InvalidRequest("There is no picture to start from.", "Choose one.")
        return to_pillow(wish.images[0])


@dataclass(frozen=True, kw_only=True)
class Fills:
    """Texts that a button writes into a field, chosen by what another field says."""

    by: Mapping[str, str]
    """The field that chooses, by the field that is filled."""
    texts: Callable[[str, Catalogue, Sequence[str]], Mapping[str, str]]
    """From the tab, the catalogue and the names of the styles: texts by the choosing value."""


@dataclass(frozen=True, kw_only=True)
class Script:
    """A row of the Script menu."""

    title: str
    help: str
    args: type
    """A frozen dataclass of `param`s in the order of A1111's `script_args`."""
    play: Callable[[Call], Play]
    tabs: tuple[str, ...] = TABS
    prepare: Callable[[Call], Any] | None = None
    """Returns the arguments as they are to be kept, when the job is submitted; or raises."""
    check: Callable[[Call], None] | None = None
    """Raises for arguments that cannot work, when the job is submitted."""
    batches: Callable[[Call], int] | None = None
    """How many batches it will draw in all; without it, those known so far."""
    layout: tuple[str, ...] = ()
    """Names of the fields by their place in `script_args` where that differs from their order; ""
    is a place without meaning."""
    menus: Mapping[str, Callable[[str, Catalogue], Sequence[str]]] = field(default_factory=dict)
    """Entries of the choices that its fields name, by tab."""
    fills: Fills | None = None
    swaps: tuple[tuple[str, str], ...] = ()
    """Beginnings of the names of fields whose values a button exchanges."""
    needs_picture: bool = True
    """Whether on img2img there must be a picture."""
    listed: bool = True
    """Whether it is in the menu; one that is not has a place of its own on the page."""


def picture_data(picture: Picture) -> ImageData:
    """Pixels for a request."""
    return from_pillow(picture)


def _read(path: Path) -> Picture:
    try:
        with Image.open(path) as opened:
            opened.load()
            return opened.copy()
    except OSError as error:
        raise InvalidRequest(
            f"The picture {path.name}, which the script goes on with, is gone or damaged.",
            "Start the script again.",
        ) from error
