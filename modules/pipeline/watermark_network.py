"""The watermark of a small network, RivaGAN (Zhang et al. 2019): 32 bits, lasting but slow.

Its weights come with the library `invisible-watermark`; running them takes onnxruntime, which
people install for themselves. As that library does, channels are counted as blue, green, red.
"""

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from modules.errors import ModelError

LIBRARY = "imwatermark"
THRESHOLD = 0.52
"""From which a bit counts as set, in the library's words."""
HINT = "Install it with: pip install onnxruntime. The methods dwtDct and dwtDctSvd need no network."


def is_available() -> bool:
    """Whether pictures can be marked and read this way here."""
    return all(importlib.util.find_spec(name) for name in ("onnxruntime", LIBRARY))


def hide_bits(picture: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Hide 32 bits, (32,) bool, in a picture, (height, width, 3) uint8 RGB. Raises ModelError."""
    feed = {"frame": _frame(picture), "data": bits.astype(np.float32)[None]}
    [[shown]] = _session("encoder").run(None, feed)  # (3, 1, height, width), -1 to 1
    pixels = (np.clip(shown[:, 0], -1, 1) + 1) * 127.5
    return np.ascontiguousarray(pixels.astype(np.uint8).transpose(1, 2, 0)[:, :, ::-1])


def read_network_bits(picture: np.ndarray) -> np.ndarray:
    """Read 32 bits, (32,) bool, from a picture, (height, width, 3) uint8 RGB. Raises ModelError."""
    [[said]] = _session("decoder").run(None, {"frame": _frame(picture)})
    return np.asarray(said > THRESHOLD)


def _frame(picture: np.ndarray) -> np.ndarray:
    """A picture as the network sees it: (1, 3, 1, height, width) float32, -1 to 1."""
    frame = picture[:, :, ::-1].astype(np.float32) / 127.5 - 1.0
    return np.ascontiguousarray(frame.transpose(2, 0, 1)[None, :, None])


@cache
def _session(name: str) -> Any:
    """The network "encoder" or "decoder". Raises ModelError."""
    try:
        onnxruntime: Any = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise ModelError("The watermark rivaGan needs onnxruntime.", HINT) from error
    found = importlib.util.find_spec(LIBRARY)
    if found is None or found.origin is None:
        raise ModelError("The watermark rivaGan needs the library invisible-watermark.", HINT)
    path = Path(found.origin).with_name(f"rivagan_{name}.onnx")
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
