"""From drawn pixels to the picture a person gets."""

from modules.pipeline.colour import corrected
from modules.pipeline.pictures import Picture, as_data, as_picture
from modules.pipeline.placing import Placed
from modules.pipeline.resize import FindUpscaler, upscale
from modules.schema.afterwards import Afterwards
from modules.schema.inputs import ImageData, PictureOptions


def finished(
    pixels: ImageData,
    origin: Placed | None,
    options: PictureOptions,
    reference: ImageData | None = None,
) -> ImageData:
    """`pixels` (RGB) as they leave the pipeline; `origin` is the picture they were made from.

    `reference` is the picture whose colours they get, if it is another.
    """
    if origin is None:
        return pixels
    picture: Picture = as_picture(pixels)
    if options.colour_correction:
        wanted = origin.picture if reference is None else as_picture(reference)
        picture = corrected(picture, wanted)
    if origin.overlay is not None:
        picture = origin.overlay.put_on(picture, visible=options.overlay)
    return as_data(picture)


def enlarged(pixels: ImageData, wish: Afterwards, find: FindUpscaler) -> ImageData:
    """A finished picture as large as wished; sides are rounded down to multiples of 8.

    Raises NotFound, ModelError.
    """
    enlarge = find(wish.upscaler) if wish.upscaler else None
    if enlarge is None:
        return pixels
    return as_data(upscale(as_picture(pixels), wish.factor, enlarge))
