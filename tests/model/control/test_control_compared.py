"""Networks for control against those of diffusers, with the same random weights.

Largest errors seen, relative to the largest number of the output, in float32: 1.3e-6.
"""

import pytest
import torch
from safetensors.torch import load_file

from modules.model.control.load import load_control
from modules.model.loader import load_model
from modules.model.networks.additions import Additions
from modules.model.networks.controlnet import ControlNet
from tests.model.test_families_compared import relative_error, their_unet
from tests.model.tiny_checkpoints import MODELS, randomised, write

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLOSE = 1e-5
FAMILIES = ("sd1", "sd2", "sdxl")


@pytest.fixture(scope="module", params=FAMILIES)
def both(request, tmp_path_factory):
    """Our model, diffusers' U-Net with its weights, and what both are told."""
    path = write(request.param, tmp_path_factory.mktemp("single"))
    model, theirs = load_model(path), their_unet(request.param, load_file(path))
    return model, theirs, told(request.param)


def told(name):
    """A latent, timesteps, a prompt, and for SDXL sizes: as we and as they are told."""
    generator = torch.Generator().manual_seed(1)
    tiny = MODELS[name]
    x = torch.randn(2, 4, 8, 12, generator=generator)
    context = torch.randn(2, 7, tiny.unet.context_dim, generator=generator)
    times = torch.tensor([3.0, 900.0])
    if not tiny.unet.adm_in_channels:
        return (x, times, context, None), {}
    pooled = torch.randn(2, 48, generator=generator)
    ids = torch.tensor([[64.0, 96, 8, 16, 64, 96]] * 2)
    from modules.model.networks.unet import timestep_embedding

    numbers = timestep_embedding(ids.flatten(), 256).reshape(2, -1)
    vector = torch.cat([pooled, numbers], dim=1)
    more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": ids}}
    return (x, times, context, vector), more


@torch.no_grad()
def test_a_controlnet_and_the_unet_with_it_say_what_diffusers_say(both, tmp_path):
    from diffusers import ControlNetModel

    model, unet, ((x, times, context, vector), more) = both
    theirs = ControlNetModel.from_unet(unet)
    randomised(theirs, 7)
    theirs.save_pretrained(tmp_path / "net")
    picture = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(2))
    down, middle = theirs(
        x, times, context, controlnet_cond=picture.expand(2, -1, -1, -1),
        conditioning_scale=0.7, return_dict=False, **more,
    )  # fmt: skip
    expected = unet(
        x, times, context, down_block_additional_residuals=down,
        mid_block_additional_residual=middle, **more,
    ).sample  # fmt: skip

    control = load_control(tmp_path / "net", model).network
    assert isinstance(control, ControlNet)
    *skips, last = [
        tensor * 0.7 for tensor in control(x, control.read_hint(picture), times, context, vector)
    ]
    for ours, wanted in zip(skips, down, strict=True):
        assert relative_error(ours, wanted) < CLOSE
    assert relative_error(last, middle) < CLOSE
    added = Additions(skips=dict(enumerate(skips)), middle=last)
    assert relative_error(model.unet(x, times, context, vector, added=added), expected) < CLOSE
    plain = model.unet(x, times, context, vector)
    assert relative_error(plain, expected) > 0.01
