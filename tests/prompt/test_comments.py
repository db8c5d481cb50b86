"""Comments in prompts."""

import pytest

from modules.prompt.comments import strip_comments


@pytest.mark.parametrize(
    ("text", "stripped"),
    [
        ("a # x\nb", "a \nb"),
        ("#x\na", "\na"),
        ("a#b", "a\n"),
        ("#x", "\n"),
        ("a\n#x\nb", "a\nb"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_comments_leave_a_line_break(text, stripped):
    assert strip_comments(text) == stripped


def test_no_number_sign_survives():
    assert "#" not in strip_comments("#a\n#b\n c #d # e\n##")
