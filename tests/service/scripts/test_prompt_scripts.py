"""Prompt matrix, and prompts from file or textbox."""

import pytest

from modules.errors import InvalidRequest
from modules.prompt.styles import Style, StyleBook
from modules.service.scripts.prompt_lines import PROMPT_LINES, read_line
from modules.service.scripts.prompt_matrix import PROMPT_MATRIX
from tests.service.scripts.stage import call, play


def matrix(tmp_path, args=None, **changes):
    changes = {"prompt": "a cat|red, |in snow", **changes}
    asked, sheets = play(PROMPT_MATRIX, call(PROMPT_MATRIX, args, **changes), tmp_path)
    return [cell.request for cell in asked[0]], sheets


def test_combinations_come_in_binary_order(tmp_path):
    requests, (sheet,) = matrix(tmp_path)
    assert [one.prompt for one in requests] == [
        "a cat", "a cat, red", "a cat, in snow", "a cat, red, in snow",
    ]  # fmt: skip
    assert {one.seeds.seed for one in requests} == {5}
    assert sheet.base == "prompt_matrix"
    assert sheet.picture.width > 128 and sheet.picture.height > 128
    assert sheet.image.prompt == "a cat|red, |in snow"


def test_variable_parts_may_come_first_with_spaces_and_other_seeds(tmp_path):
    args = {"put_at_start": True, "variations_delimiter": "space", "different_seeds": True}
    requests, _ = matrix(tmp_path, args)
    assert requests[3].prompt == "red in snow a cat"
    assert [one.seeds.seed for one in requests] == [5, 6, 7, 8]


def test_the_negative_prompt_has_a_matrix_too(tmp_path):
    requests, _ = matrix(tmp_path, {"prompt_type": "negative"}, negative_prompt="bad|ugly")
    assert [one.negative_prompt for one in requests] == ["bad", "bad, ugly"]
    assert {one.prompt for one in requests} == {"a cat|red, |in snow"}


def test_a_matrix_beyond_all_bounds_is_refused():
    with pytest.raises(InvalidRequest, match="at most"):
        PROMPT_MATRIX.check(call(PROMPT_MATRIX, prompt="|".join("abcdefghijklmnopqrstuvwxyz")))


@pytest.mark.parametrize(
    ("line", "tags"),
    [
        ("a cat in a hat", {"prompt": "a cat in a hat"}),
        ("--prompt a cat --steps 7", {"prompt": "a cat", "steps": 7}),
        ('--prompt "a cat" sits --negative_prompt bad "very bad"',
         {"prompt": "a cat sits", "negative_prompt": "bad very bad"}),
        ("--cfg_scale 7.5 --tiling TRUE --restore_faces yes",
         {"cfg_scale": 7.5, "tiling": True, "restore_faces": False}),
        (r"--prompt a\ cat --sampler_name 'DPM fast'",
         {"prompt": "a cat", "sampler_name": "DPM fast"}),
        ("--prompt", {"prompt": ""}),
    ],
)  # fmt: skip
def test_lines_are_prompts_or_tags(line, tags):
    read = read_line(line)
    assert (read.tags, read.problem) == (tags, "")


@pytest.mark.parametrize(
    "line",
    [
        "a cat --steps 7",
        "--prompt a cat --stepz 7",
        "--steps many",
        "--steps",
        '--prompt "a cat',
        "a well--known cat",
    ],
)
def test_a_line_that_cannot_be_read_is_a_prompt_as_it_stands(line):
    read = read_line(line)
    assert read.tags == {"prompt": line}
    assert "taken as a prompt" in read.problem


def cells_of(text, args=None, **changes):
    called = call(PROMPT_LINES, {"text": text, **(args or {})}, **changes)
    PROMPT_LINES.check(called)
    return list(next(PROMPT_LINES.play(called)))


def requests_of(*given, **changes):
    return [cell.request for cell in cells_of(*given, **changes)]


def test_lines_come_before_or_after_the_prompt_above():
    text = "red\n\n  --negative_prompt ugly \n"
    first, second = requests_of(text, negative_prompt="bad")
    assert (first.prompt, second.prompt) == ("red a cat", "a cat")
    assert (first.negative_prompt, second.negative_prompt) == ("bad", "ugly bad")
    assert requests_of("red", {"prompt_position": "end"})[0].prompt == "a cat red"
    assert requests_of("red", prompt="")[0].prompt == "red"


def test_tags_change_their_line_alone():
    text = "--sd_model other --seed 9 --width 128 --batch_size 2 --sampler_name heun\nplain"
    first, second = requests_of(text)
    assert first.models.checkpoint == "other"
    assert (first.seeds.seed, first.size.width, first.batch.batch_size) == (9, 128, 2)
    assert first.sampling.sampler == "heun"
    assert (second.seeds.seed, second.size.width, second.batch.batch_size) == (5, 64, 1)


def test_seeds_are_random_the_same_or_counted_on():
    text = "a\nb --x\n--n_iter 2\nd"
    changes = {"seeds.seed": -1, "batch.batch_size": 2}
    free = [one.seeds.seed for one in requests_of(text, **changes)]
    assert len(set(free)) == 4 and min(free) >= 0
    same = [one.seeds.seed for one in requests_of(text, {"iterate_batch": True}, **changes)]
    assert len(set(same)) == 1
    counted = [one.seeds.seed for one in requests_of(text, {"iterate": True}, **changes)]
    assert [seed - counted[0] for seed in counted] == [0, 2, 4, 8]
    assert requests_of(text, **changes) == requests_of(text, **changes)


def test_pictures_may_stay_unsaved_and_problems_are_told():
    first, second, third = cells_of("--do_not_save_samples true\n--oops 1\n--outpath_grids x")
    assert (first.keep, first.shown, first.notice) == (False, True, "")
    assert "'--oops'" in second.notice
    assert third.notice == "--outpath_grids changes nothing here."


def test_lines_name_styles():
    called = call(PROMPT_LINES, {"text": "--styles oil --prompt red"})
    called = type(called)(**{**vars(called), "styles": StyleBook([Style("oil", "oil paint", "")])})
    (cell,) = next(PROMPT_LINES.play(called))
    assert cell.request.prompt == "red a cat, oil paint"


def test_batches_are_counted_over_all_lines():
    text = "a\n--n_iter 3\nb"
    assert PROMPT_LINES.batches(call(PROMPT_LINES, {"text": text}, **{"batch.n_iter": 2})) == 7


@pytest.mark.parametrize("text", ["", " \n\n", "--sampler_index 999"])
def test_no_lines_or_no_such_sampler_is_refused(text):
    with pytest.raises(InvalidRequest):
        cells_of(text)
