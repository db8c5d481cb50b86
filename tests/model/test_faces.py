"""Files for faces told by their content, and detectors that find what is there."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.face_files import FaceFiles, face_files, kind_of
from modules.model.face_restorer import load_restorer
from modules.model.faces import (
    CENTRE_VARIANCE,
    SIZE_VARIANCE,
    RetinaFaceDetector,
    YuNet,
    decoded,
    load_detector,
    squares_of,
    strongest,
)
from modules.model.hashes import FileFacts
from modules.model.networks.retinaface import RetinaFace
from tests.model.face_checkpoints import TINY_RESIDUAL, save_codeformer, save_detector
from tests.model.onnx_files import white_square_detector


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """The folders of somebody who used A1111's webui."""
    models = tmp_path_factory.mktemp("models")
    save_codeformer(models / "Codeformer" / "whatever-v0.1.0.pth")
    save_codeformer(models / "Codeformer" / "whatever-v0.2.0.pth", seed=1)
    save_detector(models / "GFPGAN" / "detection_Resnet50_Final.pth")
    torch.save({"a": torch.zeros(1)}, models / "GFPGAN" / "parsing_parsenet.pth")
    (models / "GFPGAN" / "broken.pth").write_bytes(b"no network")
    return models


def test_files_are_told_by_what_is_in_them_not_by_their_names(models):
    found = face_files([models])
    assert found.restorers == {
        "CodeFormer": models / "Codeformer" / "whatever-v0.2.0.pth",
        "whatever-v0.1.0": models / "Codeformer" / "whatever-v0.1.0.pth",
    }
    assert found.detector == models / "GFPGAN" / "detection_Resnet50_Final.pth"
    assert found.detector_kind == "RetinaFace"


def test_what_files_are_is_remembered_until_they_change(models, tmp_path):
    facts = FileFacts(tmp_path / "facts.json")
    assert face_files([models], facts) == face_files([models])
    path = models / "Codeformer" / "whatever-v0.2.0.pth"
    assert facts.known(path, "face kind") == "CodeFormer"


@pytest.mark.parametrize(
    ("kind", "marks"),
    [
        ("GFPGAN", ("toRGB.0.weight", "stylegan_decoder.style_mlp.1.weight")),
        (
            "RestoreFormer",
            ("quantize.embedding.weight", "encoder.conv_in.weight", "quant_conv.weight"),
        ),
        ("", ("conv_first.weight",)),
    ],
)
def test_safetensors_are_told_too(tmp_path, kind, marks):
    save_file({name: torch.zeros(1) for name in marks}, tmp_path / "x.safetensors")
    assert kind_of(tmp_path / "x.safetensors") == kind


def test_yunet_is_asked_before_retinaface(models, tmp_path):
    (tmp_path / "facedetection").mkdir()
    path = tmp_path / "facedetection" / "face_detection_yunet_2023mar.onnx"
    path.write_bytes(white_square_detector())
    found = face_files([tmp_path, models])
    assert (found.detector, found.detector_kind) == (path, "YuNet")


def test_without_a_detector_it_is_said_which_file_belongs_where():
    with pytest.raises(ModelError, match=r"face_detection_yunet.* into models/GFPGAN"):
        load_detector(FaceFiles())


def test_yunet_finds_faces_in_pixels_of_the_picture_however_large(tmp_path):
    (tmp_path / "yunet.onnx").write_bytes(white_square_detector())
    detector = YuNet(tmp_path / "yunet.onnx")
    for width, side in ((512, 32), (2560, 64)):  # the larger one is looked at from farther away
        picture = np.zeros((width // 2, width, 3), np.uint8)
        top, left = 2 * side, 3 * side
        picture[top : top + side, left : left + side] = 255
        (face,) = detector.find(picture)
        assert face.box == pytest.approx(
            (left - side / 2, top - side / 2, left + 1.5 * side, top + 1.5 * side), abs=2
        )
        assert face.points[2] == pytest.approx((left + side / 2, top + side / 2), abs=2)
        assert face.area == pytest.approx((2 * side) ** 2, rel=0.05)


def test_a_file_that_is_no_detector_is_named(tmp_path):
    (tmp_path / "face.onnx").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"face\.onnx is no detector"):
        YuNet(tmp_path / "face.onnx")


def test_squares_are_where_their_places_are():
    squares = squares_of(64, 96)
    assert squares[:3].tolist() == [[4, 4, 16], [4, 4, 32], [12, 4, 16]]
    assert squares[-1].tolist() == [80, 48, 512]


def test_decoding_undoes_what_training_encodes():
    """Equations of SSD (Liu et al. 2015, section 2.2) for a known face."""
    squares = squares_of(64, 64)[20:22]
    box = torch.tensor([10.0, 12.0, 40.0, 60.0])
    points = torch.tensor([[15.0, 20], [35, 20], [25, 30], [18, 45], [32, 45]])
    centre, size = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    sides = squares[:, 2:]
    shifts = torch.cat(
        [
            (centre - squares[:, :2]) / (CENTRE_VARIANCE * sides),
            torch.log(size / sides) / SIZE_VARIANCE,
        ],
        dim=1,
    )
    marks = ((points[None] - squares[:, None, :2]) / (CENTRE_VARIANCE * sides[:, None])).flatten(1)
    boxes, found = decoded(squares, shifts, marks)
    assert torch.allclose(boxes, box.expand(2, 4), atol=1e-4)
    assert torch.allclose(found, points.expand(2, 5, 2), atol=1e-4)


def test_of_faces_on_top_of_each_other_the_likeliest_stays():
    boxes = torch.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30], [6, 0, 16, 10]])
    assert strongest(boxes, torch.tensor([0.5, 0.9, 0.7, 0.8])) == [1, 3, 2]


