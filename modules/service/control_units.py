"""Units of control of a request: names resolved, and what cannot work refused before it costs."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from modules.errors import InvalidRequest, NotFound, WebUIError
from modules.pipeline.preprocessors.annotator_files import annotator_file, missing_file
from modules.pipeline.preprocessors.catalogue import Preprocessor, find_model, find_preprocessor
from modules.schema.control import MOST_UNITS, NO_MODEL, ControlUnit, active_units
from modules.schema.request import GenerationRequest
from modules.settings.sections.control import ControlNet


def completed_control(
    request: GenerationRequest,
    models: Sequence[str],
    annotators: Sequence[Path],
    settings: ControlNet,
) -> GenerationRequest:
    """Return `request` with the units as they will be used; `models` are the entries of menus.

    Units that take no part keep their place and lose their pictures. Raises InvalidRequest,
    NotFound or ModelError, naming the unit.
    """
    if not request.control:
        return request
    if len(request.control) > MOST_UNITS:
        raise InvalidRequest(
            f"{len(request.control)} ControlNet units are too many.", f"At most {MOST_UNITS} work."
        )
    units = []
    for place, unit in enumerate(request.control):
        if not active_units((unit,)):
            units.append(replace(unit, enabled=False, image=None, mask=None))
            continue
        try:
            row = _check(unit, request, annotators)
            model = NO_MODEL if row.model_free else _model(unit, models)
        except NotFound as error:
            raise _of_unit(error, place) from error
        except WebUIError as error:
            message = f"ControlNet unit {place}: {error.message}"
            raise type(error)(message, error.hint) from error
        shown = unit.save_detected_map and not settings.no_map and request.script is None
        units.append(replace(unit, module=row.name, model=model, save_detected_map=shown))
    if not active_units(tuple(units)):
        return replace(request, control=())
    return replace(request, control=tuple(units))


def _of_unit(error: NotFound, place: int) -> NotFound:
    return NotFound(f"{error.kind} for ControlNet unit {place}", error.name, error.choices)


def _check(
    unit: ControlUnit, request: GenerationRequest, annotators: Sequence[Path]
) -> Preprocessor:
    """The unit's preprocessor, once nothing is missing that it needs."""
    row = find_preprocessor(unit.module)
    if row.file and annotator_file(row.file, annotators) is None:
        raise missing_file(row.file)
    if unit.guidance_start > unit.guidance_end:
        raise InvalidRequest(
            f"it ends at {unit.guidance_end} before it starts at {unit.guidance_start}.",
            "Let the ending step be greater than the starting step.",
        )
    wish = request.img2img
    if unit.image is None and wish is None:
        raise InvalidRequest("it has no picture.", "Choose one, or switch the unit off.")
    brought = wish is not None and wish.inpaint is not None
    if row.needs_mask and unit.mask is None and not brought:
        raise InvalidRequest(
            f"{row.shown} needs a mask.", "Paint over what is to be repainted, or send one."
        )
    return row


def _model(unit: ControlUnit, models: Sequence[str]) -> str:
    """The entry of the unit's model."""
    model = find_model(unit.model, models)
    if model == NO_MODEL:
        raise InvalidRequest("it has no model.", "Choose one, or switch the unit off.")
    return model


def with_units_kept(
    request: GenerationRequest, before: GenerationRequest, settings: ControlNet
) -> GenerationRequest:
    """A recipe's request, with the units of `before` where recipes are not to change them."""
    return request if settings.read_units else replace(request, control=before.control)
