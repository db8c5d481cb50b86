"""Any picture file to plain pixels: what people drop, paste and send."""

import io
import warnings

from PIL import Image, ImageOps, UnidentifiedImageError

from modules.errors import InvalidRequest
from modules.schema.inputs import ImageData

MOST_PIXELS = 100_000_000
"""Larger than any camera's; a small file can claim far more."""
MOST_SIDE = 65_535
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N", "I")


def read_pixels(content: bytes, name: str = "The picture") -> ImageData:
    """Decode a picture: upright, 8 bits a channel, RGB, or RGBA if something is transparent.

    Greys, palettes, CMYK and 16 bits are converted; of an animation the first picture is taken.
    Raises InvalidRequest for what is no picture, damaged, or larger than `MOST_PIXELS`.
    """
    if not content:
        raise InvalidRequest(f"{name} is empty.", "Choose a picture file.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures and odd metadata
            picture: Image.Image = Image.open(io.BytesIO(content))
            _check_size(picture, name)
            picture.load()
            picture = ImageOps.exif_transpose(picture)
    except UnidentifiedImageError:
        raise InvalidRequest(
            f"{name} is not a picture that can be read.", "Use PNG, JPEG, WebP, AVIF, GIF or TIFF."
        ) from None
    except Image.DecompressionBombError:
        raise _too_large(name) from None
    except (OSError, SyntaxError, ValueError, EOFError, KeyError, IndexError) as error:
        raise InvalidRequest(f"{name} is damaged: {error}.", "Save it again as PNG.") from error
    plain = _plain(picture, name)
    return ImageData(plain.width, plain.height, plain.mode, plain.tobytes())


def _check_size(picture: Image.Image, name: str) -> None:
    """Before decoding: the header says how much memory the pixels will take."""
    if picture.width * picture.height > MOST_PIXELS or max(picture.size) > MOST_SIDE:
        raise _too_large(name)
    if min(picture.size) < 1:
        raise InvalidRequest(f"{name} has no pixels.")


def _too_large(name: str) -> InvalidRequest:
    return InvalidRequest(
        f"{name} has more than {MOST_PIXELS // 1_000_000} million pixels.", "Make it smaller first."
    )


def _plain(picture: Image.Image, name: str) -> Image.Image:
    if picture.mode in SIXTEEN_BITS:
        return _from_sixteen_bits(picture).convert("RGB")
    if picture.mode == "F":
        raise InvalidRequest(
            f"{name} has floating point pixels, whose white nobody knows.", "Save it as PNG."
        )
    if picture.mode in ("RGBA", "LA", "La", "PA", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB")


def _from_sixteen_bits(picture: Image.Image) -> Image.Image:
    """Greys of 16 bits to 8, rounding; Pillow alone would cut off everything above 255."""
    return picture.convert("I").point(lambda value: value * (1 / 257) + 0.5).convert("L")
