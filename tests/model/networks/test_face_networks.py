"""The networks for faces: sizes as published, shapes read from files, behaviour of their parts."""

import pytest
import torch

from modules.model.networks.codeformer import CodeFormer, CodeFormerConfig, with_statistics
from modules.model.networks.retinaface import RetinaFace, RetinaFaceConfig
from tests.model.face_checkpoints import TINY_CODEFORMER, TINY_RESIDUAL

MOBILE = RetinaFaceConfig(mobile=True, first=8, blocks=(), out=64)


def shapes_of(network):
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize(
    ("config", "megabytes"),
    [(RetinaFaceConfig(), 109.5), (MOBILE, 1.79)],
    ids=["resnet50", "mobilenet0.25"],
)
def test_detectors_are_as_large_as_the_published_files(config, megabytes):
    with torch.device("meta"):
        shapes = shapes_of(RetinaFace(config))
    size = 4 * sum(torch.Size(shape).numel() for shape in shapes.values()) / 1e6
    assert size == pytest.approx(megabytes, rel=0.035)  # the file has names and counts besides
    assert RetinaFaceConfig.from_shapes(shapes) == config


def test_codeformer_is_as_large_as_the_published_file():
    with torch.device("meta"):
        shapes = shapes_of(CodeFormer(CodeFormerConfig()))
    numbers = sum(torch.Size(shape).numel() for shape in shapes.values())
    assert 4 * numbers / 1e6 == pytest.approx(376.6, rel=0.001)
    assert shapes["fuse_convs_dict.32.encode_enc.conv1.weight"] == (256, 512, 3, 3)
    assert shapes["ft_layers.8.self_attn.in_proj_weight"] == (1536, 512)


@pytest.mark.parametrize("config", [CodeFormerConfig(), TINY_CODEFORMER])
def test_codeformers_shape_is_read_from_its_tensors(config):
    with torch.device("meta"):
        assert CodeFormerConfig.from_shapes(shapes_of(CodeFormer(config))) == config


@pytest.mark.parametrize("config", [TINY_RESIDUAL, MOBILE])
def test_a_detector_judges_two_squares_at_every_place_of_three_levels(config):
    network = RetinaFace(config).eval()
    with torch.no_grad():
        scores, boxes, points = network(torch.zeros(1, 3, 64, 96))
    count = 2 * (8 * 12 + 4 * 6 + 2 * 3)
    assert scores.shape == (1, count)
    assert boxes.shape == (1, count, 4)
    assert points.shape == (1, count, 10)


def test_codeformer_with_weight_0_forgets_all_but_the_words():
    """Two faces that have the same words and statistics give the same clean face."""
    torch.manual_seed(3)
    network = CodeFormer(TINY_CODEFORMER).eval()
    with torch.no_grad():
        for fusion in network.fuse_convs_dict.values():
            for parameter in fusion.parameters():
                parameter.normal_()
        face = torch.rand(1, 3, 16, 16) * 2 - 1
        clean, close = network(face, 0.0), network(face, 1.0)
        half = network(face, 0.5)
        for fusion in network.fuse_convs_dict.values():
            for parameter in fusion.parameters():
                parameter.zero_()
        assert torch.equal(network(face, 1.0), clean)  # nothing else can tell
    assert not torch.allclose(clean, close, atol=1e-3)
    assert not torch.allclose(half, close, atol=1e-3)


def test_statistics_are_taken_over_channel_by_channel():
    torch.manual_seed(0)
    content, style = torch.rand(2, 3, 8, 8), 5 * torch.rand(2, 3, 8, 8) - 2
    result = with_statistics(content, style)
    assert torch.allclose(result.mean(dim=(2, 3)), style.mean(dim=(2, 3)), atol=1e-5)
    assert torch.allclose(result.std(dim=(2, 3)), style.std(dim=(2, 3)), rtol=1e-3)
