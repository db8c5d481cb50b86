"""From what the drawing surface hands over to a request that starts from a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from modules.errors import InvalidRequest
from modules.schema.inputs import ImageData, Img2Img, Inpaint, SoftInpaint
from modules.schema.request import GenerationRequest, Size
from modules.schema.script_call import ScriptCall
from modules.service.read_pixels import read_pixels
from modules.service.scripts.folder_batch import FOLDER_BATCH

MASKED = frozenset({"inpaint", "inpaint_sketch", "inpaint_upload"})
"""The modes in which a part is repainted; in the others the whole picture is."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What lies on the canvas: files, and how they are meant."""

    mode: str = "img2img"
    picture: bytes | None = None
    mask: bytes | None = None
    """White is repainted."""
    frame: tuple[int, int] | None = None
    """Width and height if the frame reaches beyond the picture or cuts it."""
    scale: float | None = None
    """How many times as large as itself the picture is drawn; None leaves it to the size."""
    depth: str = ""
    """An uploaded map of how near everything is, by its id."""
    folder: Mapping[str, Any] | None = None
    """Instead of a picture a folder on the server: what the script for that is asked."""


def with_source(request: GenerationRequest, source: Source) -> GenerationRequest:
    """Return `request`, as the controls make it, starting from `source`.

    With a frame of its own the picture is drawn in the frame's size, and what is beyond the
    picture is filled from its surroundings, because there is no original; near the edge the old
    becomes the new by degrees, and soft inpainting, which would bring back the empty place, is
    off. A scale counts only without a frame. Raises InvalidRequest for a missing or unreadable
    picture or mask.
    """
    if source.folder is not None:
        return _from_folder(request, source)
    if source.picture is None:
        raise InvalidRequest("There is no picture to start from.", "Drop one onto the canvas.")
    wish = request.img2img or Img2Img()
    images = (read_pixels(source.picture),)
    if source.frame is not None:
        request = replace(request, size=Size(width=source.frame[0], height=source.frame[1]))
    elif source.scale is not None:
        width, height = (int(side * source.scale) for side in (images[0].width, images[0].height))
        request = replace(request, size=Size(width=width, height=height))
    inpaint = _inpaint(wish.inpaint or Inpaint(), source)
    if inpaint is not None and source.frame is not None and _has_gaps(images[0]):
        inpaint = replace(inpaint, soft=None)
    return replace(request, hires=None, img2img=replace(wish, images=images, inpaint=inpaint))


def _from_folder(request: GenerationRequest, source: Source) -> GenerationRequest:
    """Let a script read the pictures, and masks if there is a folder of them."""
    wish, args = request.img2img or Img2Img(), dict(source.folder or {})
    inpaint = None
    if args.get("inpaint_mask_dir"):
        inpaint = wish.inpaint or Inpaint()
        inpaint = replace(inpaint, mask=None, soft=inpaint.soft if inpaint.is_soft else None)
    if source.scale is not None:
        args["scale_by"] = source.scale
    return replace(
        request,
        hires=None,
        img2img=replace(wish, images=(), inpaint=inpaint),
        script=ScriptCall(name=FOLDER_BATCH.title, args=args),
    )


def _inpaint(wish: Inpaint, source: Source) -> Inpaint | None:
    if source.mask is None and source.mode not in MASKED:
        return None
    if source.mask is None:
        raise InvalidRequest(
            "Nothing is masked.", "Paint over what should change, or use the img2img mode."
        )
    content = "fill" if source.frame and wish.content == "original" else wish.content
    soft = wish.soft if wish.is_soft else None
    mask = read_pixels(source.mask, "The mask")
    hard = wish.round and source.frame is None
    return replace(wish, mask=mask, content=content, soft=soft, round=hard)


def _has_gaps(image: ImageData) -> bool:
    """Whether there is nothing somewhere."""
    return image.mode == "RGBA" and b"\0" in image.data[3::4]


def with_editable_parts(request: GenerationRequest) -> GenerationRequest:
    """Return `request` with every part the tab has controls for, so that each shows a value."""
    wish = request.img2img or Img2Img()
    inpaint = wish.inpaint or Inpaint()
    inpaint = replace(inpaint, soft=inpaint.soft or SoftInpaint(enabled=False))
    return replace(request, hires=None, img2img=replace(wish, inpaint=inpaint))
