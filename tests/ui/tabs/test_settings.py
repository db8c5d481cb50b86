"""The Settings tab says what there is to set."""

import json

from modules.param import params_of
from modules.schema.request import GenerationRequest
from modules.settings.settings import Settings
from modules.ui.tabs.settings import describe


def fields():
    sections = describe(lambda name: [f"one of {name}"])
    return {field["name"]: field for section in sections for field in section["fields"]}


def test_every_setting_is_listed_under_its_a1111_name():
    wanted = {item.param.setting for item in params_of(Settings)}
    wanted |= {item.param.setting for item in params_of(GenerationRequest) if item.param.setting}
    assert set(fields()) == wanted


def test_kinds_follow_the_types():
    kinds = {name: field["kind"] for name, field in fields().items()}
    assert kinds["samples_save"] == "bool"
    assert kinds["jpeg_quality"] == "int"
    assert kinds["eta_ancestral"] == "float"
    assert kinds["samples_format"] == "str"
    assert kinds["infotext_skip_pasting"] == "list"


def test_choices_come_from_the_field_or_its_catalogue():
    found = fields()
    assert "png" in found["samples_format"]["choices"]
    assert found["sd_model_checkpoint"]["choices"] == ["one of checkpoints"]


def test_the_description_is_plain_json():
    assert json.loads(json.dumps(describe(lambda name: [])))
