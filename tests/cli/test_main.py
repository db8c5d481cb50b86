"""The first word chooses; exit codes say who is to blame."""

import subprocess
import sys
from pathlib import Path

import pytest

from modules.cli import main as command_line
from modules.cli.main import COMMANDS, choose, main
from modules.errors import InvalidRequest, ModelError

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_command_the_page_is_served(monkeypatch):
    monkeypatch.delenv("COMMANDLINE_ARGS", raising=False)
    assert choose([]) == ("serve", [])
    assert choose(["--port", "80"]) == ("serve", ["--port", "80"])


def test_a_command_takes_the_rest(monkeypatch):
    monkeypatch.setenv("COMMANDLINE_ARGS", "--listen")
    assert choose(["txt2img", "a cat", "--steps", "3"]) == ("txt2img", ["a cat", "--steps", "3"])


def test_flags_of_start_scripts_come_before_those_given(monkeypatch):
    monkeypatch.setenv("COMMANDLINE_ARGS", "--port 1 --data-dir 'my files'")
    assert choose(["--port", "2"])[1] == ["--port", "1", "--data-dir", "my files", "--port", "2"]


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    assert main(["txt2image", "a cat"]) == 2
    assert "txt2img" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"),
    [(InvalidRequest("no", "try"), 2), (ModelError("broken", "get another"), 1)],
)
def test_exit_codes_tell_wrong_commands_from_our_failures(monkeypatch, capsys, error, code):
    class Module:
        @staticmethod
        def run(arguments):
            raise error

    monkeypatch.setattr(command_line, "import_module", lambda name: Module)
    assert main(["txt2img", "a cat"]) == code
    assert error.hint in capsys.readouterr().err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_has_help_that_needs_no_packages(command):
    answer = subprocess.run(
        [sys.executable, "-S", "webui.py", command.name, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert "usage:" in answer.stdout


def test_the_version_is_told():
    answer = subprocess.run(
        [sys.executable, "-S", "webui.py", "--version"], cwd=ROOT, capture_output=True, text=True
    )
    assert answer.stdout.startswith("Easel ")
