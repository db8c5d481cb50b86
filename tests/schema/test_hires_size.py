"""The arithmetic of second passes."""

import pytest

from modules.schema.hires_size import HiresSize, hires_size
from modules.schema.inputs import Hires


@pytest.mark.parametrize(
    ("size", "hires", "wanted"),
    [
        ((512, 512), Hires(scale=2), HiresSize(1024, 1024)),
        ((512, 768), Hires(scale=1.5), HiresSize(768, 1152)),
        ((512, 768), Hires(resize_y=1024), HiresSize(682, 1024)),
        ((512, 768), Hires(resize_x=1024), HiresSize(1024, 1536)),
        ((512, 512), Hires(resize_x=1024, resize_y=768), HiresSize(1024, 1024, cut_y=256)),
        ((512, 768), Hires(resize_x=1024, resize_y=1024), HiresSize(1024, 1536, cut_y=512)),
        ((768, 512), Hires(resize_x=1024, resize_y=1024), HiresSize(1536, 1024, cut_x=512)),
    ],
)
def test_the_second_pass_is_as_large_as_the_reference_s(
    size: tuple[int, int], hires: Hires, wanted: HiresSize
) -> None:
    assert hires_size(*size, hires) == wanted
