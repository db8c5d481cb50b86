"""An invisible mark in a picture's pixels: how it is put there, and what it says."""

from dataclasses import dataclass

from modules.errors import InvalidRequest, NotFound

METHODS = ("dwtDct", "dwtDctSvd", "rivaGan")
"""The first release's way; a slower one that survives JPEG of high quality; a small network."""
TEXT = "StableDiffusionV1"
"""What the first release's script hides: 17 bytes, 136 bits."""
NETWORK_METHOD = "rivaGan"
NETWORK_BYTES = 4
"""What the network can hide, no more and no less."""
NETWORK_TEXT = "SDV1"
MOST_BYTES = 64
"""Longer texts have too few pixels for each bit."""


@dataclass(frozen=True, kw_only=True)
class Watermark:
    """A wish to have pictures marked."""

    method: str = METHODS[0]
    text: str = TEXT

    @classmethod
    def of(cls, method: str, text: str = "") -> "Watermark":
        """The wish for a method, with its usual text unless another is given."""
        usual = NETWORK_TEXT if method == NETWORK_METHOD else TEXT
        return cls(method=method, text=text or usual)

    def check(self) -> None:
        """Raise NotFound or InvalidRequest for what cannot be hidden."""
        if self.method not in METHODS:
            raise NotFound("watermark method", self.method, METHODS)
        count = len(self.text.encode("utf-8", "replace"))
        if self.method == NETWORK_METHOD and count != NETWORK_BYTES:
            raise InvalidRequest(
                f"{NETWORK_METHOD} hides {NETWORK_BYTES} bytes, but {self.text!r:.80} has {count}.",
                f"Choose a text of {NETWORK_BYTES} plain letters, or another method.",
            )
        if not 1 <= count <= MOST_BYTES:
            raise InvalidRequest(
                f"A watermark of {count} bytes cannot be hidden.",
                f"Choose a text of 1 to {MOST_BYTES} plain letters.",
            )
