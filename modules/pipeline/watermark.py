"""An invisible watermark in a picture's pixels, as Stable Diffusion's first release put it there.

A text is hidden, bit by bit, in coefficients of a wavelet and cosine transform of the brightness.
Read back, some bits are wrong, so what counts is how many are right: by chance it is half of them.
"""

from typing import Literal

import numpy as np
from imwatermark import WatermarkDecoder, WatermarkEncoder

TEXT = "StableDiffusionV1"
"""What the first release's script hides."""

Method = Literal["dwtDct", "dwtDctSvd"]
"""The first release's way, and a slower one that survives JPEG of high quality."""

FEWEST_PIXELS = 256 * 256
"""The mark would not survive in less."""
ENOUGH = 0.75
"""Share of right bits from which a picture counts as marked: by chance, once in billions."""


def marked(picture: np.ndarray, text: str = TEXT, method: Method = "dwtDct") -> np.ndarray:
    """Hide `text` in a picture, (height, width, 3) uint8 RGB; one that is too small stays as it is.

    The library counts channels as blue, green, red.
    """
    if picture.shape[0] * picture.shape[1] < FEWEST_PIXELS:
        return picture
    encoder = WatermarkEncoder()
    encoder.set_watermark("bytes", text.encode())
    hidden = encoder.encode(picture[:, :, ::-1].copy(), method)
    return np.ascontiguousarray(hidden[:, :, ::-1])


def share_found(picture: np.ndarray, text: str = TEXT, method: Method = "dwtDct") -> float:
    """The share of the bits of `text` that a picture, (height, width, 3) uint8 RGB, holds."""
    if picture.shape[0] * picture.shape[1] < FEWEST_PIXELS:
        return 0.0
    bits = np.unpackbits(np.frombuffer(text.encode(), np.uint8))
    decoder = WatermarkDecoder("bits", len(bits))
    found = np.asarray(decoder.decode(picture[:, :, ::-1].copy(), method))
    return float(np.mean(found == bits))


def is_marked(picture: np.ndarray, text: str = TEXT, method: Method = "dwtDct") -> bool:
    """Whether `text` is hidden in a picture, (height, width, 3) uint8 RGB."""
    return share_found(picture, text, method) >= ENOUGH
