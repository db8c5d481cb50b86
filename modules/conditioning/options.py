"""How prompts are read and encoded."""

from dataclasses import dataclass
from typing import Literal

from modules.conditioning.emphasis import EMPHASES
from modules.errors import NotFound
from modules.prompt.chunks import SYNTAXES
from modules.schema.request import TextOptions

Padding = Literal["none", "empty", "v0"]


@dataclass(frozen=True, kw_only=True)
class ConditioningOptions:
    """How prompts are read and encoded; everything here changes pixels."""

    clip_skip: int = 1
    """Which of the encoder's layers is used, counted from the last, which is 1."""
    emphasis: str = "Original"
    """A name in EMPHASES."""
    syntax: str = "A1111"
    """A name in SYNTAXES."""
    comma_backtrack: int = 20
    padding: Padding = "none"
    """What fills the shorter of prompt and negative prompt: nothing, encodings of the empty prompt,
    or its own last token (v0, which also cuts a longer negative prompt)."""
    clip_skip_sdxl: bool = False
    """Whether SDXL's first encoder follows `clip_skip` too."""
    old_emphasis: bool = False
    old_scheduling: bool = False

    @classmethod
    def of(cls, text: TextOptions) -> "ConditioningOptions":
        """The options a request asks for; of the two paddings v0 has priority."""
        padding: Padding = "v0" if text.pad_cond_uncond_v0 else "none"
        if text.pad_cond_uncond and padding == "none":
            padding = "empty"
        return cls(
            clip_skip=text.clip_skip,
            clip_skip_sdxl=text.clip_skip_sdxl,
            emphasis=text.emphasis,
            syntax=text.syntax,
            comma_backtrack=text.comma_backtrack,
            padding=padding,
            old_emphasis=text.old_emphasis,
            old_scheduling=text.old_scheduling,
        )

    def check(self) -> None:
        """Raise NotFound for a mode that does not exist."""
        if self.emphasis not in EMPHASES:
            raise NotFound("emphasis mode", self.emphasis, EMPHASES)
        if self.syntax not in SYNTAXES:
            raise NotFound("prompt syntax", self.syntax, SYNTAXES)
