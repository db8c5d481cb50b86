"""Control pictures of the page: kept by their pixels, forgotten when nobody uses them."""

import os
import time

import pytest

from modules.errors import NotFound, WebUIError
from modules.schema.inputs import ImageData
from modules.service.control_pictures import KEPT_S, ControlPictures

DOT = ImageData(2, 1, "RGB", bytes(range(6)))


def test_the_same_pixels_are_kept_once_and_come_back_unchanged(tmp_path):
    pictures = ControlPictures(tmp_path / "control")
    token = pictures.keep(DOT)
    assert pictures.keep(DOT) == token
    assert pictures.keep(ImageData(1, 2, "RGB", DOT.data)) != token
    assert pictures.find(token) == DOT
    assert len(list((tmp_path / "control").iterdir())) == 2


@pytest.mark.parametrize("token", ["", "..", "0" * 32, "../../etc/passwd", "A" * 32])
def test_what_was_never_kept_is_not_found(tmp_path, token):
    with pytest.raises(NotFound, match="control picture"):
        ControlPictures(tmp_path).find(token)


def test_a_picture_is_forgotten_a_month_after_its_last_use(tmp_path):
    pictures = ControlPictures(tmp_path)
    old, used = pictures.keep(DOT), pictures.keep(ImageData(1, 1, "L", b"1"))
    for token in (old, used):
        long_ago = time.time() - KEPT_S - 60
        os.utime(pictures.file(token), (long_ago, long_ago))
    pictures.find(used)
    pictures.keep(ImageData(1, 1, "L", b"2"))
    with pytest.raises(NotFound):
        pictures.find(old)
    assert pictures.find(used).width == 1


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WebUIError, match="could not be saved"):
        ControlPictures(tmp_path / "file" / "control").keep(DOT)
