"""Pictures drawn from pictures with the model that comes along, a few of each kind.

`python -m benchmarks pictures` measures as many as asked for.
"""

from collections.abc import Iterator

import pytest

from benchmarks.pictures import (
    ALIKE_LIMIT,
    SEAM_LIMIT,
    SECOND_PASSES,
    Draw,
    drawing_with,
    enlarged,
    inpainted,
    outpainted,
)
from modules.engine.local import LocalEngine
from modules.paths import Paths

STEPS = 12

pytestmark = pytest.mark.golden


@pytest.fixture(scope="module")
def draw() -> Iterator[Draw]:
    engine = LocalEngine(Paths(), device="cpu", preview_interval_s=None)
    yield drawing_with(engine, "easel-mini.safetensors")
    engine.close()


@pytest.mark.parametrize("number", [0, 2])
def test_a_thing_gets_the_colour_asked_for_and_nothing_else_changes(
    draw: Draw, number: int
) -> None:
    found = inpainted(draw, number, STEPS)
    assert found is not None
    assert found.changed_outside == 0
    assert found.follows


@pytest.mark.parametrize("number", [0, 3])
def test_what_is_drawn_beyond_the_edge_joins_without_a_seam(draw: Draw, number: int) -> None:
    found = outpainted(draw, number, STEPS)
    assert found.ratio < SEAM_LIMIT
    assert found.strip_ratio < SEAM_LIMIT


def test_a_second_pass_keeps_the_composition(draw: Draw) -> None:
    upscaler, strength = SECOND_PASSES[0]
    assert enlarged(draw, 3, upscaler, strength, STEPS).correlation > ALIKE_LIMIT
