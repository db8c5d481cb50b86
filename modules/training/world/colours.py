"""The colours of the world: one row per colour name that a caption may use."""

from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True)
class Colour:
    """A colour: its name, the rgb (0-255) it is drawn with, and other words for it.

    `tones` are those of "light" and "dark" that nobody takes for another colour (light red: pink).
    """

    name: str
    rgb: RGB
    synonyms: tuple[str, ...] = ()
    tones: tuple[str, ...] = ()


TONES: dict[str, float] = {"light": 1.5, "dark": 0.56}
"""What shades a colour when a caption calls it light or dark."""

COLOURS: tuple[Colour, ...] = (
    Colour("red", (216, 36, 40), ("crimson",), ("dark",)),
    Colour("yellow", (250, 208, 36), ("golden",)),
    Colour("green", (44, 152, 62), (), ("light", "dark")),
    Colour("blue", (34, 96, 216), (), ("light", "dark")),
    Colour("purple", (132, 52, 184), ("violet",), ("light", "dark")),
    Colour("pink", (250, 132, 184), ("rose",)),
    Colour("white", (250, 250, 250)),
    Colour("black", (30, 30, 34)),
    Colour("orange", (242, 128, 22)),
    Colour("brown", (124, 78, 42), (), ("light",)),
    Colour("grey", (142, 142, 148), ("gray",)),
    Colour("turquoise", (40, 190, 186), ("teal",), ("light", "dark")),
)

COLOUR_BY_NAME: dict[str, Colour] = {colour.name: colour for colour in COLOURS}


def shade(rgb: RGB, factor: float) -> RGB:
    """The colour lighter (factor > 1, towards white) or darker (factor < 1, towards black)."""
    if factor <= 1:
        return tuple(round(c * factor) for c in rgb)  # type: ignore[return-value]
    return tuple(round(255 - (255 - c) * max(0.0, 2 - factor)) for c in rgb)  # type: ignore[return-value]


def edge(colour: RGB) -> RGB:
    """A darker companion for the shaded side; black gets a lighter one, so that it shows."""
    return shade(colour, 0.72) if max(colour) > 60 else (74, 74, 82)


def glint(colour: RGB) -> RGB:
    """A lighter companion for the lit side."""
    return shade(colour, 1.45) if max(colour) > 60 else (112, 112, 122)


def contrast(colour: RGB) -> RGB:
    """A companion that stands out from the colour: cream, or for light colours a warm grey."""
    light = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]
    return (250, 244, 228) if light < 186 else (128, 118, 122)


def blend(first: RGB, second: RGB, amount: float) -> RGB:
    """`first` mixed with `amount` (0-1) of `second`."""
    return tuple(  # type: ignore[return-value]
        round(a + (b - a) * amount) for a, b in zip(first, second, strict=True)
    )


def tinted(rgb: RGB, light: tuple[float, float, float]) -> RGB:
    """The colour under a coloured light: each channel times its factor."""
    return tuple(  # type: ignore[return-value]
        min(255, round(c * f)) for c, f in zip(rgb, light, strict=True)
    )
