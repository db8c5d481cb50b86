"""Networks for control at full size, without a byte of weights: every name and every shape."""

import pytest
import torch

from modules.model.config import read_config
from modules.model.control.kinds import control_kind
from modules.model.control.names import original_adapter_name, original_control_modules
from modules.model.control.shapes import check_fits, controlnet_config
from modules.model.families.diffusers_names import original_name
from modules.model.families.sd1 import SD1
from modules.model.families.sd2 import SD2
from modules.model.families.sdxl import SDXL
from modules.model.networks.controlnet import ControlNet
from modules.model.networks.ip_adapter import cross_attentions
from modules.model.networks.t2i_adapter import AdapterConfig, T2IAdapter
from modules.model.networks.unet import UNet
from modules.paths import Paths
from modules.pipeline.attachments.control_work import places_of

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

SHAPES = {
    SD1: {"cross_attention_dim": 768},
    SD2: {
        "cross_attention_dim": 1024,
        "attention_head_dim": (5, 10, 20, 20),
        "use_linear_projection": True,
    },
    SDXL: {
        "cross_attention_dim": 2048,
        "block_out_channels": (320, 640, 1280),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 2816,
    },
}
"""What diffusers calls the published networks' shapes."""
ATTENTIONS = {SD1: 16, SD2: 16, SDXL: 70}
PLACES = {SD1: [2, 5, 8, 11], SD2: [2, 5, 8, 11], SDXL: [3, 5, 8]}


def shapes_of(network):
    """Names and shapes of all tensors."""
    return {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}


@pytest.mark.parametrize("family", SHAPES, ids=lambda family: family.name)
def test_a_published_controlnet_is_read_whole(family):
    from diffusers import ControlNetModel

    unet = read_config(Paths().configs / family.config).unet
    with torch.device("meta"):
        theirs = shapes_of(ControlNetModel(**SHAPES[family]))
    assert control_kind(theirs, "file") == "controlnet"
    modules = original_control_modules(theirs)
    renamed = {original_name(name, modules): shape for name, shape in theirs.items()}
    assert len(renamed) == len(theirs)
    config = controlnet_config(renamed, unet, "file")
    check_fits(config, unet, "file", "checkpoint")
    with torch.device("meta"):
        assert shapes_of(ControlNet(config)) == renamed


@pytest.mark.parametrize("family", SHAPES, ids=lambda family: family.name)
def test_adapters_have_their_places_in_the_published_unets(family):
    unet = read_config(Paths().configs / family.config).unet
    with torch.device("meta"):
        assert len(cross_attentions(UNet(unet))) == ATTENTIONS[family]
    assert places_of(unet, 16 if family is SDXL else 8) == PLACES[family]


@pytest.mark.parametrize("kind, cell", [("full_adapter", 8), ("full_adapter_xl", 16)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_published_adapter_is_read_whole(kind, cell, channels):
    from diffusers import T2IAdapter as Theirs

    with torch.device("meta"):
        theirs = shapes_of(Theirs(adapter_type=kind, in_channels=channels, downscale_factor=cell))
        assert control_kind(theirs, "file") == "t2i"
        renamed = {original_adapter_name(name): shape for name, shape in theirs.items()}
        config = AdapterConfig.from_shapes(renamed, light=False)
        assert (config.cell, config.channels) == (cell, channels)
        assert shapes_of(T2IAdapter(config)) == renamed
