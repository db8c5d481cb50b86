"""Chosen styles become a part of the prompts."""

import pytest

from modules.errors import NotFound
from modules.prompt.styles import Style, StyleBook
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest
from modules.service.styles import with_styles

BOOK = StyleBook([Style("oil", "oil painting of {prompt}", "photo"), Style("big", "huge")])


def test_styles_are_applied_in_the_order_they_were_chosen():
    request = with_styles(GenerationRequest(prompt="a cat"), ("big", "oil"), BOOK)
    assert (request.prompt, request.negative_prompt) == ("oil painting of a cat, huge", "photo")


def test_a_second_pass_with_a_prompt_of_its_own_gets_them_too():
    hires = Hires(prompt="a fine cat")
    request = with_styles(GenerationRequest(prompt="a cat", hires=hires), ("oil",), BOOK)
    assert request.hires is not None
    assert request.hires.prompt == "oil painting of a fine cat"
    assert request.hires.negative_prompt == ""


def test_a_style_that_is_no_more_is_named():
    with pytest.raises(NotFound, match="Did you mean 'oil'"):
        with_styles(GenerationRequest(), ("oils",), BOOK)
