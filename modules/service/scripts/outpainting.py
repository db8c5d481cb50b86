"""Outpainting mk2: the picture grows side by side, over noise that looks like it."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from modules.param import param
from modules.schema.inputs import Inpaint
from modules.schema.request import Batch, GenerationRequest, Size
from modules.service.scripts.growth import DIRECTIONS, DOWN, LEFT, RIGHT, UP, growth
from modules.service.scripts.matched_noise import Floats, matched_noise
from modules.service.scripts.script import (
    IMG2IMG,
    Call,
    Cell,
    Drawn,
    Picture,
    Play,
    Script,
    Sheet,
    picture_data,
)
from modules.service.scripts.sd_upscale import opaque

BLUR, SHOWN_INSET, DRAWN_INSET = 4, 8, 2
"""Times the mask blur: the deviation across the border, how far the result shows inside the old
picture at half strength, and how far that is drawn anew."""
CELL = 8
Box = tuple[int, int, int, int]


@dataclass(frozen=True, kw_only=True)
class OutpaintingArgs:
    """How far, where to, over what."""

    pixels: int = param(128, "Pixels to expand", minimum=1, maximum=4096, slider=(8, 256), step=8)
    mask_blur: int = param(8, "Mask blur", minimum=0, maximum=256, slider=(0, 64), step=1)
    direction: tuple[str, ...] = param(DIRECTIONS, "Outpainting direction", choices=DIRECTIONS)
    noise_q: float = param(
        1.0,
        "Fall-off exponent (lower=higher detail)",
        minimum=0,
        maximum=4,
        step=0.01,
    )
    color_variation: float = param(0.05, "Color variation", minimum=0, maximum=1, step=0.01)


@dataclass(frozen=True)
class Side:
    """One step of growing: which side, and by how much."""

    name: str
    pixels: int

    @property
    def sideways(self) -> bool:
        """Whether the picture grows in width."""
        return self.name in (LEFT, RIGHT)

    def canvas(self, size: tuple[int, int]) -> tuple[int, int]:
        """Size of the grown picture."""
        width, height = size
        return (width + self.pixels, height) if self.sideways else (width, height + self.pixels)

    def place(self) -> tuple[int, int]:
        """Where the old picture lies on the new one."""
        return (self.pixels if self.name == LEFT else 0, self.pixels if self.name == UP else 0)

    def kept(self, size: tuple[int, int], inset: int) -> Box:
        """What remains of an old picture of `size`, less `inset` at the growing side."""
        (x, y), (width, height) = self.place(), size
        left = x + inset if self.name == LEFT else x
        top = y + inset if self.name == UP else y
        right = x + width - inset if self.name == RIGHT else x + width
        bottom = y + height - inset if self.name == DOWN else y + height
        return left, top, max(left, right), max(top, bottom)

    def window(self, canvas: tuple[int, int], size: Size) -> Box:
        """What is drawn: as much as the request's size holds, at the growing edge."""
        width = min(size.width, canvas[0]) if self.sideways else canvas[0]
        height = canvas[1] if self.sideways else min(size.height, canvas[1])
        left = canvas[0] - width if self.name == RIGHT else 0
        top = canvas[1] - height if self.name == DOWN else 0
        return left, top, left + width, top + height


def sides_of(call: Call) -> list[Side]:
    """The steps of growing, in A1111's order. Raises InvalidRequest."""
    args: OutpaintingArgs = call.args
    grown = growth(call.picture().size, args.pixels, args.direction)
    shares = {LEFT: grown.left, RIGHT: grown.right, UP: grown.up, DOWN: grown.down}
    return [Side(name, pixels) for name, pixels in shares.items() if pixels]


def check(call: Call) -> None:
    """Raise InvalidRequest if the picture cannot grow so."""
    sides_of(call)


def play(call: Call) -> Play:
    """Every repetition grows a batch of pictures side by side."""
    request = call.request
    start = opaque(call.picture(), request.pictures.background)
    seed, count = call.fixed_seed(request.seeds.seed), request.batch.batch_size
    sheets: list[Sheet] = []
    for repetition in range(request.batch.n_iter):
        first = seed + repetition * count
        seeded = replace(request, seeds=replace(request.seeds, seed=first))
        pictures, last = [start] * count, None
        for side in sides_of(call):
            pictures, drawn = yield from grown(seeded, pictures, side, call.args)
            last = drawn if drawn.images else last
            if not drawn.images:
                break
        if last is not None:
            sheets += [
                Sheet(picture=picture, request=last.request, image=image)
                for picture, image in zip(pictures, last.images, strict=False)
            ]
    return sheets


def grown(
    request: GenerationRequest, pictures: Sequence[Picture], side: Side, args: OutpaintingArgs
) -> Generator[Sequence[Cell], Sequence[Drawn], tuple[list[Picture], Drawn]]:
    """Grow a batch of pictures at one side; they stay as they are if nothing was drawn."""
    size = pictures[0].size
    canvas = side.canvas(size)
    shown = border_mask(canvas, side.kept(size, SHOWN_INSET * args.mask_blur))
    fresh = border_mask(canvas, side.kept(size, DRAWN_INSET * args.mask_blur))
    window = side.window(canvas, request.size)
    canvases = [
        with_noise(picture, side, fresh, args.noise_q, args.color_variation) for picture in pictures
    ]
    blur = BLUR * args.mask_blur
    inpaint = Inpaint(
        mask=picture_data(shown.crop(window)),
        latent_mask=picture_data(fresh.crop(window)),
        blur=blur if side.sideways else 0,
        blur_y=0 if side.sideways else blur,
        content="original",
        area="Whole picture",
    )
    wish = request.img2img
    assert wish is not None
    images = tuple(picture_data(one.crop(window)) for one in canvases)
    width, height = window[2] - window[0], window[3] - window[1]
    changed = replace(
        request,
        img2img=replace(wish, images=images, inpaint=inpaint, resize_mode="Just resize"),
        size=Size(width=-(-width // CELL) * CELL, height=-(-height // CELL) * CELL),
        batch=Batch(batch_size=len(images)),
    )
    (drawn,) = yield [Cell(request=changed, keep=False, shown=False)]
    results = drawn.pictures()
    if len(results) < len(canvases):
        return list(pictures), replace(drawn, images=(), files=())
    for one, result in zip(canvases, results, strict=True):
        if result.size != (width, height):
            result = result.resize((width, height), Image.Resampling.LANCZOS)
        one.paste(result, window[:2])
    return canvases, drawn


def border_mask(size: tuple[int, int], kept: Box) -> Picture:
    """White, with `kept` in black."""
    mask = Image.new("L", size, "white")
    mask.paste(0, kept)
    return mask


def with_noise(
    picture: Picture, side: Side, mask: Picture, exponent: float, variation: float
) -> Picture:
    """The picture on its larger canvas, with noise that resembles it where `mask` is white."""
    canvas = Image.new("RGB", mask.size)
    canvas.paste(picture, side.place())
    levels: Floats = np.asarray(canvas) / 255.0
    filled = matched_noise(levels, np.asarray(mask) / 255.0, exponent, variation)
    return Image.fromarray((filled * 255.0).round().astype(np.uint8))


OUTPAINTING = Script(
    title="Outpainting mk2",
    help="Makes the picture larger at its sides; works best with a high denoising strength.",
    args=OutpaintingArgs,
    play=play,
    tabs=(IMG2IMG,),
    check=check,
    batches=lambda call: len(sides_of(call)) * call.request.batch.n_iter,
    layout=("", "pixels", "mask_blur", "direction", "noise_q", "color_variation"),
)
