"""An invisible watermark in a picture's pixels, as Stable Diffusion's first release put it there.

A text is hidden, bit by bit, in a wavelet and cosine transform of a colour difference, or by a
small network. Read back (`watermark_reader`), some bits are wrong, so what counts is how many are
right.
"""

from collections.abc import Iterator

import numpy as np

from modules.pipeline.watermark_network import hide_bits
from modules.pipeline.watermark_reader import FEWEST_PIXELS
from modules.schema.event import Event, ImageReady, Notice
from modules.schema.inputs import ImageData
from modules.schema.result import Fact, GeneratedImage
from modules.schema.tasks import Look
from modules.schema.watermark import NETWORK_METHOD, TEXT, Watermark

TOO_SMALL = "A picture of fewer than 256 x 256 pixels cannot hold the watermark; it has none."


def marked(picture: np.ndarray, text: str = TEXT, method: str = "dwtDct") -> np.ndarray:
    """Hide `text` in a picture, (height, width, 3) uint8 RGB; one that is too small stays as it is.

    The library counts channels as blue, green, red.
    """
    if picture.shape[0] * picture.shape[1] < FEWEST_PIXELS:
        return picture
    if method == NETWORK_METHOD:
        return hide_bits(picture, np.unpackbits(np.frombuffer(text.encode(), np.uint8)))
    from imwatermark import WatermarkEncoder  # brings OpenCV along, which nothing else needs

    encoder = WatermarkEncoder()
    encoder.set_watermark("bytes", text.encode())
    hidden = encoder.encode(picture[:, :, ::-1].copy(), method)
    return np.ascontiguousarray(hidden[:, :, ::-1])


def with_watermark(image: ImageData, wish: Watermark) -> tuple[ImageData, tuple[Fact, ...]]:
    """A picture with the mark, and what its recipe says of it: nothing if it is too small.

    Raises ModelError.
    """
    if image.width * image.height < FEWEST_PIXELS:
        return image, ()
    channels = len(image.mode)
    pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, channels)
    colours = pixels[:, :, :3] if channels > 2 else np.repeat(pixels, 3, axis=2)
    result = marked(np.ascontiguousarray(colours), wish.text, wish.method)
    if image.mode == "RGBA":
        result = np.dstack([result, pixels[:, :, 3]])
    mode = "RGBA" if image.mode == "RGBA" else "RGB"
    data = ImageData(image.width, image.height, mode, result.tobytes())
    said: list[Fact] = [("Watermark", wish.method)]
    if wish.text != Watermark.of(wish.method).text:
        said.append(("Watermark text", wish.text))
    return data, tuple(said)


def taken_in(task: Look) -> Iterator[Event]:
    """A picture from outside, marked if that is wished, as if it had been drawn."""
    image = task.image
    facts: tuple[Fact, ...] = ()
    if task.watermark is not None:
        image, facts = with_watermark(image, task.watermark)
        if not facts:
            yield Notice(message=TOO_SMALL)
    yield ImageReady(image=GeneratedImage.of(image, facts))
