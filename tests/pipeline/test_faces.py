"""Faces cut out upright, mended and put back where they were."""

import numpy as np
import pytest
import torch
from PIL import Image

from modules.errors import ModelError, NotFound
from modules.model.device import Device
from modules.model.faces import Face
from modules.pipeline.faces import UPRIGHT, FaceShelf, feathered, upright, with_faces_mended
from tests.model.face_checkpoints import save_codeformer
from tests.model.onnx_files import white_square_detector

CPU = Device(torch.device("cpu"), torch.float32, "CPU")


def face_at(left, top, side, degrees=0.0):
    """A face that fills a square, turned about its corner."""
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = np.array(UPRIGHT) * side / 512 @ turn.T + (left, top)
    return Face((left, top, left + side, top + side), tuple(map(tuple, points.tolist())), 0.99)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    models = tmp_path_factory.mktemp("models")
    save_codeformer(models / "Codeformer" / "codeformer-v0.1.0.pth")
    (models / "GFPGAN").mkdir()
    (models / "GFPGAN" / "yunet.onnx").write_bytes(white_square_detector())
    return models


def with_white_square():
    picture = np.random.default_rng(0).integers(0, 200, (192, 256, 3), dtype=np.uint8)
    picture[64:96, 96:128] = 255
    return Image.fromarray(picture)


@pytest.mark.parametrize("degrees", [0, 30, -75])
def test_a_turned_face_is_brought_upright(degrees):
    face = face_at(40, 60, 100, degrees)
    matrix = upright(face.points, 512)
    found = np.array(face.points) @ matrix[:, :2].T + matrix[:, 2]
    assert found == pytest.approx(np.array(UPRIGHT), abs=1e-6)


def test_points_that_fit_no_face_exactly_are_fitted_as_well_as_can_be():
    """Moving every point by the same error moves the whole face, and nothing is mirrored."""
    face = face_at(0, 0, 512)
    crooked = [(x + 7 * (-1) ** at, y) for at, (x, y) in enumerate(face.points)]
    (a, minus_b, _), (b, again, _) = upright(crooked, 512)
    assert again == pytest.approx(a)
    assert minus_b == pytest.approx(-b)
    assert a * again - b * minus_b > 0


def test_the_edges_of_a_face_fade():
    mask = feathered(100)
    assert mask[50, 50] == 1
    assert mask[0].max() == mask[:, -1].max() == 0
    assert np.all(np.diff(mask[50, :11]) > 0)


def test_a_face_that_needs_no_mending_changes_almost_nothing():
    pixels = np.zeros((200, 240, 3), np.uint8)
    pixels[..., 0] = np.linspace(0, 255, 240).astype(np.uint8)
    pixels[..., 1] = np.linspace(0, 255, 200).astype(np.uint8)[:, None]
    result = with_faces_mended(pixels, [face_at(60, 50, 90, 20)], lambda face: face, 128)
    assert np.abs(result.astype(int) - pixels).max() <= 3


def test_pixels_beyond_the_face_stay_to_the_bit():
    pixels = np.random.default_rng(1).integers(0, 256, (160, 160, 3), dtype=np.uint8)
    result = with_faces_mended(pixels, [face_at(40, 50, 64)], np.zeros_like, 64)
    beyond = np.ones((160, 160), bool)
    beyond[50:114, 40:104] = False
    assert np.array_equal(result[beyond], pixels[beyond])
    assert result[82, 72].tolist() == [0, 0, 0]


def test_faces_half_beyond_the_edge_are_mended_too():
    pixels = np.full((100, 100, 3), 90, np.uint8)
    result = with_faces_mended(pixels, [face_at(-32, -20, 64)], np.ones_like, 64)
    assert result.shape == pixels.shape
    assert result[10, 0].tolist() == [255, 255, 255]


def test_a_face_whose_points_are_one_is_left_alone():
    pixels = np.full((50, 60, 3), 90, np.uint8)
    nothing = Face((0, 0, 10, 10), ((5.0, 5.0),) * 5, 0.99)
    assert np.array_equal(with_faces_mended(pixels, [nothing], np.ones_like, 64), pixels)


def test_a_picture_from_files_in_the_usual_folders(models):
    shelf = FaceShelf([models], CPU)
    picture = with_white_square()
    clean, close = (shelf.find("codeformer", weight)(picture) for weight in (0.0, 1.0))
    changed = np.any(np.asarray(clean) != np.asarray(picture), axis=2)
    rows, columns = np.nonzero(changed)
    (face,) = shelf.faces(picture)
    left, top, right, bottom = face.box
    assert len(rows) > 100
    assert left - 2 <= columns.min() < columns.max() <= 2 * right - left
    assert 2 * top - bottom <= rows.min() < rows.max() <= 2 * bottom - top
    assert clean.tobytes() != close.tobytes()


def test_visibility_0_gives_the_very_same_picture(models):
    picture = with_white_square()
    assert FaceShelf([models], CPU).find("CodeFormer", 0.5, 0.0)(picture) is picture


def test_half_visible_lies_between(models):
    picture = with_white_square()
    shelf = FaceShelf([models], CPU)
    whole, half = (np.asarray(shelf.find("CodeFormer", 0, v)(picture), int) for v in (1.0, 0.5))
    between = (np.asarray(picture, int) + whole) / 2
    assert np.abs(half - between).max() <= 1


def test_a_picture_without_faces_stays_and_transparency_is_kept(models):
    shelf = FaceShelf([models], CPU)
    plain = Image.new("RGB", (128, 96), (9, 90, 9))
    assert shelf.find("CodeFormer")(plain) is plain
    seen_through = with_white_square()
    seen_through.putalpha(77)
    result = shelf.find("CodeFormer")(seen_through)
    assert result.mode == "RGBA"
    assert result.getchannel("A").getextrema() == (77, 77)
    assert result.tobytes() != seen_through.tobytes()


def test_networks_are_kept_until_memory_is_given_back(models):
    shelf = FaceShelf([models], CPU)
    assert shelf.is_empty
    shelf.find("CodeFormer")(with_white_square())
    assert not shelf.is_empty
    shelf.clear()
    assert shelf.is_empty


def test_unknown_names_and_missing_detectors_are_told(models, tmp_path):
    with pytest.raises(NotFound, match="CodeFormer"):
        FaceShelf([models], CPU).find("Codefarmer")
    save_codeformer(tmp_path / "Codeformer" / "codeformer-v0.1.0.pth")
    with pytest.raises(ModelError, match="nothing here that finds faces"):
        FaceShelf([tmp_path], CPU).find("CodeFormer")
