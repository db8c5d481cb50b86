"""Networks for models other than Stable Diffusion 1: whose layers have which names."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import Model, load_model
from modules.model.patch.look import report_on
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from tests.model.patch.zoo import named, some
from tests.model.tiny_checkpoints import write


class Wish(NamedTuple):
    name: str
    te: float = 1.0
    unet: float = 1.0
    dyn: int | None = None
    blocks: tuple[float, ...] = ()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@cache
def model_of(family: str, folder: Path) -> Model:
    return load_model(write(family, folder))


def lora(layer: str, out: int, width: int) -> tuple[dict[str, Tensor], Tensor]:
    up, down = some(out, 2), some(2, width)
    return named(layer, lora_up__weight=up, lora_down__weight=down), up @ down


PROJECTION = "text_model.encoder.layers.1.self_attn.k_proj"
CASES = [
    ("sd2", f"lora_te_{PROJECTION}", 0),
    ("sdxl", f"lora_te1_{PROJECTION}", 0),
    ("sdxl", f"lora_te2_{PROJECTION}", 1),
    ("sdxl", f"text_encoder.{PROJECTION}", 0),
    ("sdxl", f"text_encoder_2.{PROJECTION}", 1),
    ("sdxl-refiner", f"lora_te_{PROJECTION}", 0),
]
"""The model, a layer in a file, and which of the text encoders it is in."""


@pytest.mark.parametrize(("family", "theirs", "ours"), CASES)
def test_layers_of_text_encoders_are_found_in_the_model_and_in_its_file(
    family: str, theirs: str, ours: int, folder: Path, tmp_path: Path
) -> None:
    model = model_of(family, folder)
    encoder = list(model.text_encoders.values())[ours]
    weight = encoder.get_parameter(f"{PROJECTION}.weight")
    before = weight.detach().clone()
    if theirs.startswith("lora_"):
        tensors, delta = lora(theirs.replace(".", "_"), 64, 64)
    else:
        up, down = some(64, 2), some(2, 64)
        tensors = {f"{theirs}.lora_B.weight": up, f"{theirs}.lora_A.weight": down}
        delta = up @ down
    save_file(tensors, tmp_path / "net.safetensors")
    patcher = Patcher(model, NetworkFolder(tmp_path))
    assert patcher.ensure([Wish("net", te=0.5)]) == []
    assert torch.allclose(weight, before + delta * 0.5, atol=1e-3)
    patcher.ensure([])
    assert torch.equal(weight, before)
    assert report_on(tmp_path / "net.safetensors", "net", model.path).share == 1


def test_a_unet_has_the_names_of_both_layouts(folder: Path, tmp_path: Path) -> None:
    model = model_of("sdxl", folder)
    inner = "transformer_blocks_1_attn2_to_k"
    for theirs in ("lora_unet_down_blocks_1_attentions_0", "lora_unet_input_blocks_3_1"):
        tensors, _ = lora(f"{theirs}_{inner}", 64, 128)
        save_file(tensors, tmp_path / "net.safetensors")
        patcher = Patcher(model, NetworkFolder(tmp_path))
        assert patcher.ensure([Wish("net")]) == []
        weight = model.unet.get_parameter("input_blocks.3.1.transformer_blocks.1.attn2.to_k.weight")
        assert len(patcher._originals) == 1
        assert weight in patcher._originals
        patcher.ensure([])


def test_a_text_layer_of_one_family_is_none_of_another(folder: Path, tmp_path: Path) -> None:
    model = model_of("sdxl", folder)
    tensors, _ = lora(f"lora_te_{PROJECTION.replace('.', '_')}", 64, 64)
    save_file(tensors, tmp_path / "net.safetensors")
    with pytest.raises(ModelError, match="no such layer"):
        Patcher(model, NetworkFolder(tmp_path)).check([Wish("net")])
