"""One picture through everything that Extras was asked to do, and onto the disk."""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from modules.errors import InvalidRequest, NotFound
from modules.param import check_limits
from modules.paths import Paths
from modules.schema.catalogue import Catalogue
from modules.schema.hires_size import upscaler_names
from modules.schema.inputs import ImageData
from modules.service.database import Database
from modules.service.extras import NO_UPSCALER
from modules.service.extras_cuts import best_size
from modules.service.extras_operations import (
    CODEFORMER,
    GFPGAN,
    OPERATIONS,
    ExtrasWish,
    Tools,
    treated,
)
from modules.service.faces import find_restorer
from modules.service.facts import describing, facts_of, forgetting, moment_of
from modules.service.formats import encode, from_pillow, to_pillow
from modules.service.job import new_id
from modules.service.picture import BLANK, Picture, inserting, picture_of, to_signed
from modules.service.provenance import inside, source_after
from modules.service.read_picture import PNG_START, RECIPE, read_hidden_texts, read_texts, recipe_in
from modules.service.read_pixels import read_pixels
from modules.service.saving import cannot_write, folder_for, save_plainly
from modules.service.screening import Looked
from modules.service.sealing import Seal, sealed
from modules.settings.files import write_atomically
from modules.settings.sections.extras import CAPTION_ACTIONS
from modules.settings.sections.recipe import FULL
from modules.settings.settings import Settings

KIND = "extras"
OWN_KEYS = ("postprocessing", "extras")
"""Text chunks that say what was done here."""
CAPTION_SUFFIX = ".txt"
_, KEEP, PREPEND, APPEND = CAPTION_ACTIONS
LONGEST_KEY = 79
"""Letters of a text chunk's key."""


def check_wish(wish: ExtrasWish, catalogue: Catalogue) -> None:
    """Raise InvalidRequest or NotFound for what cannot be done."""
    check_limits(wish)
    check_faces(wish, catalogue)
    if wish.autocrop is not None:
        best_size((1, 1), wish.autocrop)
    upscalers = list(upscaler_names(catalogue))
    known = {name.lower() for name in upscalers}
    for name in (wish.upscale.upscaler, wish.upscale.second) if wish.upscale else ():
        if (name or NO_UPSCALER).strip().lower() not in known:
            raise NotFound("upscaler", name, upscalers)
    idle = wish.upscale is not None and wish.upscale.upscaler == NO_UPSCALER
    silent = wish.caption is not None and not any(vars(wish.caption).values())
    if not any(one.is_wished(wish) for one in OPERATIONS[idle : len(OPERATIONS) - silent]):
        raise InvalidRequest("There is nothing to do.", "Choose an upscaler.")


def check_faces(wish: ExtrasWish, catalogue: Catalogue) -> None:
    """Raise InvalidRequest if faces are to be restored and a file for that is missing."""
    faces = ((wish.gfpgan_visibility, GFPGAN), (wish.codeformer_visibility, CODEFORMER))
    for visibility, name in faces:
        if visibility > 0:
            find_restorer(name, catalogue)


