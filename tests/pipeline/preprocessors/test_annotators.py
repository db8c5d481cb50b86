"""Preprocessors with networks, on files with weights of our own making."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from modules.errors import ModelError
from modules.model.networks.dpt import Dpt, DptConfig
from modules.model.networks.edge_networks import Hed, LineDrawer
from modules.paths import Paths
from modules.pipeline.preprocessors.annotators import NETWORKS, AnnotatorShelf
from modules.pipeline.preprocessors.catalogue import ROWS
from modules.pipeline.preprocessors.run import make_map
from tests.model.tiny_checkpoints import randomised

SMALL_DPT = DptConfig(
    stem=32, widths=(128, 256, 384), depths=(1, 2, 1), width=64, intermediate=96, positions=4,
    features=32, head=32,
)  # fmt: skip


def shelf(models):
    """Networks below one folder of models."""
    return AnnotatorShelf(Paths(models_dir=models).annotators, torch.device("cpu"))


def zeros(kind):
    """A network's tensors, all zero, by the keys of its file."""
    with torch.device("meta"):
        network = kind()
    return {
        key: torch.zeros(tensor.shape, dtype=torch.float16)
        for key, tensor in network.state_dict().items()
    }


def put(models, name, tensors):
    """Write a file where networks of preprocessors are looked for."""
    folder = models / "ControlNetPreprocessor" / "any"
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / name)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files whose networks answer something known.

    The edge network projects what its last block says, which is brightness there; the drawer gives
    half bright paper.
    """
    models = tmp_path_factory.mktemp("models")
    edges = zeros(Hed)
    edges["block1.convs.0.weight"][0, :, 1, 1] = 1 / 255
    edges["block1.convs.1.weight"][0, 0, 1, 1] = 1
    edges["block1.projection.weight"][0, 0] = 1
    put(models, "ControlNetHED.pth", edges)
    put(models, "sk_model.pth", zeros(LineDrawer))
    return models


def test_every_network_file_of_the_catalogue_can_be_read():
    assert {row.file for row in ROWS if row.file} <= set(NETWORKS)


def test_the_edge_network_is_the_mean_of_its_five_sizes(models):
    pixels = np.zeros((64, 128, 3), np.uint8)
    pixels[:, 64:] = 255
    made = make_map(pixels, "hed", resolution=64, find_network=shelf(models).find)
    sigmoid = 1 / (1 + np.exp(-3 / 5))  # three channels of 1, at one of five sizes
    assert made[32, 100].tolist() == [int(sigmoid * 255)] * 3
    assert made[32, 20].tolist() == [127] * 3


def test_safe_edges_are_in_few_greys_and_scribbles_in_two(models):
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    find = shelf(models).find
    assert set(np.unique(make_map(pixels, "hed_safe", resolution=64, find_network=find))) <= {
        0,
        127,
        255,
    }
    scribble = make_map(pixels, "scribble_hed", resolution=64, find_network=find)
    assert set(np.unique(scribble)) <= {0, 255}


def test_drawn_lines_are_the_paper_turned_over(models):
    pixels = np.zeros((64, 64, 3), np.uint8)
    made = make_map(pixels, "lineart", resolution=64, find_network=shelf(models).find)
    assert (made == 255 - 127).all()


def test_a_missing_file_is_named_with_its_place(tmp_path):
    with pytest.raises(ModelError, match=r"needs the file sk_model2\.pth.*ControlNetPreprocessor"):
        shelf(tmp_path).find("sk_model2.pth")


def test_a_file_of_another_network_is_refused(tmp_path):
    put(tmp_path, "sk_model.pth", {"some.weight": torch.zeros(2)})
    with pytest.raises(ModelError, match="not the network its name says"):
        shelf(tmp_path).find("sk_model.pth")


def test_the_same_file_is_read_once(models):
    held = shelf(models)
    assert held.find("sk_model.pth") is held.find("SK_MODEL.pth".lower())
    first = held.find("ControlNetHED.pth")
    held.clear()
    assert held.find("ControlNetHED.pth") is not first


def test_depth_reaches_from_black_to_white_and_surfaces_have_directions(tmp_path):
    network = randomised(Dpt(SMALL_DPT), 3)
    put(tmp_path, "dpt_hybrid-midas-501f0c75.pt", dict(network.state_dict()))
    find = shelf(tmp_path).find
    pixels = np.random.default_rng(1).integers(0, 256, (64, 128, 3), dtype=np.uint8)
    near = make_map(pixels, "depth_midas", resolution=64, find_network=find)
    assert near.shape == (64, 128, 3)
    assert near.max() - near.min() > 200
    facing = make_map(pixels, "normal_map", resolution=64, threshold_a=1, find_network=find)
    assert (facing[..., 2] < 250).sum() <= 1  # all but the nearest is background
    lengths = np.linalg.norm(
        make_map(pixels, "normal_map", resolution=64, threshold_a=0, find_network=find) - 127.5,
        axis=2,
    )
    assert abs(lengths - 127.5).max() < 2
