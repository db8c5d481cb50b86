"""Small prints, and the sheet they are laid out on."""

from dataclasses import replace
from math import ceil, sqrt

from PIL import Image, ImageDraw, ImageFont

from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage

SIDE, LABEL, GAP = 160, 18, 8
"""Pixels: the longer side of a print, the line under it, and the space around."""
PAPER, INK = (250, 250, 247), (40, 40, 44)


def print_of(pixels: ImageData, label: str) -> Image.Image:
    """A small print with its label, (SIDE, SIDE + LABEL) pixels."""
    picture = Image.frombytes(pixels.mode, (pixels.width, pixels.height), pixels.data)
    picture = picture.convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    card = Image.new("RGB", (SIDE, SIDE + LABEL), PAPER)
    card.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
    pen = ImageDraw.Draw(card)
    font = ImageFont.load_default(12)
    width = pen.textlength(label, font=font)
    pen.text(((SIDE - width) / 2, SIDE + 2), label, fill=INK, font=font)
    return card


def sheet_of(prints: list[Image.Image]) -> Image.Image:
    """All prints in rows, about as wide as high."""
    columns = ceil(sqrt(len(prints)))
    rows = ceil(len(prints) / columns)
    cell = (SIDE + GAP, SIDE + LABEL + GAP)
    sheet = Image.new("RGB", (columns * cell[0] + GAP, rows * cell[1] + GAP), PAPER)
    for number, card in enumerate(prints):
        row, column = divmod(number, columns)
        sheet.paste(card, (GAP + column * cell[0], GAP + row * cell[1]))
    return sheet


def sheet_image(prints: list[Image.Image], last: GeneratedImage) -> GeneratedImage:
    """The sheet as the picture after `last`."""
    sheet = sheet_of(prints)
    pixels = ImageData(sheet.width, sheet.height, "RGB", sheet.tobytes())
    return replace(
        last,
        index=last.index + 1,
        kind="grid",
        width=sheet.width,
        height=sheet.height,
        image=pixels,
        facts=(*last.facts, ("Contact sheet", len(prints))),
    )