@dataclass(frozen=True)
class Source:
    """A picture file, read when its turn has come, and what it is called."""

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the results of a run go, and under which names."""

    settings: Settings
    person: str = ""
    output: str = ""
    """A folder of the server; empty is the one of the settings."""
    keep_names: bool = False


@dataclass(frozen=True)
class Origin:
    """What is known of a result besides its pixels."""

    texts: dict[str, str]
    """Those of the picture it was made of."""
    told: str
    """What was done, in words."""
    source: str
    """Where it comes from, as `modules.service.provenance` calls it."""
    content: bytes
    """The file it was made of."""


class ExtrasKeeper:
    """Writes results and tells the gallery of them. Thread-safe."""

    def __init__(
        self, database: Database, paths: Paths, look: Callable[[ImageData], Looked]
    ) -> None:
        """`look` is what the owner's rules do with every result."""
        self._database = database
        self._paths = paths
        self._look = look
        self._numbers = itertools.count(time.time_ns() & 0xFFFF)

    def work(
        self, source: Source, wish: ExtrasWish, tools: Tools, place: Place, *, kept: int = 0
    ) -> Iterator[Picture | None]:
        """Do what is wished with a picture file; each result is on disk when it is yielded.

        The first `kept` results are on disk already, and None comes in their place. Raises
        WebUIError for a file that is no picture, or a disk that takes none; OSError.
        """
        content = source.path.read_bytes()
        texts = texts_of(content)
        origin = source_after(content, texts.get(RECIPE, ""), enhanced=_is_enhanced(wish))
        picture = to_pillow(read_pixels(content, source.name))
        order = place.settings.extras.order
        for number, made in enumerate(treated(picture, wish, tools, order)):
            if number < kept:
                yield None
                continue
            seen = self._look(from_pillow(made.picture))
            told = [*made.told, *(f"{key}: {value}" for key, value in seen.facts)]
            said = Origin(texts, ", ".join(told), origin, content)
            found = self._keep(seen.image, said, source.name, wish, place)
            if made.caption:
                write_caption(found.path, made.caption, source.path, place.settings)
            yield found

    def _keep(
        self, image: ImageData, origin: Origin, name: str, wish: ExtrasWish, place: Place
    ) -> Picture:
        settings, texts, told = place.settings, origin.texts, origin.told
        recipe = texts.get(RECIPE, "")
        written = {key: told for key in OWN_KEYS} if told else {}
        more = {key: text for key, text in texts.items() if key != RECIPE} | written
        kept = inside(settings, recipe, origin.source)
        everything = settings.recipe.write and settings.recipe.level == FULL
        encoded = encode(
            image,
            kept.infotext,
            settings.saving.format,
            quality=settings.saving.quality,
            lossless=settings.saving.webp_lossless,
            texts=more if everything else None,
            xmp=kept.xmp,
        )
        seal = Seal(self._paths.credentials, origin.content)
        encoded = sealed(encoded, settings, origin.source, seal)
        if place.output:
            folder = Path(place.output).expanduser()
        else:
            folder = folder_for(settings, self._paths, "extras", person=place.person)
        stem = _stem(name, wish, place)
        numbered = not (place.keep_names and stem)
        path = save_plainly(encoded, folder=folder, settings=settings, name=stem, numbered=numbered)
        return self._known(path.resolve(), image, recipe, place.person)

    def _known(self, path: Path, image: ImageData, recipe: str, person: str) -> Picture:
        """Give a file its row among the pictures; the indexer may have met it already."""
        facts = path.stat()
        row = {
            "id": new_id(),
            "job": "",
            "position": 0,
            "kind": KIND,
            "saved": True,
            "path": str(path),
            "infotext": recipe,
            "width": image.width,
            "height": image.height,
            "seed": to_signed(facts_of(recipe).seed),
            "created": facts.st_mtime,
            "moment": moment_of(facts.st_mtime, next(self._numbers)),
            "folder": str(path.parent),
            "modified": facts.st_mtime,
            "person": person,
        }
        find = "SELECT id, moment FROM images WHERE path = ? AND job = ''"
        found = self._database.rows(find, (str(path),))
        self._database.write(
            *(forgetting(old["moment"]) for old in found),
            *(("DELETE FROM images WHERE id = ?", (old["id"],)) for old in found),
            inserting(row),
            *describing({**BLANK, **row}),
        )
        kept = self._database.row("SELECT * FROM images WHERE id = ?", (row["id"],))
        assert kept is not None, "the row was just written"
        return picture_of(kept)


def _is_enhanced(wish: ExtrasWish) -> bool:
    """Whether a network draws, or pixels are made up."""
    return bool(wish.upscale or wish.gfpgan_visibility or wish.codeformer_visibility)


def write_caption(path: Path, caption: str, origin: Path, settings: Settings) -> None:
    """Write a caption beside a picture, with that of the original as the settings say.

    Raises WebUIError.
    """
    action = settings.extras.caption_action
    try:
        before = origin.with_suffix(CAPTION_SUFFIX).read_text("utf-8", "replace").strip()
    except OSError:
        before = ""
    texts = {KEEP: before, PREPEND: f"{before} {caption}", APPEND: f"{caption} {before}"}
    text = texts.get(action, caption) if before else caption
    target = path.with_suffix(CAPTION_SUFFIX)
    try:
        write_atomically(target, text.encode())
    except OSError as error:
        raise cannot_write(target.parent, error) from error


def texts_of(content: bytes) -> dict[str, str]:
    """A picture's texts by the keys of PNG chunks; the recipe is `parameters`.

    Only a PNG's other texts are kept: elsewhere they describe the file, not the picture.
    """
    texts = read_texts(content)
    recipe = recipe_in(texts) or recipe_in(read_hidden_texts(content))
    kept = texts if content.startswith(PNG_START) else {}
    clean = {key: text for key, text in kept.items() if 0 < len(key) <= LONGEST_KEY}
    clean = {key: _writable(text) for key, text in clean.items()}
    if recipe and RECIPE not in clean:
        clean[RECIPE] = recipe
    return clean


def _writable(text: str) -> str:
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _stem(name: str, wish: ExtrasWish, place: Place) -> str:
    """What a result is called, besides a number."""
    upscaler = wish.upscale.upscaler if wish.upscale is not None else ""
    suffix = upscaler if place.settings.upscaling.name_suffix else ""
    stem = Path(name).stem if place.keep_names else ""
    return "-".join(part for part in (stem, suffix) if part)
