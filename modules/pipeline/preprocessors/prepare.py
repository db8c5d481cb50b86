"""Units of control made ready for one pass: the finished map at the size that is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from modules.errors import InvalidRequest
from modules.pipeline.placing import region_drawn
from modules.pipeline.preprocessors.catalogue import Preprocessor, find_preprocessor
from modules.pipeline.preprocessors.fitting import FILL, Pixels, fitted, pixel_perfect
from modules.pipeline.preprocessors.run import (
    FindNetwork,
    image_of,
    make_map,
    mask_pixels,
    rgb_pixels,
    shown_with_mask,
)
from modules.schema.control import CONTROL_RESIZE_MODES, HR_OPTIONS, ControlUnit, active_units
from modules.schema.inputs import RESIZE_MODES, ImageData, Inpaint
from modules.schema.request import GenerationRequest

BOTH, LOW_RES, HIGH_RES = HR_OPTIONS
CELL = 8
"""Pixels of a latent's cell; maps cover whole cells."""
NOT_IN: Mapping[bool, str] = {False: HIGH_RES, True: LOW_RES}
"""Which units sit out the first pass of two (False), and the second (True)."""


def prepared_units(
    request: GenerationRequest,
    width: int,
    height: int,
    *,
    second_pass: bool = False,
    find_network: FindNetwork | None = None,
) -> tuple[ControlUnit, ...]:
    """The units that take part in a pass of width x height pixels, as the networks read them.

    Each has its finished map in `image` (RGB, sides rounded down to multiples of 8), its mask (L,
    0 or 255, same size) if inpainting needs one, and its numbers in place of -1. Preprocessors that
    make "picture" keep the picture whole. Raises InvalidRequest, NotFound, ModelError.
    """
    width, height = max(CELL, width // CELL * CELL), max(CELL, height // CELL * CELL)
    ready = []
    for place, unit in enumerate(request.control):
        if unit not in active_units((unit,)):
            continue
        if request.hires is not None and unit.hr_option == NOT_IN[second_pass]:
            continue
        ready.append(_prepared(request, unit, place, (width, height), find_network))
    return tuple(ready)


@dataclass
class ControlMaps:
    """The prepared units of a request, each pass's made once."""

    request: GenerationRequest
    find_network: FindNetwork | None = None
    _made: dict[tuple[int, int, bool], tuple[ControlUnit, ...]] = field(default_factory=dict)

    def units(
        self, width: int, height: int, *, second_pass: bool = False
    ) -> tuple[ControlUnit, ...]:
        """As `prepared_units`."""
        key = width, height, second_pass
        if key not in self._made:
            self._made[key] = prepared_units(
                self.request,
                width,
                height,
                second_pass=second_pass,
                find_network=self.find_network,
            )
        return self._made[key]

    def detected(self) -> list[ImageData]:
        """The maps of the first pass that people want to see beside the pictures, unit by unit."""
        first: dict[int, ImageData] = {}
        for units in self._made.values():
            for place, unit in enumerate(units):
                row = find_preprocessor(unit.module)
                if not unit.save_detected_map or unit.image is None or row.makes != "map":
                    continue
                mask = mask_pixels(unit.mask) if unit.mask is not None else None
                shown = shown_with_mask(rgb_pixels(unit.image), mask)
                first.setdefault(place, image_of(shown))
        return [first[place] for place in sorted(first)]


def _prepared(
    request: GenerationRequest,
    unit: ControlUnit,
    place: int,
    target: tuple[int, int],
    find_network: FindNetwork | None,
) -> ControlUnit:
    row = find_preprocessor(unit.module)
    picture, mask, mode = _source(request, unit, place, target)
    if row.needs_mask and mask is None:
        raise InvalidRequest(
            f"ControlNet unit {place}: {row.shown} needs a mask.",
            "Paint over what is to be repainted.",
        )
    unit = replace(
        unit,
        module=row.name,
        threshold_a=row.threshold(1, unit.threshold_a),
        threshold_b=row.threshold(2, unit.threshold_b),
    )
    if row.makes == "picture":
        return replace(unit, image=image_of(picture))
    resolution = unit.processor_res
    if unit.pixel_perfect:
        resolution = pixel_perfect((picture.shape[1], picture.shape[0]), target, mode)
    made = make_map(
        picture,
        unit.module,
        resolution=resolution,
        threshold_a=unit.threshold_a,
        threshold_b=unit.threshold_b,
        find_network=find_network,
    )
    return replace(
        unit,
        image=image_of(fitted(made, *target, mode)),
        mask=_mask_at(row, mask, target, mode),
        processor_res=resolution,
    )


def _mask_at(
    row: Preprocessor, mask: Pixels | None, target: tuple[int, int], mode: str
) -> ImageData | None:
    """The mask at the drawing's size, for those who ask for one."""
    if mask is None or not row.needs_mask:
        return None
    hard = mask_pixels(image_of(fitted(mask, *target, mode, smooth=True)))
    return image_of(hard, "L")


def _source(
    request: GenerationRequest, unit: ControlUnit, place: int, target: tuple[int, int]
) -> tuple[Pixels, Pixels | None, str]:
    """Picture, mask and resize mode of a unit; img2img's own where it brings none.

    Where only the masked area is drawn, the same area of the control picture is taken.
    """
    wish = request.img2img
    started = wish.images[0] if wish is not None and wish.images else None
    inpaint = wish.inpaint if wish is not None else None
    mode, own = unit.resize_mode, unit.image
    if own is None:
        if started is None:
            raise InvalidRequest(
                f"ControlNet unit {place} has no picture.",
                "Choose one, or switch the unit off.",
            )
        assert wish is not None
        own, mode = started, resize_mode_of(wish.resize_mode)
    picture = rgb_pixels(own)
    mask = mask_pixels(unit.mask) if unit.mask is not None else _mask_of_start(inpaint)
    box = region_drawn(request) if unit.inpaint_crop else None
    if box is None or started is None:
        return picture, mask, mode
    whole = started.width, started.height
    picture = _cut(picture, whole, box, target, unit.resize_mode)
    if mask is not None:
        mask = _cut(mask, whole, box, target, unit.resize_mode, smooth=True)
    return picture, mask, FILL


def _mask_of_start(inpaint: Inpaint | None) -> Pixels | None:
    """What img2img repaints, white; None without a mask."""
    if inpaint is None or inpaint.mask is None:
        return None
    mask = mask_pixels(inpaint.mask)
    return 255 - mask if inpaint.mode == "Inpaint not masked" else mask


def _cut(
    pixels: Pixels,
    whole: tuple[int, int],
    box: tuple[int, int, int, int],
    target: tuple[int, int],
    mode: str,
    *,
    smooth: bool = False,
) -> Pixels:
    """Bring a picture over the start picture, and take the part that is drawn."""
    left, top, right, bottom = box
    part = fitted(pixels, *whole, mode, smooth=smooth)[top:bottom, left:right]
    return fitted(part, *target, FILL, smooth=smooth)


def resize_mode_of(name: str) -> str:
    """The unit's name of one of img2img's resize modes; a latent one is as the first."""
    place = RESIZE_MODES.index(name) if name in RESIZE_MODES else 0
    return CONTROL_RESIZE_MODES[place % len(CONTROL_RESIZE_MODES)]
