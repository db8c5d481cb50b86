"""What becomes of flagged pictures before anybody sees them."""

import numpy as np
import pytest
from PIL import Image

from modules.pipeline.screening import black, blurred, is_flagged, screened
from modules.schema.event import ImageReady, Notice, Preview, Progress
from modules.schema.inputs import ImageData
from modules.schema.result import GeneratedImage

FACES = np.random.default_rng(1).integers(0, 255, (96, 64, 3), np.uint8)


def data(pixels=FACES, mode="RGB"):
    return ImageData(pixels.shape[1], pixels.shape[0], mode, pixels.tobytes())


class Minds:
    """A checker that minds pictures that are bright at their first pixel."""

    def flags(self, pictures):
        return [bool(picture[0, 0, 0] > 100) for picture in pictures]


BRIGHT, DARK = FACES | 128, FACES & 63
EVENTS = (
    Progress(step=1, steps=1, batch=0, batches=1),
    Preview(jpeg=b"what is to come", width=8, height=8),
    ImageReady(image=GeneratedImage.of(data(DARK))),
    ImageReady(image=GeneratedImage.of(data(BRIGHT), facts=(("Model", "m"),))),
)


def through(manner):
    return list(screened(iter(EVENTS), Minds(), manner))


@pytest.mark.parametrize(("manner", "word"), [("blur", "blurred"), ("block", "blocked")])
def test_flagged_pictures_and_all_previews_stay_inside(manner, word):
    progress, passed, changed, notice = through(manner)
    assert (progress, passed) == (EVENTS[0], EVENTS[2])
    assert changed.image.image.data != BRIGHT.tobytes()
    assert changed.image.facts == (("Model", "m"), ("Safety", word))
    assert isinstance(notice, Notice)
    assert "picture 1" in notice.message


def test_a_tagged_picture_is_as_it_was_and_so_are_previews():
    *before, tagged, _ = through("tag")
    assert before == list(EVENTS[:3])
    assert tagged.image.image == EVENTS[3].image.image
    assert tagged.image.facts[-1] == ("Safety", "flagged")


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3), ("RGBA", 4)])
def test_replacements_have_the_size_and_mode_of_the_picture(mode, channels):
    pixels = np.random.default_rng(2).integers(0, 255, (96, 64, channels), np.uint8)
    image = data(pixels, mode)
    shown = np.frombuffer(black(image).data, np.uint8).reshape(pixels.shape)
    assert not shown[..., : min(3, channels)].any()
    assert channels < 4 or (shown[..., 3] == 255).all()
    assert len(blurred(image).data) == len(image.data)
    assert blurred(image).mode == mode


def test_a_dozen_pixels_are_left_of_a_blurred_picture():
    coarse = Image.fromarray(FACES).resize((8, 12), Image.Resampling.BOX)
    nearest = np.asarray(coarse.resize((64, 96), Image.Resampling.BICUBIC))
    assert np.array_equal(np.frombuffer(blurred(data()).data, np.uint8).reshape(96, 64, 3), nearest)


def test_transparency_hides_nothing_from_the_checker():
    clear = np.zeros((8, 8, 4), np.uint8)
    assert is_flagged(data(clear, "RGBA"), Minds())  # white paper shines through
    hidden = clear + np.array([200, 0, 0, 0], np.uint8)
    assert is_flagged(data(hidden, "RGBA"), Minds())
    opaque = clear + np.array([0, 0, 0, 255], np.uint8)
    assert not is_flagged(data(opaque, "RGBA"), Minds())
