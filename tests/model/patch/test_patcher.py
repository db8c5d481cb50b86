"""Networks come and go; the weights are what the wish says, to the last bit."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import Model, load_model
from modules.model.patch.network_files import NetworkFolder, network_hash
from modules.model.patch.patcher import Patcher

DATA = Path(__file__).parents[2] / "golden" / "parity" / "data"


class Wish(NamedTuple):
    name: str
    te: float = 1.0
    unet: float = 1.0
    dyn: int | None = None
    blocks: tuple[float, ...] = ()


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(DATA / "Stable-diffusion" / "tiny.safetensors")


def state(model: Model) -> dict[str, Tensor]:
    parts = {"unet": model.unet, "text": model.text_encoders}
    return {
        f"{part}.{name}": value.clone()
        for part, network in parts.items()
        for name, value in network.state_dict().items()
    }


def changed(one: dict[str, Tensor], other: dict[str, Tensor]) -> list[str]:
    return [name for name in one if not torch.equal(one[name], other[name])]


def test_every_layer_of_the_reference_networks_is_found_and_restored_exactly(model: Model) -> None:
    folder = NetworkFolder(DATA / "Lora")
    patcher, before = Patcher(model, folder), state(model)
    for path in sorted((DATA / "Lora").iterdir()):
        assert patcher.ensure([Wish(path.stem)]) == []
        layers = {key.partition(".")[0] for key in load_file(path)}
        assert len(changed(before, state(model))) == len(layers)
        assert patcher.report(path.stem, folder.read(path)).share == 1
    assert patcher.ensure([]) == []
    assert changed(before, state(model)) == []


def test_the_way_to_a_wish_makes_no_difference(model: Model) -> None:
    patcher = Patcher(model, NetworkFolder(DATA / "Lora"))
    wishes = [Wish("tinylora", 0.6, 0.6), Wish("tinyloha", -0.4, -0.4)]
    patcher.ensure(wishes)
    direct, key = state(model), patcher.key
    patcher.ensure([Wish("tinylokr"), *wishes])
    patcher.ensure([Wish("tinylora", dyn=2)])
    assert patcher.key != key
    patcher.ensure(wishes)
    assert changed(direct, state(model)) == []
    assert patcher.key == key
    patcher.ensure([])


def test_multipliers_belong_to_the_text_encoder_and_to_the_unet(model: Model) -> None:
    patcher, before = Patcher(model, NetworkFolder(DATA / "Lora")), state(model)
    patcher.ensure([Wish("tinylora", te=1.0, unet=0.0)])
    assert {name.partition(".")[0] for name in changed(before, state(model))} == {"text"}
    patcher.ensure([Wish("tinylora", te=0.0, unet=1.0)])
    assert {name.partition(".")[0] for name in changed(before, state(model))} == {"unet"}
    patcher.ensure([])


def test_an_alias_is_a_name_and_a_missing_network_is_news(model: Model) -> None:
    patcher = Patcher(model, NetworkFolder(DATA / "Lora"))
    assert patcher.ensure([Wish("tinylocon"), Wish("missing")]) == ["Lora not found: missing"]
    assert patcher.hashes == {"tinylocon": "fb94e851bc34"}
    patcher.ensure([])


def test_a_damaged_file_or_one_of_another_model_is_refused(model: Model, tmp_path: Path) -> None:
    (tmp_path / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{no json       }")
    layer = "lora_unet_middle_block_1_proj_in"
    up, down = torch.ones(7, 2, 1, 1), torch.ones(2, 7, 1, 1)
    tensors = {f"{layer}.lora_up.weight": up, f"{layer}.lora_down.weight": down}
    save_file(tensors, tmp_path / "large.safetensors")
    save_file({"lora_unet_nowhere.diff": up}, tmp_path / "other.safetensors")
    patcher, before = Patcher(model, NetworkFolder(tmp_path)), state(model)
    for name, said in (("broken", "header"), ("large", "shape"), ("other", "no such layer")):
        with pytest.raises(ModelError, match=f"Lora {name}.*{said}"):
            patcher.ensure([Wish(name)])
    assert changed(before, state(model)) == []


def test_a_file_that_changes_is_read_again(model: Model, tmp_path: Path) -> None:
    place = tmp_path / "net.safetensors"
    shutil.copy(DATA / "Lora" / "tinylora.safetensors", place)
    patcher = Patcher(model, NetworkFolder(tmp_path))
    patcher.ensure([Wish("net")])
    first = patcher.hashes
    shutil.copy(DATA / "Lora" / "tinylokr.safetensors", place)
    patcher.ensure([Wish("net")])
    assert patcher.hashes != first
    patcher.ensure([])


def test_diffusers_names_mean_the_same_layers(model: Model, tmp_path: Path) -> None:
    theirs = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    up, down = torch.ones(32, 2), torch.ones(2, 32)
    save_file(
        {f"{theirs}.lora_A.weight": down, f"{theirs}.lora_B.weight": up},
        tmp_path / "peft.safetensors",
    )
    ours = "lora_unet_input_blocks_1_1_transformer_blocks_0_attn1_to_q"
    tensors = {f"{ours}.lora_down.weight": down, f"{ours}.lora_up.weight": up}
    save_file(tensors, tmp_path / "kohya.safetensors")
    patcher, before = Patcher(model, NetworkFolder(tmp_path)), state(model)
    assert patcher.ensure([Wish("peft")]) == []
    with_peft = state(model)
    assert len(changed(before, with_peft)) == 1
    assert patcher.ensure([Wish("kohya")]) == []
    assert changed(with_peft, state(model)) == []
    patcher.ensure([])


def test_the_hash_a_file_names_counts_before_its_own(tmp_path: Path) -> None:
    named = tmp_path / "named.safetensors"
    save_file({"a.diff": torch.ones(1)}, named, metadata={"sshs_model_hash": "ab" * 32})
    assert network_hash(named) == "ab" * 6
    assert network_hash(DATA / "Lora" / "tinylora.safetensors") == "8eb0e161b469"
