"""An invisible watermark in a picture's pixels, as Stable Diffusion's first release put it there.

A text is hidden, bit by bit, in a wavelet and cosine transform of a colour difference.
Read back (`watermark_reader`), some bits are wrong, so what counts is how many are right.
"""

import numpy as np
from imwatermark import WatermarkEncoder

from modules.pipeline.watermark_reader import FEWEST_PIXELS, TEXT, Method


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
