"""Recipes that tell of a script bring it back with its arguments."""

import pytest

from modules.service.scripts.recall import script_in


@pytest.mark.parametrize(
    ("entries", "tab", "name", "args"),
    [
        (
            {"Script": "X/Y/Z plot", "X Type": "Steps", "X Values": "1-3", "Y Type": "Wrong"},
            "txt2img",
            "X/Y/Z plot",
            {"x_type": "Steps", "x_values": "1-3"},
        ),
        ({"Script": "x/y/z PLOT"}, "img2img", "X/Y/Z plot", {}),
        (
            {"SD upscale overlap": "32", "SD upscale upscaler": "lanczos"},
            "img2img",
            "SD upscale",
            {"overlap": 32, "upscaler": "Lanczos"},
        ),
        (
            {"Final denoising strength": "0.3", "Denoising curve": "Lazy"},
            "img2img",
            "Loopback",
            {"final_denoising_strength": 0.3, "denoising_curve": "Lazy"},
        ),
    ],
)
def test_a_recipe_brings_its_script_back(entries, tab, name, args):
    found = script_in(entries, tab)
    assert (found.name, found.args) == (name, args)


@pytest.mark.parametrize("entries", [{}, {"Steps": "20"}, {"Script": "Unheard of"}])
def test_recipes_without_a_script_bring_none(entries):
    assert script_in(entries, "txt2img") is None
