"""Everything an engine can be asked to do. One verb, many tasks."""

from dataclasses import dataclass

from modules.schema.inputs import ImageData
from modules.schema.request import GenerationRequest


@dataclass(frozen=True, kw_only=True)
class Upscale:
    """Make one picture larger with a network; its answer is one ImageReady."""

    image: ImageData
    """RGB or RGBA."""
    upscaler: str
    factor: float
    """How many times larger; sides are rounded down to multiples of 8."""
    tile: int = 192
    """Side in pixels of the pieces that go through the network; 0 takes the picture whole."""
    overlap: int = 8


Task = GenerationRequest
"""What a job is made of."""

AnyTask = GenerationRequest | Upscale
"""What an engine takes."""
