"""The set-up: made once, repaired when half made, and not touched again."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modules.bootstrap.environment import (
    STAMP,
    SetupError,
    ensure_environment,
    explain,
    is_complete,
    python_of,
    write_stamp,
)
from modules.errors import WebUIError

ROOT = Path(__file__).resolve().parents[2]
FILES = ("requirements.txt", "requirements-dev.txt")

START = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from modules.bootstrap.environment import ensure_environment
ensure_environment(Path(__file__).parent, ("requirements.txt",))
print("runs in", sys.prefix, "with", sys.argv[1:])
"""


@pytest.fixture
def home(tmp_path):
    """A program folder whose requirements are empty, so that nothing needs to be fetched."""
    for name in (*FILES, "constraints.txt"):
        (tmp_path / name).write_text("# nothing\n", encoding="utf-8")
    (tmp_path / "start.py").write_text(START.format(root=str(ROOT)), encoding="utf-8")
    return tmp_path


def fake_environment(home: Path) -> Path:
    venv = home / ".venv"
    python_of(venv).parent.mkdir(parents=True)
    python_of(venv).touch()
    return venv


def start(home: Path) -> str:
    answer = subprocess.run(
        [sys.executable, "start.py", "a cat", "--steps"], cwd=home, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_the_stamp_is_good_until_a_requirement_changes(home):
    venv = fake_environment(home)
    write_stamp(venv, home, FILES)
    assert is_complete(venv, home, FILES)
    (home / "requirements.txt").write_text("numpy==1.0\n", encoding="utf-8")
    assert not is_complete(venv, home, FILES)


def test_a_new_pin_of_a_needed_package_counts_as_a_change(home):
    venv = fake_environment(home)
    write_stamp(venv, home, FILES)
    (home / "constraints.txt").write_text("numpy==1.0\n", encoding="utf-8")
    assert not is_complete(venv, home, FILES)


def test_the_program_is_content_with_what_the_tests_installed(home):
    venv = fake_environment(home)
    write_stamp(venv, home, FILES)
    assert is_complete(venv, home, FILES[:1])


def test_the_tests_are_not_content_with_what_the_program_installed(home):
    venv = fake_environment(home)
    write_stamp(venv, home, FILES[:1])
    assert not is_complete(venv, home, FILES)


@pytest.mark.parametrize("content", ["", "{", '{"python": "2.7"}'])
def test_a_broken_stamp_is_no_stamp(home, content):
    venv = fake_environment(home)
    (venv / STAMP).write_text(content, encoding="utf-8")
    assert not is_complete(venv, home, FILES)


def test_venv_dir_dash_takes_the_python_in_use(home, monkeypatch):
    monkeypatch.setenv("VENV_DIR", "-")
    ensure_environment(home, FILES)
    assert not (home / ".venv").exists()


def test_a_folder_that_is_no_environment_is_left_alone(home, monkeypatch):
    monkeypatch.setenv("VENV_DIR", str(home / "pictures"))
    (home / "pictures").mkdir()
    (home / "pictures/cat.png").touch()
    with pytest.raises(WebUIError, match="not a Python environment"):
        ensure_environment(home, FILES)
    assert (home / "pictures/cat.png").exists()


def test_an_environment_that_does_not_take_is_reported_and_not_looped(home, monkeypatch):
    monkeypatch.delenv("VENV_DIR", raising=False)
    monkeypatch.setenv("EASEL_VENV", str(home / ".venv"))
    with pytest.raises(SetupError, match="does not start"):
        ensure_environment(home, FILES)


def test_a_missing_permission_is_explained():
    error = explain(PermissionError(13, "Permission denied", "/opt/easel/.venv"), Path("/opt"))
    assert "/opt/easel/.venv" in error.message
    assert "folder of your own" in error.hint


@pytest.mark.slow
def test_the_second_start_runs_no_pip_and_a_half_made_environment_is_repaired(home, monkeypatch):
    monkeypatch.delenv("VENV_DIR", raising=False)
    monkeypatch.delenv("EASEL_VENV", raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert "[set-up]" in start(home)

    second = start(home)
    assert "[set-up]" not in second
    assert f"runs in {home / '.venv'} with ['a cat', '--steps']" in second

    (home / ".venv" / STAMP).unlink()
    python_of(home / ".venv").unlink()
    assert "making it anew" in start(home)
    assert "[set-up]" not in start(home)


@pytest.mark.slow
def test_a_package_cut_short_is_installed_again(home, monkeypatch, tmp_path):
    monkeypatch.delenv("VENV_DIR", raising=False)
    monkeypatch.delenv("EASEL_VENV", raising=False)
    wheel(tmp_path / "wheels")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    (home / "requirements.txt").write_text("pebble-for-tests==1.0\n", encoding="utf-8")
    start(home)
    [installed] = (home / ".venv").rglob("pebble_for_tests.py")
    installed.unlink()
    (home / ".venv" / STAMP).unlink()
    assert "incomplete; installing it again" in start(home)
    assert installed.exists()


def wheel(folder: Path) -> None:
    """Write a wheel of one empty module."""
    parts = folder / "parts"
    info = parts / "pebble_for_tests-1.0.dist-info"
    info.mkdir(parents=True)
    (parts / "pebble_for_tests.py").touch()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pebble-for-tests\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    names = ["pebble_for_tests.py", *(f"{info.name}/{name}" for name in ("METADATA", "WHEEL"))]
    (info / "RECORD").write_text("".join(f"{name},,\n" for name in [*names, f"{info.name}/RECORD"]))
    archive = shutil.make_archive(str(folder / "pebble"), "zip", parts)
    shutil.move(archive, folder / "pebble_for_tests-1.0-py3-none-any.whl")
