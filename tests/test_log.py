"""The log: on the screen and in a file that never grows without end."""

import logging

import pytest

from modules import log as log_module
from modules.log import set_up_logging


@pytest.fixture(autouse=True)
def handlers_put_back():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers[:] = before
    root.setLevel(level)


def test_the_file_is_made_with_its_folder_and_keeps_what_is_logged(tmp_path):
    file = tmp_path / "log" / "easel.log"
    set_up_logging(logging.INFO, file)
    logging.getLogger("modules.here").info("the engine is warm")
    logging.getLogger("modules.here").debug("unasked for")
    assert "INFO modules.here: the engine is warm" in file.read_text(encoding="utf-8")
    assert "unasked" not in file.read_text(encoding="utf-8")


def test_two_files_and_no_more_bytes_than_agreed_are_kept(tmp_path, monkeypatch):
    assert log_module.MOST_BYTES == 50 * 2**20
    monkeypatch.setattr(log_module, "MOST_BYTES", 20_000)
    file = tmp_path / "easel.log"
    set_up_logging(logging.INFO, file)
    for number in range(1000):
        logging.getLogger("modules.here").info("line %d %s", number, "x" * 80)
    files = sorted(tmp_path.iterdir())
    assert [one.name for one in files] == ["easel.log", "easel.log.1"]
    assert sum(one.stat().st_size for one in files) <= 20_000
    assert "line 999 " in file.read_text(encoding="utf-8")


def test_without_a_place_for_the_file_the_program_goes_on_and_says_so(tmp_path, capsys):
    (tmp_path / "log").write_text("in the way", encoding="utf-8")
    set_up_logging(logging.INFO, tmp_path / "log" / "easel.log")
    logging.getLogger("modules.here").info("still here")
    told = capsys.readouterr().err
    assert "There is no log file" in told
    assert "still here" in told
