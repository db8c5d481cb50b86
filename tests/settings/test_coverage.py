"""Every option of A1111 that many use is here, or there is a reason."""

import ast
from pathlib import Path

import pytest

from modules.settings.store import field_of, settings_fields
from tests.settings.coverage import OPTIONS

ROOT = Path(__file__).parents[2] / "modules"
OURS = sorted(name for name, reason in OPTIONS.items() if not reason)
MISSING = sorted(name for name, reason in OPTIONS.items() if reason)


@pytest.mark.parametrize("name", OURS)
def test_an_option_that_many_use_is_known(name):
    assert field_of(name) is not None


@pytest.mark.parametrize("name", MISSING)
def test_what_came_after_all_is_no_longer_listed_as_missing(name):
    assert field_of(name) is None


def test_no_setting_is_without_a_reader():
    read = set()
    for path in ROOT.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        read |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    scripts = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "ui" / "assets").rglob("*.js")
    )
    unread = [
        item.path
        for name, item in settings_fields().items()
        if item.name not in read and f'"{name}"' not in scripts and f"options.{name}" not in scripts
    ]
    assert unread == []
