"""Networks in weights that come and go: applied, taken out, applied again, always the same."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from modules.model.convert import Conversion, convert
from modules.model.loader import load_model
from modules.model.memory import MemoryPlan
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher

DATA = Path(__file__).resolve().parents[2] / "golden" / "parity" / "data"


@dataclass(frozen=True)
class Wish:
    name: str = "tinylora"
    te: float = 1.0
    unet: float = 1.0
    dyn: int | None = None
    blocks: tuple[float, ...] = field(default=())


@pytest.fixture(scope="module")
def half_file(tmp_path_factory):
    """The tiny model in 16 bits."""
    source = DATA / "Stable-diffusion" / "tiny.safetensors"
    target = tmp_path_factory.mktemp("half") / "tiny.safetensors"
    convert(Conversion(source=source, target=target, dtype="fp16"))
    target.with_suffix(".yaml").write_bytes(source.with_suffix(".yaml").read_bytes())
    return target


def answers(model):
    """What text encoder and U-Net say, moved about by their policy."""
    with torch.no_grad():
        with model.resident("text_encoders"):
            layer = model.text_encoder.text_model.encoder.layers[0]
            text = layer.mlp.fc1(torch.ones(1, layer.mlp.fc1.in_features))
        context = torch.ones(1, 3, model.unet.config.context_dim)
        with model.resident("unet"):
            picture = model.unet(torch.ones(1, 4, 8, 8), torch.tensor([5.0]), context)
    return torch.cat([text.flatten(), picture.flatten()])


@pytest.mark.parametrize("policy", ["all", "one", "layers"])
def test_what_is_applied_does_not_depend_on_what_was_before(half_file, policy):
    plan = MemoryPlan(torch.device("cpu"), torch.float32, hint=policy)
    model = load_model(half_file, plan=plan)
    patcher = Patcher(model, NetworkFolder(DATA / "Lora"))
    before, applied = answers(model), []
    for _ in range(3):
        patcher.ensure([Wish()])
        applied.append(answers(model))
        patcher.ensure([])
        assert torch.equal(answers(model), before)
    assert not torch.equal(applied[0], before)
    assert all(torch.equal(one, applied[0]) for one in applied)


def test_policies_differ_by_the_rounding_of_16_bits_at_most(half_file):
    found = []
    for policy in ("all", "one", "layers"):
        plan = MemoryPlan(torch.device("cpu"), torch.float32, hint=policy)
        model = load_model(half_file, plan=plan)
        Patcher(model, NetworkFolder(DATA / "Lora")).ensure([Wish()])
        found.append(answers(model))
    assert torch.equal(found[1], found[2])
    assert (found[0] - found[1]).abs().mean() < 5e-3
