"""Fitting a picture into another size: the four resize modes, and upscaling by a factor.

The arithmetic is A1111's to the pixel, odd leftovers included, because what is drawn depends on it.
"""

from collections.abc import Callable

from PIL import Image

from modules.errors import InvalidRequest, NotFound

Picture = Image.Image
Enlarge = Callable[[Picture, float], Picture]
"""Makes a picture larger by about a factor; what it returns may have any larger size."""

FindUpscaler = Callable[[str], "Enlarge | None"]
"""Gives the upscaler of a name, None for the name "None". Raises NotFound."""

MOST_PIXELS = 2**28
"""Of a picture on the way; a shape that needs more is refused."""
PASSES = 3
GREY = ("L", "1")


def _lanczos(picture: Picture, factor: float) -> Picture:
    return picture.resize(_times(picture, factor), Image.Resampling.LANCZOS)


def _nearest(picture: Picture, factor: float) -> Picture:
    return picture.resize(_times(picture, factor), Image.Resampling.NEAREST)


def _times(picture: Picture, factor: float) -> tuple[int, int]:
    return int(picture.width * factor), int(picture.height * factor)


UPSCALERS: dict[str, Enlarge | None] = {"None": None, "Lanczos": _lanczos, "Nearest": _nearest}
"""Those that need no model, by the names people know; None leaves everything to the resize."""


def find_upscaler(name: str) -> Enlarge | None:
    """The upscaler called `name` among those that need no model; "" is none. Raises NotFound."""
    for known, enlarge in UPSCALERS.items():
        if (name or "None").strip().lower() == known.lower():
            return enlarge
    raise NotFound("upscaler", name, list(UPSCALERS))


def upscale(picture: Picture, factor: float, enlarge: Enlarge | None) -> Picture:
    """Larger by `factor`, sides rounded down to multiples of 8.

    `enlarge` is asked up to three times while its result is too small; then Lanczos fits it.
    """
    width, height = int(picture.width * factor) // 8 * 8, int(picture.height * factor) // 8 * 8
    _check_extent(width, height)
    for _ in range(PASSES if enlarge is not None else 0):
        if picture.width >= width and picture.height >= height:
            break
        before = picture.size
        assert enlarge is not None
        picture = enlarge(picture, factor)
        if picture.size == before:
            break
    if picture.size != (width, height):
        picture = picture.resize((max(width, 1), max(height, 1)), Image.Resampling.LANCZOS)
    return picture


def stretch(picture: Picture, width: int, height: int, enlarge: Enlarge | None = None) -> Picture:
    """To width x height, whatever the shape: an upscaler where it grows, Lanczos for the rest."""
    _check_extent(width, height)
    if enlarge is None or picture.mode in GREY:
        return picture.resize((width, height), Image.Resampling.LANCZOS)
    factor = max(width / picture.width, height / picture.height)
    if factor > 1.0:
        picture = upscale(picture, factor, enlarge)
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.LANCZOS)
    return picture


def crop(picture: Picture, width: int, height: int, enlarge: Enlarge | None = None) -> Picture:
    """Cover width x height and cut off what is beyond."""
    inner_width, inner_height = covering_size(picture.size, (width, height))
    inner = stretch(picture, inner_width, inner_height, enlarge)
    result = Image.new("RGB" if picture.mode not in GREY else picture.mode, (width, height))
    result.paste(inner, (width // 2 - inner_width // 2, height // 2 - inner_height // 2))
    return result


def fill(picture: Picture, width: int, height: int, enlarge: Enlarge | None = None) -> Picture:
    """Fit into width x height and smear the edges over the bars that remain.

    The bars are Pillow's resize of a box without thickness at the edge. An odd leftover row or
    column at the end stays black.
    """
    inner_width, inner_height = fitting_size(picture.size, (width, height))
    inner = stretch(picture, inner_width, inner_height, enlarge)
    result = Image.new("RGB" if picture.mode not in GREY else picture.mode, (width, height))
    left, top = width // 2 - inner_width // 2, height // 2 - inner_height // 2
    result.paste(inner, (left, top))
    if width / height < picture.width / picture.height:
        if top > 0:
            result.paste(inner.resize((width, top), box=(0, 0, width, 0)), (0, 0))
            edge = (0, inner.height, width, inner.height)
            result.paste(inner.resize((width, top), box=edge), (0, top + inner_height))
    elif left > 0:
        result.paste(inner.resize((left, height), box=(0, 0, 0, height)), (0, 0))
        edge = (inner.width, 0, inner.width, height)
        result.paste(inner.resize((left, height), box=edge), (left + inner_width, 0))
    return result


def covering_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The size at which a picture covers `target` with nothing to spare in one direction."""
    (w, h), (width, height) = size, target
    if width / height > w / h:
        return width, h * width // w
    return w * height // h, height


def fitting_size(size: tuple[int, int], target: tuple[int, int]) -> tuple[int, int]:
    """The size at which a picture just fits into `target`."""
    (w, h), (width, height) = size, target
    if width / height < w / h:
        return width, max(1, h * width // w)
    return max(1, w * height // h), height


Resize = Callable[[Picture, int, int, Enlarge | None], Picture]

RESIZES: dict[str, Resize | None] = {
    "Just resize": stretch,
    "Crop and resize": crop,
    "Resize and fill": fill,
    "Just resize (latent upscale)": None,
}
"""By the names of the request; None leaves the picture as it is and resizes its latent."""


def _check_extent(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise InvalidRequest(
            f"The picture would have to be {width} x {height} pixels on the way.",
            "Its shape is too far from the shape wanted; crop it first, or choose a smaller size.",
        )
