"""Making the map of a control picture without drawing anything."""

from dataclasses import dataclass

from modules.schema.control import UNSET
from modules.schema.inputs import ImageData


@dataclass(frozen=True, kw_only=True)
class Detect:
    """Make the map of a picture; its answer is one ImageReady. -1 is a preprocessor's default."""

    image: ImageData
    module: str
    resolution: int = UNSET
    threshold_a: float = UNSET
    threshold_b: float = UNSET
