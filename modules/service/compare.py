"""How alike two pictures are: the same pixels, the same composition, or neither."""

from dataclasses import dataclass

import numpy as np

from modules.schema.inputs import ImageData

CELLS = 16
"""Cells of a side whose mean colours are the composition."""
CLOSE = 12.0
"""Mean distance of cells, of 255, up to which two compositions are the same."""
ALIKE = 0.9
"""Correlation of cells from which on they are."""
PLAIN = 2.0
"""Standard deviation of cells below which there is no composition to speak of."""


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """Two pictures side by side."""

    identical: bool
    same_composition: bool
    same_size: bool
    changed: float
    """Share of values that differ, 0 to 1; 1 for pictures of different sizes."""
    largest: int
    """The largest difference of a value, 0 to 255; 255 for different sizes."""


def compare_pixels(one: ImageData, other: ImageData) -> Likeness:
    """Compare what two pictures show; transparency does not count."""
    first, second = _array(one), _array(other)
    same_size = first.shape == second.shape
    difference = np.abs(first - second) if same_size else np.full(1, 255)
    return Likeness(
        identical=same_size and not difference.any(),
        same_composition=_same_composition(_cells(first), _cells(second)),
        same_size=same_size,
        changed=float(np.mean(difference > 0)),
        largest=int(difference.max()),
    )


def _array(picture: ImageData) -> np.ndarray:
    """(height, width, 3) int32."""
    shape = (picture.height, picture.width, len(picture.mode))
    return np.frombuffer(picture.data, np.uint8).reshape(shape)[:, :, :3].astype(np.int32)


def _cells(picture: np.ndarray) -> np.ndarray:
    """Mean colours of a raster over the picture, (CELLS, CELLS, 3); fewer for tiny pictures."""
    rows, columns = (min(CELLS, side) for side in picture.shape[:2])
    means = [
        [cell.mean(axis=(0, 1)) for cell in np.array_split(row, columns, axis=1)]
        for row in np.array_split(picture, rows, axis=0)
    ]
    return np.asarray(means)


def _same_composition(first: np.ndarray, second: np.ndarray) -> bool:
    if first.shape != second.shape or np.abs(first - second).mean() > CLOSE:
        return False
    if max(first.std(), second.std()) < PLAIN:
        return True
    if min(first.std(), second.std()) < PLAIN / 4:
        return False
    return bool(np.corrcoef(first.ravel(), second.ravel())[0, 1] >= ALIKE)
