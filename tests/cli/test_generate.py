"""Flags come from the request's fields, and only what was given changes anything."""

from dataclasses import replace

import pytest

from modules.cli.generate import flag_fields, flag_of, follow, parser, read_request
from modules.errors import InvalidRequest
from modules.param import get_at, replace_at
from modules.schema.event import Finished, Stopped
from modules.schema.inputs import Hires
from modules.schema.request import GenerationRequest


def request_of(*arguments, base=None):
    return read_request(parser().parse_args(arguments), base or GenerationRequest())


def test_without_flags_only_the_prompt_is_new():
    assert request_of("a cat") == (GenerationRequest(prompt="a cat"), False)


def test_flags_that_are_not_given_leave_the_settings_alone():
    base = replace_at(GenerationRequest(), "sampling.steps", 33)
    request, _ = request_of("a cat", "--cfg-scale", "4", base=base)
    assert (request.sampling.steps, request.sampling.cfg_scale) == (33, 4.0)


def test_every_field_has_a_flag_of_its_own():
    flags = [flag_of(item) for item in flag_fields()]
    assert len(flags) == len(set(flags))


@pytest.mark.parametrize("item", flag_fields(), ids=lambda item: item.path)
def test_every_flag_reaches_its_field(item):
    choices = item.param.choices
    if item.type is bool:
        word, wanted = [flag_of(item)], True
    elif isinstance(choices, tuple) and choices:
        word, wanted = [flag_of(item), choices[-1]], choices[-1]
    else:
        word, wanted = [flag_of(item), "7"], 7 if item.type is not str else "7"
    request, _ = request_of("a cat", *word)
    assert get_at(request, item.path) == wanted
    untouched = replace_at(request, item.path, item.default)
    if item.path.startswith("hires."):
        assert untouched.hires == Hires()
        untouched = replace(untouched, hires=None)
    assert replace(untouched, prompt="") == GenerationRequest()


def test_a_second_pass_is_made_only_when_asked_for():
    assert request_of("a cat", "--steps", "9")[0].hires is None
    assert request_of("a cat", "--hires-scale", "1.5")[0].hires == Hires(scale=1.5)


def test_a_given_side_counts_as_a_size():
    assert request_of("a cat", "--width", "640")[1]


def test_yes_or_no_flags_can_say_no():
    request, _ = request_of("a cat", "--no-uni-pc-lower-order-final")
    assert not request.options.uni_pc_lower_order_final


@pytest.mark.parametrize("words", [["--steps", "many"], ["--stepz", "3"], ["--source", "TPU"]])
def test_a_wrong_flag_ends_with_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ending:
        parser().parse_args(["a cat", *words])
    assert ending.value.code == 2
    assert words[0] in capsys.readouterr().err


class FakeApp:
    """Plays events; a KeyboardInterrupt among them is raised in its place."""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.stopped = 0

    def follow(self, job_id, after):
        for number, event in enumerate(self.turns.pop(0), after + 1):
            if event is KeyboardInterrupt:
                raise KeyboardInterrupt
            yield number, event

    def stop(self, job_id):
        self.stopped += 1


def test_the_ending_is_returned():
    assert follow(FakeApp([Finished()]), "job") == Finished()


def test_ctrl_c_stops_the_job_and_waits_for_its_ending():
    app = FakeApp([KeyboardInterrupt], [Stopped()])
    assert follow(app, "job") == Stopped()
    assert app.stopped == 1


def test_a_second_ctrl_c_ends_the_program():
    with pytest.raises(KeyboardInterrupt):
        follow(FakeApp([KeyboardInterrupt], [KeyboardInterrupt]), "job")


def test_a_script_is_named_with_its_fields():
    fields = ("--script-arg", "x_type=Steps", "--script-arg", "x_values=a=b")
    words = ("--script", "X/Y/Z plot", *fields)
    request, _ = request_of("a cat", *words)
    assert request.script.name == "X/Y/Z plot"
    assert request.script.args == {"x_type": "Steps", "x_values": "a=b"}


@pytest.mark.parametrize(
    "words",
    [("--script", "Loopback", "--script-arg", "loops"), ("--script-arg", "loops=3")],
)
def test_fields_without_a_value_or_a_script_are_refused(words):
    with pytest.raises(InvalidRequest):
        request_of("a cat", *words)
