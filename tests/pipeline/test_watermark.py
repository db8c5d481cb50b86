"""The watermark: hidden, read back from files, and never where it cannot last."""

import io

import numpy as np
import pytest
from PIL import Image

from modules.pipeline.watermark import is_marked, marked, share_found


def picture(seed, side=256):
    """A smooth picture of random colours, (side, side, 3)."""
    coarse = np.random.default_rng(seed).integers(40, 210, (side // 8, side // 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def saved(pixels, kind, **options):
    """The picture after a round trip through a file."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize("seed", range(3))
def test_the_mark_is_read_back_from_a_png(seed):
    assert is_marked(saved(marked(picture(seed)), "PNG"))


@pytest.mark.parametrize("quality", [90, 95])
def test_the_slower_way_survives_jpeg(quality):
    hidden = marked(picture(1), method="dwtDctSvd")
    assert is_marked(saved(hidden, "JPEG", quality=quality), method="dwtDctSvd")


@pytest.mark.parametrize("method", ["dwtDct", "dwtDctSvd"])
def test_a_picture_without_the_mark_is_not_taken_for_marked(method):
    assert share_found(picture(2), method=method) < 0.65
    assert not is_marked(marked(picture(2), "SomethingElse!!!!", method), method=method)


def test_the_mark_cannot_be_seen():
    original = picture(3).astype(float)
    difference = marked(picture(3)).astype(float) - original
    assert 0 < np.mean(difference**2) < 255**2 / 10**3  # more than 30 dB


def test_small_pictures_stay_as_they_are():
    small = picture(4, 128)
    assert marked(small) is small
    assert share_found(small) == 0
