"""Axes of the X/Y/Z plot that change units of control."""

from dataclasses import replace

import pytest

from modules.errors import InvalidRequest, NotFound
from modules.schema.catalogue import Catalogue
from modules.schema.control import ControlUnit
from modules.service.scripts.axis_effects import Values
from modules.service.scripts.xyz_axes import AXES
from modules.service.scripts.xyz_plot import XYZ_PLOT
from tests.service.scripts.stage import CATALOGUE, call

CANNY = "control_v11p_sd15_canny [d14c016b]"
OFF, ON = ControlUnit(enabled=False), ControlUnit(model=CANNY)
CASES = {
    "Enabled": ("False", "enabled", False),
    "Model": ("CONTROL_v11p_sd15_canny", "model", CANNY),
    "Weight": ("0.5", "weight", 0.5),
    "Guidance Start": ("0.1", "guidance_start", 0.1),
    "Guidance End": ("0.9", "guidance_end", 0.9),
    "Control Mode": (
        "controlnet is more important",
        "control_mode",
        "ControlNet is more important",
    ),
    "Resize Mode": ("just resize", "resize_mode", "Just Resize"),
    "Preprocessor": ("CANNY", "module", "canny"),
    "Pre Resolution": ("256", "processor_res", 256),
    "Pre Threshold A": ("20", "threshold_a", 20.0),
    "Pre Threshold B": ("30", "threshold_b", 30.0),
}


def axis_of(name):
    return next(axis for axis in AXES if axis.label == f"[ControlNet] {name}")


def called(*units):
    catalogue = Catalogue(checkpoints=CATALOGUE.checkpoints, control_models=(CANNY,))
    made = call(XYZ_PLOT)
    return replace(made, request=replace(made.request, control=units), catalogue=catalogue)


def test_every_axis_has_a_case():
    labels = {axis.label for axis in AXES if axis.label.startswith("[ControlNet]")}
    assert labels == {f"[ControlNet] {name}" for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_the_first_unit_that_is_on_gets_the_value(name):
    text, field, value = CASES[name]
    given, axis = called(ON, ON), axis_of(name)
    (read,) = axis.values(text, given)
    first, second = axis.applied(given.request, read, Values([read])).control
    assert getattr(first, field) == value
    assert second == ON
    assert axis.shown(read) == f"[ControlNet] {name}: {value}"


def test_units_that_are_off_are_passed_over_unless_it_is_about_being_on():
    given = called(OFF, ON)
    first, second = axis_of("Weight").applied(given.request, 0.5, Values([0.5])).control
    assert (first, second.weight) == (OFF, 0.5)
    first, _ = axis_of("Enabled").applied(given.request, True, Values([True])).control
    assert first.enabled


@pytest.mark.parametrize(
    ("name", "text", "error", "words"),
    [
        ("Model", "control_v11p_sd15_cany", NotFound, CANNY),
        ("Preprocessor", "cany", NotFound, "canny"),
        ("Weight", "heavy", InvalidRequest, "heavy"),
    ],
)
def test_mistakes_name_what_there_is(name, text, error, words):
    with pytest.raises(error) as caught:
        axis_of(name).values(text, called(ON))
    assert words in str(caught.value)


def test_without_a_unit_there_is_nothing_to_change():
    with pytest.raises(InvalidRequest, match="no ControlNet unit"):
        axis_of("Weight").values("1", called())
