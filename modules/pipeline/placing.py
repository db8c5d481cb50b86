"""Init pictures and masks brought to the size that is drawn."""

from dataclasses import dataclass

from modules.errors import InvalidRequest
from modules.pipeline.masks import (
    Box,
    blurred,
    doubled,
    expanded,
    inverted,
    mask_of,
    region_of,
)
from modules.pipeline.overlay import Overlay, filled, without_masked
from modules.pipeline.pictures import Picture, as_picture, flattened
from modules.pipeline.resize import (
    RESIZES,
    Enlarge,
    FindUpscaler,
    Resize,
    fill,
    find_upscaler,
    stretch,
)
from modules.schema.inputs import Inpaint
from modules.schema.request import GenerationRequest


@dataclass(frozen=True)
class Placed:
    """One init picture, ready to be encoded.

    `picture` (RGB) and `mask` (L, white is repainted) have the size that is drawn, except that the
    picture keeps its own where its latent is resized instead. `source` is what `overlay` was cut
    from.
    """

    picture: Picture
    mask: Picture | None = None
    overlay: Overlay | None = None
    source: Picture | None = None


def place_all(request: GenerationRequest, find: FindUpscaler = find_upscaler) -> list[Placed]:
    """Every picture of the request, placed. Raises InvalidRequest, NotFound."""
    wish = request.img2img
    assert wish is not None
    if len(wish.images) not in (1, request.batch.batch_size):
        raise InvalidRequest(
            f"{len(wish.images)} pictures cannot begin a batch of {request.batch.batch_size}.",
            "Give one picture, or one for each picture of a batch.",
        )
    if wish.resize_mode not in RESIZES:
        raise InvalidRequest(
            f"There is no resize mode {wish.resize_mode!r:.40}.", f"Choose {', '.join(RESIZES)}."
        )
    return [_placed(request, as_picture(image), find) for image in wish.images]


def region_drawn(request: GenerationRequest) -> Box | None:
    """The box of the first picture, in its pixels, that is drawn alone; None for the whole."""
    wish = request.img2img
    inpaint = wish.inpaint if wish is not None else None
    if wish is None or inpaint is None or inpaint.area != "Only masked" or not wish.images:
        return None
    size = wish.images[0].width, wish.images[0].height
    mask = _mask(inpaint, size)
    region = region_of(mask, inpaint.padding) if mask is not None else None
    if region is None:
        return None
    return expanded(region, (request.size.width, request.size.height), size)


def _placed(request: GenerationRequest, picture: Picture, find: FindUpscaler) -> Placed:
    wish = request.img2img
    assert wish is not None
    target = request.size.width, request.size.height
    enlarge = find(request.pictures.upscaler)
    picture = flattened(picture, request.pictures.background)
    resize = RESIZES[wish.resize_mode]
    mask = _mask(wish.inpaint, picture.size) if wish.inpaint is not None else None
    if mask is None:
        resized = picture if resize is None else resize(picture, *target, enlarge)
        return Placed(resized)
    assert wish.inpaint is not None
    if wish.inpaint.area == "Only masked":
        return _only_masked(picture, mask, wish.inpaint, target, enlarge)
    return _whole(picture, mask, wish.inpaint, target, (resize, enlarge))


def _mask(inpaint: Inpaint, size: tuple[int, int]) -> Picture | None:
    """The mask at the picture's size, blurred; None if nothing is left to do for it."""
    if inpaint.mask is None:
        return None
    mask = mask_of(as_picture(inpaint.mask), hard=inpaint.round and not inpaint.is_soft)
    if mask.size != size:
        mask = stretch(mask, *size)
    if inpaint.mode == "Inpaint not masked":
        mask = inverted(mask)
    mask = blurred(mask, inpaint.blur, inpaint.blur if inpaint.blur_y is None else inpaint.blur_y)
    if inpaint.area == "Only masked" and mask.getbbox() is None:
        return None  # no region: the picture is drawn as without a mask
    return mask


def _whole(
    picture: Picture,
    mask: Picture,
    inpaint: Inpaint,
    target: tuple[int, int],
    how: tuple[Resize | None, Enlarge | None],
) -> Placed:
    resize, enlarge = how
    if resize is None:
        shown = stretch(picture, *target, enlarge)
        start = picture
    else:
        shown = start = resize(picture, *target, enlarge)

    def placed(mask: Picture) -> Picture:
        return fill(mask, *target) if resize is None else resize(mask, *target, None)

    drawn = _latent_mask(inpaint, mask)
    overlay = Overlay(without_masked(shown, doubled(placed(mask))))
    start_mask = drawn if resize is None else placed(drawn)
    return Placed(_content(start, start_mask, inpaint), placed(drawn), overlay, shown)


def _only_masked(
    picture: Picture,
    mask: Picture,
    inpaint: Inpaint,
    target: tuple[int, int],
    enlarge: Enlarge | None,
) -> Placed:
    region = region_of(mask, inpaint.padding)
    assert region is not None, "an empty mask is no mask"
    box = expanded(region, target, mask.size)
    overlay = Overlay(without_masked(picture, mask), box, enlarge)
    part = fill(picture.crop(box), *target, enlarge)
    part_mask = fill(_latent_mask(inpaint, mask).crop(box), *target)
    return Placed(_content(part, part_mask, inpaint), part_mask, overlay, picture)


def _latent_mask(inpaint: Inpaint, mask: Picture) -> Picture:
    """What is drawn anew, at the size of `mask`, which says where the result shows."""
    if inpaint.latent_mask is None:
        return mask
    latent = as_picture(inpaint.latent_mask).convert("L")
    return latent if latent.size == mask.size else stretch(latent, *mask.size)


def _content(picture: Picture, mask: Picture, inpaint: Inpaint) -> Picture:
    """What is under the mask at first: itself, or the colours around it."""
    return picture if inpaint.content == "original" else filled(picture, mask)
