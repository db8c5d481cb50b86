"""What a training said is kept, each step once."""

import pytest

from modules.training.history import History


@pytest.fixture
def history(tmp_path):
    history = History.beside(tmp_path / "unet.pt")
    for step in (10, 20, 30):
        history.add(step, {"loss": step / 100})
    return history


def test_lines_come_back_as_they_were_written(history):
    assert history.file.name == "unet.history.jsonl"
    assert [(line.step, line.figures) for line in history.lines()] == [
        (10, {"loss": 0.1}),
        (20, {"loss": 0.2}),
        (30, {"loss": 0.3}),
    ]


def test_steps_that_are_made_again_are_forgotten(history):
    history.forget_after(20)
    history.add(30, {"loss": 0.5})
    assert [line.figures["loss"] for line in history.lines()] == [0.1, 0.2, 0.5]


def test_half_a_line_left_by_a_kill_is_passed_over(history):
    with history.file.open("a") as stream:
        stream.write('{"step": 40, "ti')
    assert len(history.lines()) == 3
    history.forget_after(30)
    history.add(40, {"loss": 0.4})
    assert [line.step for line in history.lines()] == [10, 20, 30, 40]


def test_without_a_file_there_is_nothing(tmp_path):
    history = History.beside(tmp_path / "text.pt")
    history.forget_after(5)
    assert history.lines() == []
    assert not history.file.exists()
