"""Networks for control are found by the names people write."""

import json

import pytest

from modules.errors import NotFound
from modules.model.control_files import (
    control_files,
    control_folders,
    find_control,
    names_nothing,
)
from modules.model.hashes import legacy_hash


@pytest.fixture
def folders(tmp_path):
    """Two files and a folder, in A1111's place and in ComfyUI's."""
    models = tmp_path / "models"
    own = models / "ControlNet"
    (own / "sdxl").mkdir(parents=True)
    (own / "control_canny.pth").write_bytes(b"canny")
    (own / "sdxl" / "Depth.safetensors").write_bytes(b"depth" * 300_000)
    (own / ".hidden.pth").write_bytes(b"")
    (own / "control_canny.yaml").write_text("model: {}")
    folder = models / "controlnet" / "tile"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"_class_name": "ControlNetModel"}))
    (folder / "diffusion_pytorch_model.safetensors").write_bytes(b"tile")
    return control_folders(own, models)


def test_titles_are_names_with_the_short_hash_sorted_without_heed_of_case(folders):
    titles = list(control_files(folders))
    depth = legacy_hash(control_files(folders)[titles[1]])
    assert [title.split()[0] for title in titles] == ["control_canny", "Depth", "tile"]
    assert titles[1] == f"Depth [{depth}]" and len(depth) == 8


def test_a_folder_of_diffusers_is_one_network_and_its_files_are_none(folders):
    (tile,) = [path for title, path in control_files(folders).items() if title.startswith("tile")]
    assert tile.is_dir() and tile.name == "tile"


@pytest.mark.parametrize(
    "name", ["Depth", "depth", " DEPTH ", "depth [00000000]", "Depth [e3b0c442]"]
)
def test_a_name_is_found_with_or_without_its_hash(folders, name):
    assert find_control(folders, name).name == "Depth.safetensors"


def test_an_unknown_name_is_answered_with_the_nearest(folders):
    with pytest.raises(NotFound, match="control_canny"):
        find_control(folders, "control_cany")


def test_a_folder_that_is_not_there_holds_nothing(tmp_path):
    assert control_files([tmp_path / "nowhere"]) == {}


def test_the_menus_entry_for_nothing_is_known():
    assert names_nothing("None") and names_nothing("") and not names_nothing("canny")
