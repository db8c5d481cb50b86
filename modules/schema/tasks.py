"""Everything an engine can be asked to do. One verb, many tasks."""

from dataclasses import dataclass

from modules.param import param
from modules.schema.control_task import Detect
from modules.schema.inputs import ImageData
from modules.schema.picture_tasks import PictureTask
from modules.schema.request import GenerationRequest
from modules.schema.watermark import Watermark


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


MERGE_METHODS = ("Weighted sum", "Add difference", "No interpolation")
NUMBER_TYPES = ("As in A", "fp16", "bf16", "fp32")


@dataclass(frozen=True, kw_only=True)
class Merge:
    """Make one checkpoint of up to three; models are named by title, name or hash."""

    a: str = param("", "Primary model (A)", choices="checkpoints")
    b: str = param("", "Secondary model (B)", choices="checkpoints")
    c: str = param("", "Tertiary model (C)", choices="checkpoints")
    name: str = param("", "Custom Name", help="Empty makes one of the names of the models.")
    method: str = param(
        "Weighted sum",
        "Interpolation Method",
        choices=MERGE_METHODS,
        help="A (1 - M) + B M; or A + (B - C) M; or A alone, in another form.",
    )
    multiplier: float = param(0.3, "Multiplier (M)", minimum=0, maximum=1, step=0.05)
    blocks: str = param(
        "",
        "Block weights",
        help="Multipliers with commas instead of M: base, input blocks, middle, output blocks.",
    )
    dtype: str = param("As in A", "Number type", choices=NUMBER_TYPES)
    vae: str = param("None", "Bake in VAE", choices="vaes")
    discard: str = param(
        "",
        "Discard weights with matching name",
        help="Tensors whose names contain this regular expression are left out.",
    )
    add_recipe: bool = param(True, "Add merge recipe metadata")
    copy_metadata: bool = param(True, "Copy metadata from merged models")
    overwrite: bool = param(False, "Replace a file of that name")


Task = GenerationRequest
"""What a job is made of."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """Take a picture that was made elsewhere for one drawn here; its answer is one ImageReady."""

    image: ImageData
    watermark: Watermark | None = None
    """What is hidden in it."""


@dataclass(frozen=True, kw_only=True)
class Screened:
    """A task of which no picture leaves before the safety checker has seen it.

    Without the checker's weights it fails before anything is drawn.
    """

    task: "AnyTask"
    manner: str
    """What happens to a flagged picture: "tag", "blur" or "block"."""


AnyTask = GenerationRequest | Upscale | Merge | Look | Screened | PictureTask | Detect
"""What an engine takes."""
