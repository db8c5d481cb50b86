"""Imports of extensions for A1111's webui: stand-ins for them, and nothing of that for others."""

import sys

import pytest

from modules.compat.world import World
from modules.extension.loader import Extensions
from modules.schema.request import GenerationRequest
from tests.extension.door import plain_draw, plan_for


def foreign(data, name, code, **files):
    """Write an extension of one script, with other files by their path."""
    folder = data / "extensions" / name
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "script.py").write_text(code)
    for path, text in files.items():
        (folder / f"{path}.py").write_text(text)
    return folder


def load(data, process="engine"):
    extensions = Extensions(plan_for(data), process, make_world=World)
    extensions.load()
    return extensions


def state_of(extensions, name):
    return next((one.state, one.trouble) for one in extensions.reports() if one.folder.name == name)


def test_names_of_a1111_exist_inside_extensions_alone(tmp_path):
    foreign(tmp_path, "one", "import modules.shared as shared\nfrom modules import scripts\n")
    extensions = load(tmp_path)
    assert state_of(extensions, "one") == ("on", None)
    assert "modules.shared" not in sys.modules
    with pytest.raises(ImportError):
        __import__("modules.shared")


def test_two_extensions_with_a_helper_of_the_same_name_do_not_meet(tmp_path):
    code = "from helper import NAME\nassert NAME == {!r}\n"
    foreign(tmp_path, "one", code.format("one"), helper='NAME = "one"\n')
    foreign(tmp_path, "two", code.format("two"), helper='NAME = "two"\n')
    extensions = load(tmp_path)
    assert {state_of(extensions, name)[0] for name in ("one", "two")} == {"on"}
    assert "helper" not in sys.modules


MISSING = {
    "from modules import sd_hijack": "modules.sd_hijack",
    "import modules.sd_hijack_optimizations": "modules.sd_hijack_optimizations",
    "from modules.shared import no_such_member": "modules.shared.no_such_member",
    "from ldm.modules import attention": "ldm.modules",
    "import k_diffusion": "k_diffusion",
    "from modules import shared; shared.no_such_member": "modules.shared.no_such_member",
    "from modules import shared; shared.sd_model.model": "shared.sd_model.model",
}


@pytest.mark.parametrize("line", MISSING)
def test_what_is_not_there_is_named_with_who_asked(tmp_path, line):
    foreign(tmp_path, "needy", line + "\n")
    state, trouble = state_of(load(tmp_path), "needy")
    assert state == "broken"
    assert MISSING[line] in trouble.message and "the extension needy" in trouble.message


def test_a_name_that_is_looked_for_with_care_does_no_harm_and_is_listed(tmp_path):
    code = (
        "try:\n    from modules import sd_hijack\nexcept ImportError:\n    sd_hijack = None\n"
        "from modules import shared\nassert not hasattr(shared, 'no_such_member')\n"
    )
    foreign(tmp_path, "careful", code)
    extensions = load(tmp_path)
    assert state_of(extensions, "careful") == ("on", None)
    assert extensions.world.notes["careful"] == [
        "modules.sd_hijack",
        "modules.shared.no_such_member",
    ]


def test_imports_inside_functions_mean_the_stand_ins_too(tmp_path):
    code = """
from modules import scripts


class Late(scripts.Script):
    def title(self):
        return "Late"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p, *args):
        from modules import processing, shared

        assert isinstance(p, processing.StableDiffusionProcessingTxt2Img)
        p.my_own_attribute = shared.state.job
        p.extra_generation_params["Late"] = p.my_own_attribute
"""
    foreign(tmp_path, "late", code)
    [event] = load(tmp_path).draw(GenerationRequest(prompt="a cat"), plain_draw, 0)
    assert ("Late", "scripts_txt2img") in event.image.facts


def test_a_script_that_draws_once_more_gets_its_pictures(tmp_path):
    code = """
import copy

from modules import scripts
from modules.processing import process_images


class Twice(scripts.Script):
    def title(self):
        return "Twice"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess(self, p, processed, *args):
        again = copy.copy(p)
        again.scripts = None
        again.all_prompts = again.all_seeds = []
        again.seed = p.all_seeds[0] + 100
        processed.images += process_images(again).images
"""
    foreign(tmp_path, "twice", code)
    extensions = load(tmp_path)
    events = list(extensions.draw(GenerationRequest(prompt="a cat"), plain_draw, 0))
    assert state_of(extensions, "twice") == ("on", None)
    assert [event.image.index for event in events] == [0, 1]
