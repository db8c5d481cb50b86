"""How well the watermark survives, and how often it is seen where none is.

`python -m benchmarks watermark [pictures] [unmarked]` marks pictures of much detail,
treats them as people treat pictures, and counts in how many the mark is still found.
"""

import io
import sys
from collections.abc import Callable

import numpy as np
from PIL import Image

from modules.pipeline.watermark import marked
from modules.pipeline.watermark_reader import read_mark

PICTURES, UNMARKED, SIDE = 20, 1000, 512
KINDS = ("like a photograph", "smooth", "flat", "noise", "drawn with few colours")


def main() -> None:
    """Print the table, and the most right bits in pictures without a mark."""
    pictures = int(sys.argv[1]) if len(sys.argv) > 1 else PICTURES
    unmarked = int(sys.argv[2]) if len(sys.argv) > 2 else UNMARKED
    print(f"Found in how many of {pictures} pictures of {SIDE} x {SIDE} (mean share of right bits)")
    print(f"{'':24}{'dwtDct':>16}{'dwtDctSvd':>16}")
    originals = [picture(seed, SIDE) for seed in range(pictures)]
    hidden = {
        "dwtDct": [marked(one, method="dwtDct") for one in originals],
        "dwtDctSvd": [marked(one, method="dwtDctSvd") for one in originals],
    }
    for name, treat in TREATMENTS.items():
        cells = []
        for shown in hidden.values():
            marks = [read_mark(treat(one)) for one in shown]
            found = sum(mark is not None and mark.found for mark in marks)
            share = np.mean([mark.matched / mark.bits for mark in marks if mark is not None])
            cells.append(f"{found:>8} ({share:.2f})")
        print(f"{name:24}{cells[0]:>16}{cells[1]:>16}")
    most, wrong = 0, 0
    for seed in range(unmarked):
        mark = read_mark(picture(10_000 + seed, 256, KINDS[seed % len(KINDS)]))
        if mark is not None:
            most, wrong = max(most, mark.matched), wrong + mark.found
    print(
        f"{unmarked} pictures without a mark: {wrong} taken for marked, at most {most} of 136 bits"
    )


def picture(seed: int, side: int, kind: str = KINDS[0]) -> np.ndarray:
    """A picture of random content, (side, side, 3) uint8 RGB."""
    source = np.random.default_rng(seed)
    if kind == "flat":
        return np.full((side, side, 3), source.integers(0, 256, 3), np.uint8)
    if kind == "noise":
        return source.integers(0, 256, (side, side, 3)).astype(np.uint8)
    total = np.zeros((side, side, 3))
    cells = (2, 4, 8) if kind == "smooth" else (2, 4, 8, 16, 32, 64, 128)
    for cell in cells:
        coarse = source.integers(0, 256, (cell, cell, 3)).astype(np.uint8)
        larger = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
        total += (np.asarray(larger, float) - 128) * 2 / cell**0.8
    shown = np.clip(total + 128, 0, 255).astype(np.uint8)
    return shown // 32 * 32 if kind == KINDS[4] else shown


def through(kind: str, **options: int) -> Callable[[np.ndarray], np.ndarray]:
    """A round trip through a file."""

    def treat(pixels: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind, **options)
        return np.asarray(Image.open(file).convert("RGB"))

    return treat


def resized(share: float, *, back: bool) -> Callable[[np.ndarray], np.ndarray]:
    """Another size, perhaps back to the first one."""

    def treat(pixels: np.ndarray) -> np.ndarray:
        whole = (pixels.shape[1], pixels.shape[0])
        small = Image.fromarray(pixels).resize(
            (int(whole[0] * share), int(whole[1] * share)), Image.Resampling.LANCZOS
        )
        return np.asarray(small.resize(whole, Image.Resampling.LANCZOS) if back else small)

    return treat


TREATMENTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "PNG": through("PNG"),
    "WebP, lossless": through("WEBP", lossless=True),
    "JPEG, quality 90": through("JPEG", quality=90),
    "JPEG, quality 75": through("JPEG", quality=75),
    "JPEG, quality 50": through("JPEG", quality=50),
    "half the size": resized(0.5, back=False),
    "half the size and back": resized(0.5, back=True),
    "twice the size and back": lambda pixels: resized(0.5, back=False)(
        resized(2.0, back=False)(pixels)
    ),
    "lower third cut off": lambda pixels: pixels[: len(pixels) * 2 // 3],
    "right third cut off": lambda pixels: pixels[:, : pixels.shape[1] * 2 // 3],
    "a border of 20 cut off": lambda pixels: pixels[20:-20, 20:-20],
    "mirrored": lambda pixels: pixels[:, ::-1],
}


if __name__ == "__main__":
    main()
