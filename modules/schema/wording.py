"""The words of one picture, where a prompt is a template for many."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Wording:
    """What one picture is drawn from. Empty texts of the second pass are those of the first."""

    prompt: str
    negative_prompt: str = ""
    hires_prompt: str = ""
    hires_negative_prompt: str = ""
