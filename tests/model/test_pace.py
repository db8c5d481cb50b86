"""Small networks compute with as many threads as are quickest, whatever the machine does."""

import pytest
import torch

from modules.model.loader import load_model
from modules.model.pace import LONGEST_PAUSE, Course, Pace
from tests.model.tiny import write_model


@pytest.fixture(autouse=True)
def threads_as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def after(course, seconds, calls=200):
    """How often each number of threads was used, where `seconds` tells how long a call takes."""
    used = []
    for _ in range(calls):
        used.append(course.threads)
        course.took(seconds[course.threads])
    return used


@pytest.mark.parametrize(
    "seconds, best",
    [
        ({1: 30.0, 2: 24.0, 4: 20.0, 8: 19.0}, 8),
        ({1: 30.0, 2: 60.0, 4: 90.0, 8: 200.0}, 1),
        ({1: 30.0, 2: 20.0, 4: 15.0, 8: 40.0}, 4),
    ],
)
def test_the_quickest_number_is_found_and_kept(seconds, best):
    used = after(Course(8), seconds)
    assert used.count(best) > 150
    assert used[-20:].count(best) >= 16


def test_what_is_only_a_little_quicker_changes_nothing():
    used = after(Course(2), {1: 9.8, 2: 10.0})
    assert used.count(1) < 20


def test_trials_become_rare_while_nothing_changes():
    used = after(Course(2), {1: 10.0, 2: 50.0}, calls=3000)
    assert used[1000:].count(2) <= 3 * (2000 // LONGEST_PAUSE + 1)


def test_a_machine_that_becomes_free_is_noticed():
    course = Course(2)
    assert after(course, {1: 10.0, 2: 50.0})[-1] == 1
    assert after(course, {1: 10.0, 2: 6.0}, calls=600)[-1] == 2


def test_numbers_that_are_no_power_of_two_are_halved_too():
    assert Course(6).counts == [1, 3, 6]
    assert Course(12).counts == [1, 3, 6, 12]


def threads_now():
    return torch.tensor(torch.get_num_threads())


def test_all_threads_are_back_after_each_call_also_after_one_that_broke():
    torch.set_num_threads(2)
    pace, seen = Pace(searching=True), []

    def work():
        seen.append(torch.get_num_threads())
        return torch.ones(2)

    for _ in range(8):
        pace.run("same", work)
        assert torch.get_num_threads() == 2
    assert set(seen) == {1, 2}
    with pytest.raises(ZeroDivisionError):
        pace.run("same", lambda: torch.ones(1 // 0))
    assert torch.get_num_threads() == 2


def test_a_number_of_threads_that_changes_the_answer_is_never_used():
    torch.set_num_threads(2)
    pace = Pace(searching=True)
    assert [int(pace.run("sums", threads_now)) for _ in range(60)] == [2] * 60


def test_numbers_beyond_a_refused_one_are_not_tried():
    course = Course(8)
    after(course, {8: 1.0}, calls=3)
    assert course.threads == 4
    course.refuse()
    assert course.counts == [8]
    assert after(course, {8: 1.0}) == [8] * 200


def test_only_small_networks_in_full_precision_search(tmp_path):
    path = write_model(tmp_path / "tiny.safetensors")
    assert load_model(path).pace.searching
    assert not load_model(path, dtype=torch.bfloat16).pace.searching
    torch.set_num_threads(2)
    pace = Pace()
    assert [int(pace.run("x", threads_now)) for _ in range(9)] == [2] * 9
