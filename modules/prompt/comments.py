"""Comments in prompts: everything from `#` to the end of its line."""

import re

_WHOLE_LINE = re.compile(r"(^|\n)#[^\n]*(\n|$)")
_TO_LINE_END = re.compile(r"#[^\n]*(\n|$)")


def strip_comments(text: str) -> str:
    """Remove comments; a line break stays where one was."""
    if "#" not in text:
        return text
    return _TO_LINE_END.sub("\n", _WHOLE_LINE.sub("\n", text))
