"""One unit of control: a picture that steers the drawing through a network beside the model's own.

How the rooms meet here: doors and service fill `ControlUnit` records and put them into
`GenerationRequest.control`. In the engine, before each pass,
`modules.pipeline.preprocessors.prepare.prepared_units` turns the units that take part into units
whose `image` is the finished control map: RGB, 8 bits a channel, exactly the size of that pass's
drawing, with `mask` (if any) as L at the same size, white where the picture is repainted. The
attachment that runs the networks reads only such units, and of them `module`, `model`, `weight`,
`image`, `mask`, `guidance_start`, `guidance_end`, `control_mode`, `low_vram` and
`advanced_weighting`. Preprocessors that make no map (image encoders, reference pictures: in
`modules.pipeline.preprocessors.catalogue` their `makes` is "picture") hand on the whole picture at
its own size. Inpainting's map is the picture itself; the attachment writes -1 where `mask` is set.
"""

from dataclasses import dataclass

from modules.param import check_limits, param
from modules.schema.inputs import ImageData

CONTROL_RESIZE_MODES = ("Just Resize", "Crop and Resize", "Resize and Fill")
CONTROL_MODES = ("Balanced", "My prompt is more important", "ControlNet is more important")
HR_OPTIONS = ("Both", "Low res only", "High res only")
"""In A1111's order, so that its numbers are places in these."""

UNSET = -1
"""Stands for a preprocessor's own default of a number."""
NO_MODULE = "none"
NO_MODEL = "None"
MOST_UNITS = 10


@dataclass(frozen=True, kw_only=True)
class ControlUnit:
    """What one unit is to do. Values of -1 are the preprocessor's own defaults."""

    enabled: bool = param(True, "Enable", help="Let this unit take part in the drawing.")
    module: str = param(
        NO_MODULE,
        "Preprocessor",
        infotext="Module",
        choices="control_modules",
        help="How the picture becomes the map that the model reads.",
    )
    model: str = param(
        NO_MODEL,
        "Model",
        infotext="Model",
        choices="control_models",
        help="The network that reads the map: name, or name and hash.",
    )
    weight: float = param(
        1.0,
        "Control weight",
        infotext="Weight",
        minimum=0,
        maximum=10,
        slider=(0, 2),
        step=0.05,
        help="How strongly the map steers; 0 leaves the unit out.",
    )
    image: ImageData | None = None
    """The picture; without one img2img's own picture is taken. RGB, RGBA or L, any size."""
    mask: ImageData | None = None
    """White is what inpainting units repaint, or what a reference shows; any size."""
    resize_mode: str = param(
        "Crop and Resize",
        "Resize mode",
        infotext="Resize Mode",
        choices=CONTROL_RESIZE_MODES,
        help="What happens if the picture has other proportions than the drawing.",
    )
    low_vram: bool = param(
        False, "Low VRAM", help="Keep the network on the device only while it computes."
    )
    processor_res: int = param(
        UNSET,
        "Preprocessor resolution",
        infotext="Processor Res",
        minimum=-1,
        maximum=16384,
        slider=(64, 2048),
        step=8,
        help="Pixels of the shorter side at which the preprocessor looks; -1 is its default.",
    )
    threshold_a: float = param(
        UNSET,
        "Threshold A",
        infotext="Threshold A",
        minimum=-1,
        maximum=65536,
        help="First number of the preprocessor; -1 is its default.",
    )
    threshold_b: float = param(
        UNSET,
        "Threshold B",
        infotext="Threshold B",
        minimum=-1,
        maximum=65536,
        help="Second number of the preprocessor; -1 is its default.",
    )
    guidance_start: float = param(
        0.0,
        "Starting control step",
        infotext="Guidance Start",
        minimum=0,
        maximum=1,
        step=0.01,
        help="The share of the steps after which the unit begins.",
    )
    guidance_end: float = param(
        1.0,
        "Ending control step",
        infotext="Guidance End",
        minimum=0,
        maximum=1,
        step=0.01,
        help="The share of the steps after which the unit ends.",
    )
    pixel_perfect: bool = param(
        False,
        "Pixel Perfect",
        infotext="Pixel Perfect",
        help="Choose the preprocessor's resolution so that its map fits the drawing.",
    )
    control_mode: str = param(
        "Balanced",
        "Control mode",
        infotext="Control Mode",
        choices=CONTROL_MODES,
        help="Whether the prompt or the map counts more where they disagree.",
    )
    hr_option: str = param(
        "Both",
        "Hires passes",
        infotext="Hr Option",
        choices=HR_OPTIONS,
        help="In which pass of hires pictures the unit takes part.",
    )
    save_detected_map: bool = param(
        True, "Return the map", help="Show and save the map beside the drawing."
    )
    inpaint_crop: bool = param(
        True,
        "Crop to the inpaint area",
        help="When only the masked area is drawn, take that part of the control picture.",
    )
    advanced_weighting: tuple[float, ...] | None = None
    """A factor for every output of the network, the middle one last, instead of the mode's own."""

    def check(self) -> None:
        """Raise InvalidRequest for a number outside its limits."""
        check_limits(self)


def active_units(units: tuple[ControlUnit, ...]) -> tuple[ControlUnit, ...]:
    """Those that change the drawing."""
    return tuple(unit for unit in units if unit.enabled and unit.weight > 0)