def test_retinaface_reads_the_published_layout_and_answers_in_pixels(tmp_path):
    """Heads that always say "a face as large as the square" are right about every square."""
    network = RetinaFace(TINY_RESIDUAL)
    with torch.no_grad():
        for heads in (network.ClassHead, network.BboxHead, network.LandmarkHead):
            for head in heads:
                head.conv1x1.weight.zero_()
                head.conv1x1.bias.zero_()
        network.ClassHead[2].conv1x1.bias[:] = torch.tensor([0.0, 9, 0, 0])  # the smaller square
        network.LandmarkHead[2].conv1x1.bias[0] = 2.5
    path = save_detector(tmp_path / "detection.pth", network)
    detector = RetinaFaceDetector.read(path, torch.device("cpu"))
    faces = detector.find(np.zeros((64, 400, 3), np.uint8))
    assert faces[0].box == (-112, -112, 144, 144)
    assert faces[0].points == ((80, 16), *((16, 16),) * 4)
    assert 0.99 < faces[0].score < 1
    assert all(later.box[0] >= faces[0].box[0] for later in faces)


@pytest.mark.parametrize("name", ["detection.pth", "parsing.pth"])
def test_a_file_that_restores_no_faces_is_refused(tmp_path, name):
    path = save_detector(tmp_path / "detection.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "parsing.pth")
    assert path.is_file()
    with pytest.raises(ModelError, match="restores no faces"):
        load_restorer(tmp_path / name)


def test_half_a_codeformer_is_refused(tmp_path):
    names = ("idx_pred_layer.1.weight", "position_emb", "encoder.blocks.0.weight")
    torch.save({"params_ema": {name: torch.zeros(4, 4) for name in names}}, tmp_path / "x.pth")
    with pytest.raises(ModelError, match="only part of CodeFormer"):
        load_restorer(tmp_path / "x.pth")


def test_codeformer_is_read_from_its_file_and_obeys_the_weight(models):
    restorer = load_restorer(models / "Codeformer" / "whatever-v0.2.0.pth")
    torch.manual_seed(5)
    face = torch.rand(1, 3, restorer.side, restorer.side)
    clean, close = restorer(face, 0.0), restorer(face, 1.0)
    assert clean.shape == face.shape
    assert clean.min() >= 0
    assert clean.max() <= 1
    assert not torch.equal(clean, close)
    assert torch.equal(clean, restorer(face, 0.0))


def test_a_small_restoreformer_is_read_through_spandrel(tmp_path):
    from modules.model.upscaler import standing_in_for_torchvision

    with standing_in_for_torchvision():
        from spandrel.architectures.RestoreFormer.__arch.restoreformer_arch import RestoreFormer
    torch.manual_seed(0)
    sizes = {"ch": 32, "ch_mult": (1, 1, 1, 1, 1, 1), "num_res_blocks": 1, "resolution": 512}
    network = RestoreFormer(n_embed=8, embed_dim=32, z_channels=32, head_size=8, **sizes)
    torch.save(network.state_dict(), tmp_path / "RestoreFormer.pth")
    restorer = load_restorer(tmp_path / "RestoreFormer.pth")
    assert restorer.kind == "RestoreFormer"
    face = torch.rand(1, 3, 64, 64)
    mended = restorer(face, 0.5)
    assert mended.shape == face.shape
    assert torch.equal(mended, restorer(face, 1.0))  # it knows no weight


@pytest.mark.slow
def test_gfpgan_draws_the_same_face_every_time(tmp_path):
    """Its noise is that of its file, not another one each time."""
    from modules.model.upscaler import standing_in_for_torchvision

    with standing_in_for_torchvision():
        from spandrel.architectures.GFPGAN.__arch.gfpganv1_clean_arch import GFPGANv1Clean
    torch.manual_seed(0)
    network = GFPGANv1Clean(
        channel_multiplier=2, input_is_latent=True, different_w=True, narrow=1, sft_half=True
    )
    save_file(network.state_dict(), tmp_path / "GFPGANv1.4.safetensors")
    restorer = load_restorer(tmp_path / "GFPGANv1.4.safetensors")
    assert restorer.kind == "GFPGAN"
    face = torch.rand(1, 3, 512, 512)
    assert torch.equal(restorer(face, 0.5), restorer(face, 0.5))


def test_folders_that_lie_elsewhere_go_before_the_usual_ones(models, tmp_path):
    path = save_codeformer(tmp_path / "codeformer.pth")
    found = face_files([models], more=[tmp_path])
    assert found.restorers["CodeFormer"] == path
    assert "whatever-v0.2.0" in found.restorers
