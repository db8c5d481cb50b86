"""What the page says about units of control, and what it is told."""

import json

import pytest

from modules.engine.fake import FakeEngine
from modules.errors import InvalidRequest
from modules.paths import Paths
from modules.schema.control import ControlUnit
from modules.schema.inputs import ImageData
from modules.service.control_desk import ControlDesk
from modules.ui.parts.control_box import reader_of, unit_fields, writer_of

DOT = ImageData(2, 1, "RGB", bytes(range(6)))
UNIT = ControlUnit(module="canny", model="m [1]", weight=0.5, image=DOT, threshold_a=20)


@pytest.fixture
def desk(tmp_path):
    return ControlDesk(FakeEngine(), Paths(data=tmp_path))


def test_units_come_back_as_they_were_with_their_pictures(desk):
    units = (UNIT, ControlUnit(enabled=False, mask=DOT))
    assert reader_of(desk)(writer_of(desk)(units)) == units


def test_no_units_are_an_empty_text_and_back(desk):
    assert writer_of(desk)(()) == ""
    assert reader_of(desk)("") == ()


def test_a_picture_that_is_gone_matters_only_to_a_unit_that_is_on(desk):
    unit = {"enabled": False, "picture": "0" * 32}
    assert reader_of(desk)(json.dumps([unit])) == (ControlUnit(enabled=False),)
    with pytest.raises(InvalidRequest, match="no longer here"):
        reader_of(desk)(json.dumps([unit | {"enabled": True}]))


@pytest.mark.parametrize("text", ["{", "3", '["x"]', '[{"weight": "heavy"}]'])
def test_what_makes_no_sense_is_refused(desk, text):
    with pytest.raises(InvalidRequest):
        reader_of(desk)(text)


def test_every_field_of_a_unit_is_described_for_the_page():
    described = {field["name"]: field for field in unit_fields()}
    assert described["weight"] | {"path": ""} == described["weight"] | {
        "path": "", "label": "Control weight", "minimum": 0, "maximum": 2, "step": 0.05,
    }  # fmt: skip
    assert all(field["label"] and field["help"] for field in described.values())
