"""A1111's fields about pictures, masks and the hires pass, to our records."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from modules.api.coercion import coerce
from modules.api.errors import LegacyError
from modules.api.fetch import is_web_address
from modules.api.images import decode_picture, picture_file
from modules.api.sdapi.schemas import (
    StableDiffusionProcessing,
    StableDiffusionProcessingImg2Img,
    StableDiffusionProcessingTxt2Img,
)
from modules.errors import InvalidRequest
from modules.param import params_of
from modules.schema.inputs import (
    INPAINT_AREAS,
    MASK_MODES,
    MASKED_CONTENTS,
    RESIZE_MODES,
    Hires,
    ImageData,
    Img2Img,
    Inpaint,
    SoftInpaint,
)
from modules.service.app import App
from modules.service.read_pixels import read_pixels

Fetching = TypeVar("Fetching", bound=StableDiffusionProcessing)
ONE_PICTURE = ("mask", "latent_mask", "firstpass_image")
"""Fields of bodies that hold one picture each."""
SAME = "use same "
"""How A1111's menus begin that leave something as in the first pass."""
USUAL_STRENGTH = 0.75
SOFT_INPAINTING = "soft inpainting"


def with_pictures(app: App, body: Fetching) -> Fetching:
    """Return `body` with what it names by web address fetched, as base64. Raises InvalidRequest."""

    def here(text: str) -> str:
        if not is_web_address(text):
            return text
        return base64.b64encode(picture_file(app, text)).decode("ascii")

    given = {name: getattr(body, name, None) for name in ONE_PICTURE}
    found: dict[str, Any] = {
        name: here(text) for name, text in given.items() if text and is_web_address(text)
    }
    several = getattr(body, "init_images", None) or []
    if any(map(is_web_address, several)):
        found["init_images"] = [here(text) for text in several]
    return body.model_copy(update=found) if found else body


def picture_of(text: str, name: str) -> ImageData:
    """Decode base64 or a data URI. Raises InvalidRequest."""
    return read_pixels(decode_picture(text), name)


def hires_of(
    body: StableDiffusionProcessingTxt2Img, known: Hires | None, only: set[str] | None
) -> Hires | None:
    """The hires pass a txt2img body asks for; None if it asks for none.

    `known` is that of a recipe; then `only` names the fields of the body that count beside it.
    """
    wanted = body.enable_hr if only is None or "enable_hr" in only else known is not None
    if not wanted:
        return None
    hires = known or Hires()
    for item in params_of(Hires):
        value = getattr(body, item.param.api, None) if item.param.api else None
        if value is None or (only is not None and item.param.api not in only):
            continue
        if isinstance(value, str) and value.lower().startswith(SAME):
            value = ""
        hires = replace(hires, **{item.name: coerce(item, value)})
    if body.denoising_strength is None and known is None:
        hires = replace(hires, denoising_strength=USUAL_STRENGTH)
    if body.firstpass_image:
        image = picture_of(body.firstpass_image, "The first pass's picture")
        hires = replace(hires, image=image)
    if body.firstphase_width and body.firstphase_height:  # then width and height are the result's
        hires = replace(hires, resize_x=body.width or 512, resize_y=body.height or 512)
    return hires


def img2img_of(body: StableDiffusionProcessingImg2Img) -> Img2Img:
    """The pictures and the mask of an img2img body, with the API's own defaults."""
    if not body.init_images:
        raise LegacyError(404, "Init image not found")
    strength = body.denoising_strength
    return Img2Img(
        images=tuple(picture_of(text, "The init image") for text in body.init_images),
        denoising_strength=USUAL_STRENGTH if strength is None else strength,
        resize_mode=_counted(RESIZE_MODES, body.resize_mode, "resize_mode"),
        image_cfg_scale=1.0 if body.image_cfg_scale is None else body.image_cfg_scale,
        inpaint=_inpaint_of(body) if body.mask else None,
    )


def _inpaint_of(body: StableDiffusionProcessingImg2Img) -> Inpaint:
    assert body.mask is not None
    sideways, downwards = body.mask_blur_x, body.mask_blur_y
    if body.mask_blur is not None:
        sideways = downwards = body.mask_blur
    sideways = 4 if sideways is None else sideways
    return Inpaint(
        mask=picture_of(body.mask, "The mask"),
        latent_mask=picture_of(body.latent_mask, "The latent mask") if body.latent_mask else None,
        mode=_counted(MASK_MODES, body.inpainting_mask_invert, "inpainting_mask_invert"),
        blur=sideways,
        blur_y=None if downwards == sideways else downwards,
        content=_counted(MASKED_CONTENTS, body.inpainting_fill, "inpainting_fill"),
        area=INPAINT_AREAS[body.inpaint_full_res is None or bool(body.inpaint_full_res)],
        padding=body.inpaint_full_res_padding or 0,
        round=body.mask_round is not False,
        soft=_soft_of(body),
    )


def _counted(names: tuple[str, ...], number: int | bool | None, field: str) -> str:
    """What A1111 counts and we call by name; null is the first."""
    place = int(number or 0)
    if not 0 <= place < len(names):
        raise InvalidRequest(
            f"{field} is {place}, but must be from 0 to {len(names) - 1}.",
            ", ".join(f"{place}: {name}" for place, name in enumerate(names)),
        )
    return names[place]


def _soft_of(body: StableDiffusionProcessing) -> SoftInpaint | None:
    """The always-on script "Soft inpainting", if it is switched on."""
    for name, script in (body.alwayson_scripts or {}).items():
        if name.strip().lower() == SOFT_INPAINTING and isinstance(script, Mapping):
            return _soft_from(script.get("args"))
    return None


def _soft_from(arguments: Any) -> SoftInpaint | None:
    if not isinstance(arguments, list):
        return None
    soft = SoftInpaint(enabled=False)
    for item, value in zip(params_of(SoftInpaint), arguments, strict=False):
        soft = replace(soft, **{item.name: coerce(item, value)})
    return soft if soft.enabled else None
