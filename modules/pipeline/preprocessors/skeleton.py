"""People as joints and limbs, and how networks of control want to see them."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from modules.pipeline.preprocessors.fitting import Pixels

Joint = tuple[float, float] | None
"""Across and down, as shares of width and height; None where a joint is not seen."""
Person = Sequence[Joint]
"""18 joints: nose, neck, right shoulder, elbow and wrist, the left ones, right hip, knee and ankle,
the left ones, right eye, left eye, right ear, left ear."""

JOINTS = 18
LIMBS = (
    (1, 2), (1, 5), (2, 3), (3, 4), (5, 6), (6, 7), (1, 8), (8, 9), (9, 10), (1, 11), (11, 12),
    (12, 13), (1, 0), (0, 14), (14, 16), (0, 15), (15, 17), (2, 16), (5, 17),
)  # fmt: skip
"""Pairs of joints, as OpenPose counts them; the last two are looked for and not drawn."""
DRAWN = 17
COLOURS = (
    (255, 0, 0), (255, 85, 0), (255, 170, 0), (255, 255, 0), (170, 255, 0), (85, 255, 0),
    (0, 255, 0), (0, 255, 85), (0, 255, 170), (0, 255, 255), (0, 170, 255), (0, 85, 255),
    (0, 0, 255), (85, 0, 255), (170, 0, 255), (255, 0, 255), (255, 0, 170), (255, 0, 85),
)  # fmt: skip
"""Of limbs and joints, which is what tells them apart."""
STICK = 4
"""Half the width of a limb and the radius of a joint, in pixels."""
SHADE = 0.6


def drawn_people(people: Iterable[Person], width: int, height: int) -> Pixels:
    """Coloured limbs and joints on black."""
    canvas = np.zeros((height, width, 3), np.uint8)
    shown = [[_pixel(joint, width, height) for joint in person] for person in people]
    for person in shown:
        for colour, (one, other) in zip(COLOURS, LIMBS[:DRAWN], strict=False):
            start, end = person[one], person[other]
            if start is not None and end is not None:
                _draw_limb(canvas, start, end, colour)
    canvas = (canvas * SHADE).astype(np.uint8)
    for person in shown:
        for colour, joint in zip(COLOURS, person, strict=True):
            if joint is not None:
                place = int(joint[0]), int(joint[1])
                cv2.circle(canvas, place, STICK, colour, thickness=-1)
    return canvas


def _pixel(joint: Joint, width: int, height: int) -> tuple[float, float] | None:
    return None if joint is None else (joint[0] * width, joint[1] * height)


def _draw_limb(
    canvas: Pixels,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: tuple[int, int, int],
) -> None:
    middle = round((start[0] + end[0]) / 2), round((start[1] + end[1]) / 2)
    across, down = start[0] - end[0], start[1] - end[1]
    axes = max(1, int(np.hypot(across, down) / 2)), STICK
    turn = int(np.degrees(np.arctan2(down, across)))
    shape = cv2.ellipse2Poly(middle, axes, turn, 0, 360, 1)
    cv2.fillConvexPoly(canvas, shape, colour)


def flat_joints(person: Person, width: int, height: int) -> list[float]:
    """Across, down and 1 for each joint, in pixels; three zeros for one that is not seen."""
    numbers: list[float] = []
    for joint in person:
        numbers += [0.0, 0.0, 0.0] if joint is None else [joint[0] * width, joint[1] * height, 1.0]
    return numbers


def joints_of(numbers: Sequence[float], width: int, height: int) -> Person:
    """The opposite of `flat_joints`. Raises ValueError if there are not three for each joint."""
    if len(numbers) != 3 * JOINTS:
        raise ValueError(f"{len(numbers)} numbers are not three for each of {JOINTS} joints")
    triples = zip(*(iter(map(float, numbers)),) * 3, strict=True)
    return [(x / width, y / height) if seen > 0 else None for x, y, seen in triples]
