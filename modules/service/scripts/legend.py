"""Grids with words at their edges: what differs from column to column and from row to row."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageColor, ImageDraw, ImageFont

from modules.service.scripts.script import Picture
from modules.settings.sections.saving import Grids

SMALLEST = 6
"""Pixels of a font's height below which words are left too wide."""

Font = ImageFont.FreeTypeFont


@dataclass(frozen=True)
class Label:
    """A line of a legend; one that is not `active` is grey and struck out."""

    text: str
    active: bool = True


Labels = Sequence[Label]
"""The lines of one column's or one row's legend."""


@dataclass(frozen=True)
class Layout:
    """A table of pictures: cells of one size, with margins between them."""

    columns: int
    rows: int
    width: int
    """Pixels of a cell."""
    height: int
    margin: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the whole in pixels."""
        return (
            self.columns * (self.width + self.margin) - self.margin,
            self.rows * (self.height + self.margin) - self.margin,
        )

    def place(self, column: int, row: int) -> tuple[int, int]:
        """Left and upper edge of a cell."""
        return column * (self.width + self.margin), row * (self.height + self.margin)


def table(layout: Layout, cell: Callable[[int, int], Picture | None], background: str) -> Picture:
    """Lay cells out; smaller ones stand in the middle of their place, missing ones are black.

    `cell(column, row)` is asked for one picture at a time.
    """
    sheet = Image.new("RGB", layout.size, _colour(background))
    for row in range(layout.rows):
        for column in range(layout.columns):
            picture = cell(column, row)
            x, y = layout.place(column, row)
            if picture is None:
                sheet.paste("black", (x, y, x + layout.width, y + layout.height))
                continue
            left = x + (layout.width - picture.width) // 2
            top = y + (layout.height - picture.height) // 2
            sheet.paste(picture.convert("RGB"), (left, top))
    return sheet


def with_legend(
    sheet: Picture,
    layout: Layout,
    columns: Sequence[Labels],
    rows: Sequence[Labels],
    grids: Grids,
) -> Picture:
    """`sheet` with a legend above its columns and left of its rows, where there are words."""
    font_size = (layout.width + layout.height) // 25
    spacing = font_size // 2
    wide = layout.width * 3 // 4 if any(label.text for lines in rows for label in lines) else 0
    above = [_Block(lines, layout.width, font_size, spacing) for lines in columns]
    beside = [_Block(lines, wide, font_size, spacing) for lines in rows]
    named = any(label.text for lines in columns for label in lines)
    high = max(block.height for block in above) + spacing * 2 if named else 0
    result = Image.new("RGB", (sheet.width + wide, sheet.height + high), _colour(grids.background))
    result.paste(sheet, (wide, high))
    draw = ImageDraw.Draw(result)
    for column, block in enumerate(above if high else ()):
        x = wide + layout.place(column, 0)[0] + layout.width / 2
        block.write(draw, x, high / 2, grids)
    for row, block in enumerate(beside if wide else ()):
        y = high + layout.place(0, row)[1] + layout.height / 2
        block.write(draw, wide / 2, y, grids)
    return result


class _Block:
    """The lines of one legend, wrapped into a width, with a font for each that fits."""

    def __init__(self, labels: Labels, width: int, size: int, spacing: int) -> None:
        self.spacing = spacing
        self.lines: list[tuple[str, Font, int, bool]] = []
        """Text, font, height in pixels, active."""
        for label in labels if width else ():
            font = _font(size)
            lines = wrapped(label.text, font, width)
            while font.size > SMALLEST and any(font.getlength(line) > width for line in lines):
                font = _font(int(font.size) - 1)
                lines = wrapped(label.text, font, width)
            high = sum(font.getmetrics())
            self.lines += [(line, font, high, label.active) for line in lines]

    @property
    def height(self) -> int:
        """Pixels with the space between lines."""
        return sum(high + self.spacing for _, _, high, _ in self.lines) - self.spacing

    def write(self, draw: ImageDraw.ImageDraw, x: float, y: float, grids: Grids) -> None:
        """Write the lines around a point."""
        top = y - self.height / 2
        for text, font, high, active in self.lines:
            colour = _colour(grids.text_colour if active else grids.faded_colour)
            middle = top + high / 2
            draw.text((x, middle), text, font=font, fill=colour, anchor="mm")
            if not active:
                half = font.getlength(text) / 2
                draw.line((x - half, middle, x + half, middle), fill=colour, width=4)
            top += high + self.spacing


def wrapped(text: str, font: Font, width: int) -> list[str]:
    """Break a text between words so that lines are at most `width` pixels, if words are."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _font(size: int) -> Font:
    font = ImageFont.load_default(max(SMALLEST, size))
    assert isinstance(font, Font), "Pillow comes with a scalable font"
    return font


def _colour(text: str) -> tuple[int, ...]:
    """A colour of the settings; black if nobody knows it."""
    try:
        return ImageColor.getrgb(text)[:3]
    except ValueError:
        return (0, 0, 0)
