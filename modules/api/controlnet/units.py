"""Units of control in strangers' JSON: dictionaries by today's names and by older ones."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modules.api.coercion import coerce
from modules.api.sdapi.pictures import picture_of
from modules.errors import InvalidRequest, closest_hint
from modules.param import Field, params_of
from modules.schema.control import CONTROL_RESIZE_MODES, ControlUnit
from modules.schema.inputs import ImageData

CONTROLNET = "controlnet"
"""What `alwayson_scripts` calls it, in lower case."""

OLD_NAMES = {
    "input_image": "image",
    "lowvram": "low_vram",
    "guidance": "guidance_end",
    "mask_image": "mask",
    "inpaint_crop_input_image": "inpaint_crop",
    "preprocessor": "module",
}
"""Names of fields here, by those that clients also use."""

OLD_RESIZE_MODES = {
    "scale to fit (inner fit)": CONTROL_RESIZE_MODES[1],
    "inner fit (scale to fit)": CONTROL_RESIZE_MODES[1],
    "envelope (outer fit)": CONTROL_RESIZE_MODES[2],
    "outer fit (shrink to fit)": CONTROL_RESIZE_MODES[2],
    "resize": CONTROL_RESIZE_MODES[0],
}
COUNTED = ("resize_mode", "control_mode", "hr_option")
"""Fields that clients may also give as a number: a place among the choices."""
EMPTY = ("", "none")


def units_of(scripts: Mapping[str, Any] | None) -> tuple[ControlUnit, ...]:
    """The units that `alwayson_scripts` asks for. Raises InvalidRequest, naming unit and field.

    What is no dictionary (null, false) is a unit that is off.
    """
    for name, script in (scripts or {}).items():
        if name.strip().lower() == CONTROLNET and isinstance(script, Mapping):
            return units_in(script.get("args"))
    return ()


def units_in(given: Any) -> tuple[ControlUnit, ...]:
    """The units in a list, or the one that is sent as it is; none in anything else."""
    if isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, list):
        return ()
    return tuple(unit_of(one, place) for place, one in enumerate(given))


def unit_of(given: Any, place: int = 0) -> ControlUnit:
    """One unit from JSON; unknown names are passed over. Raises InvalidRequest."""
    if not isinstance(given, Mapping):
        return ControlUnit(enabled=False)
    old = {OLD_NAMES[name]: value for name, value in given.items() if name in OLD_NAMES}
    values = {**old, **given}
    unit = ControlUnit()
    for item in params_of(ControlUnit):
        value = values.get(item.name)
        if value is None:
            continue
        try:
            unit = replace(unit, **{item.name: _value(item, value)})
        except InvalidRequest as error:
            message = f"ControlNet unit {place}, {item.name}: {error.message}"
            raise InvalidRequest(message, error.hint) from error
    image, mask = _pictures(values.get("image"), values.get("mask"), place)
    weights = values.get("advanced_weighting")
    return replace(unit, image=image, mask=mask, advanced_weighting=_weights(weights, place))


def _value(item: Field, value: Any) -> Any:
    choices = item.param.choices
    if item.name not in COUNTED:
        return coerce(item, value)
    assert isinstance(choices, tuple)
    if isinstance(value, int | float):
        last = int(value) == len(choices) and item.name == "resize_mode"  # a latent one, counted on
        number = 0 if last else int(value)
        if not 0 <= number < len(choices):
            raise InvalidRequest(
                f"there is no number {value}.", f"Give one from 0 to {len(choices) - 1}."
            )
        return choices[number]
    known = {one.lower(): one for one in choices}
    if item.name == "resize_mode":
        known |= OLD_RESIZE_MODES
    named = known.get(str(value).strip().lower())
    if named is None:
        raise InvalidRequest(f"{value!r:.60} is unknown.", closest_hint(str(value), choices))
    return named


def _pictures(image: Any, mask: Any, place: int) -> tuple[ImageData | None, ImageData | None]:
    """Picture and mask: base64, or `{"image": base64, "mask": base64}`, or a list of such."""
    if isinstance(image, list):
        image = image[0] if image else None
    if isinstance(image, Mapping):
        image, inner = image.get("image"), image.get("mask")
        mask = inner if mask is None else mask
    return _picture(image, f"The picture of ControlNet unit {place}"), _picture(
        mask, f"The mask of ControlNet unit {place}"
    )


def _picture(text: Any, name: str) -> ImageData | None:
    if text is None or (isinstance(text, str) and text.strip().lower() in EMPTY):
        return None
    if not isinstance(text, str):
        raise InvalidRequest(f"{name} must be text in base64, not {type(text).__name__}.")
    return picture_of(text, name)


def _weights(given: Any, place: int) -> tuple[float, ...] | None:
    if given is None:
        return None
    numbers = isinstance(given, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) for one in given
    )
    if not numbers:
        raise InvalidRequest(
            f"ControlNet unit {place}: advanced_weighting must be a list of numbers."
        )
    return tuple(float(one) for one in given) or None
