"""What Extras can do with a picture: a row each, in the order in which it is usually done."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from modules.param import param
from modules.pipeline.resize import Picture
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import CLIP, DEEPBOORU
from modules.service.extras import Enlarge, Enlargement, enlarged
from modules.service.extras_cuts import AutoCrop, Flips, Split, cropped, pieces, with_flips
from modules.service.extras_focal import Box, FocalCrop, around_focus, focus_of, with_places
from modules.service.formats import from_pillow, to_pillow

GFPGAN, CODEFORMER = "GFPGAN", "CodeFormer"


@dataclass(frozen=True, kw_only=True)
class Caption:
    """Which captions are written beside the picture."""

    deepbooru: bool = param(True, "Deepbooru", help="Tags, by a network in models/deepbooru.")
    blip: bool = param(False, "BLIP", help="A sentence, by a network in models/BLIP.")


@dataclass(frozen=True, kw_only=True)
class ExtrasWish:
    """What is done with every picture; what is None or 0 is not done."""

    upscale: Enlargement | None = None
    gfpgan_visibility: float = param(0.0, "GFPGAN visibility", minimum=0, maximum=1, step=0.001)
    codeformer_visibility: float = param(
        0.0, "CodeFormer visibility", minimum=0, maximum=1, step=0.001
    )
    codeformer_weight: float = param(
        0.0,
        "CodeFormer weight",
        minimum=0,
        maximum=1,
        step=0.001,
        help="0 draws the cleanest face, 1 stays closest to what was there.",
    )
    split: Split | None = None
    focal: FocalCrop | None = None
    autocrop: AutoCrop | None = None
    flips: Flips | None = None
    caption: Caption | None = None


@dataclass(frozen=True)
class Tools:
    """What operations ask of others."""

    enlarge: Enlarge
    mend: Callable[[ImageData, str, float, float], ImageData]
    """A picture, the name of a network for faces, its weight, and the visibility of its result."""
    faces: Callable[[ImageData], Sequence[Box]]
    """Where faces are; nothing where nothing finds them."""
    describe: Callable[[ImageData, str], str]
    """A picture, and who describes it."""


@dataclass(frozen=True)
class Result:
    """A picture on its way through the operations."""

    picture: Picture
    told: tuple[str, ...] = ()
    """What was done, in A1111's words."""
    caption: str = ""
    is_aside: bool = False
    """Whether it only shows something, so that nothing more is done with it."""


Work = Callable[[Result, ExtrasWish, Tools], Iterable[Result]]


@dataclass(frozen=True)
class Operation:
    """One thing that can be done."""

    name: str
    is_wished: Callable[[ExtrasWish], bool]
    work: Work


def _upscale(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.upscale is not None
    image, told = enlarged(from_pillow(result.picture), wish.upscale, tools.enlarge)
    yield replace(result, picture=to_pillow(image), told=(*result.told, *told))


def _gfpgan(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    share = wish.gfpgan_visibility
    image = tools.mend(from_pillow(result.picture), GFPGAN, 0.5, share)
    told = (*result.told, f"Postprocess GFPGAN visibility: {share:g}")
    yield replace(result, picture=to_pillow(image), told=told)


def _codeformer(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    share, weight = wish.codeformer_visibility, wish.codeformer_weight
    image = tools.mend(from_pillow(result.picture), CODEFORMER, weight, share)
    told = (
        *result.told,
        f"Postprocess CodeFormer visibility: {share:g}",
        f"Postprocess CodeFormer weight: {weight:g}",
    )
    yield replace(result, picture=to_pillow(image), told=told)


def _split(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.split is not None
    cut = pieces(result.picture, wish.split)
    for number, piece in enumerate(cut, 1):
        told = (f"Postprocess split: {number} of {len(cut)}",) if len(cut) > 1 else ()
        yield replace(result, picture=piece, told=(*result.told, *told))


def _focal(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.focal is not None
    faces = tools.faces(from_pillow(result.picture)) if wish.focal.faces else ()
    focus = focus_of(result.picture, wish.focal, faces)
    picture = around_focus(result.picture, wish.focal, focus)
    told = f"Postprocess focal crop: {picture.width}x{picture.height}"
    yield replace(result, picture=picture, told=(*result.told, told))
    if wish.focal.debug:
        shown = with_places(result.picture, focus, faces)
        yield replace(result, picture=shown, is_aside=True)


def _autocrop(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.autocrop is not None
    picture = cropped(result.picture, wish.autocrop)
    told = f"Postprocess crop: {picture.width}x{picture.height}"
    yield replace(result, picture=picture, told=(*result.told, told))


def _flips(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.flips is not None
    for copy, picture in enumerate(with_flips(result.picture, wish.flips)):
        told = ("Postprocess flip: yes",) if copy else ()
        yield replace(result, picture=picture, told=(*result.told, *told))


def _caption(result: Result, wish: ExtrasWish, tools: Tools) -> Iterable[Result]:
    assert wish.caption is not None
    image = from_pillow(result.picture)
    chosen = ((wish.caption.deepbooru, DEEPBOORU), (wish.caption.blip, CLIP))
    found = [tools.describe(image, by) for wanted, by in chosen if wanted]
    yield replace(result, caption=", ".join(filter(None, [result.caption, *found])))


OPERATIONS = (
    Operation("Upscale", lambda wish: wish.upscale is not None, _upscale),
    Operation(GFPGAN, lambda wish: wish.gfpgan_visibility > 0, _gfpgan),
    Operation(CODEFORMER, lambda wish: wish.codeformer_visibility > 0, _codeformer),
    Operation("Split oversized images", lambda wish: wish.split is not None, _split),
    Operation("Auto focal point crop", lambda wish: wish.focal is not None, _focal),
    Operation("Auto-sized crop", lambda wish: wish.autocrop is not None, _autocrop),
    Operation("Create flipped copies", lambda wish: wish.flips is not None, _flips),
    Operation("Caption", lambda wish: wish.caption is not None, _caption),
)


def ordered(names: Sequence[str] = ()) -> list[Operation]:
    """The operations, those that are named first in any letter case; unknown names do not count."""
    places = {name.strip().lower(): at for at, name in enumerate(names)}
    last = len(names)
    return sorted(OPERATIONS, key=lambda one: places.get(one.name.lower(), last))


def treated(
    picture: Picture, wish: ExtrasWish, tools: Tools, order: Sequence[str] = ()
) -> Iterator[Result]:
    """Every result for one picture, each as soon as it is there. Raises WebUIError."""
    wished = [one for one in ordered(order) if one.is_wished(wish)]
    yield from _through(Result(picture), wished, wish, tools)


def _through(
    result: Result, left: Sequence[Operation], wish: ExtrasWish, tools: Tools
) -> Iterator[Result]:
    if not left or result.is_aside:
        yield result
        return
    for made in left[0].work(result, wish, tools):
        yield from _through(made, left[1:], wish, tools)
