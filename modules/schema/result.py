"""What comes back from an engine."""

from dataclasses import dataclass

from modules.schema.inputs import ImageData

Fact = tuple[str, str | int | float | bool | None]
"""An infotext key that only the drawing itself could know, with its value; None is not written."""

FIRST_PASS = "first pass"
"""The kind of a picture as it was before its second pass."""


@dataclass(frozen=True, kw_only=True)
class GeneratedImage:
    """One finished picture with what is needed to write its recipe."""

    index: int
    """Position in the job, 0-based: iteration * batch_size + place in the batch."""
    seed: int
    subseed: int
    prompt: str
    negative_prompt: str
    width: int
    height: int
    image: ImageData | None = None
    """Pixels; None once the service has saved them."""
    facts: tuple[Fact, ...] = ()
    """In the order they go into the infotext: model name and hash, schedule used, ..."""
    infotext: str = ""
    id: str = ""
    """Given by the gallery when saved; stands for the file in URLs."""
    path: str = ""
    kind: str = "image"
    """"image", "grid", "map" for what a preprocessor made of a control picture, or `FIRST_PASS`."""

    @classmethod
    def of(cls, image: ImageData, facts: tuple[Fact, ...] = ()) -> "GeneratedImage":
        """A picture that was drawn from no prompt and no seed."""
        return cls(
            index=0,
            seed=0,
            subseed=0,
            prompt="",
            negative_prompt="",
            width=image.width,
            height=image.height,
            image=image,
            facts=facts,
        )
