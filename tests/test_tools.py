"""Format, lint and types, as tests, so that one closing line speaks for everything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def complaints_of(*command: str) -> str:
    """Run a tool of the environment on the whole tree; empty when it is content."""
    answer = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True
    )
    return "" if answer.returncode == 0 else answer.stdout + answer.stderr


def test_the_code_is_formatted():
    said = complaints_of("ruff", "format", "--check", "--quiet", ".")
    assert not said, f"python -m tests --fix formats these:\n{said}"


def test_the_code_is_free_of_lint():
    said = complaints_of("ruff", "check", "--quiet", "--output-format=concise", ".")
    assert not said, f"python -m tests --fix repairs some of these:\n{said}"


@pytest.mark.timeout(900)
def test_the_types_hold():
    assert not (said := complaints_of("mypy")), said
