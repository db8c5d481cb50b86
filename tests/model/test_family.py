"""Families are told apart by the names and shapes of their tensors."""

import pytest

from modules.errors import ModelError
from modules.model.family import FAMILIES, detect_family

UNET = "model.diffusion_model."
FIRST = {f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3)}
OPEN_CLIP = "cond_stage_model.model.transformer.resblocks.0.attn.in_proj_weight"
LABEL = f"{UNET}label_emb.0.0.weight"


@pytest.mark.parametrize(
    "shapes, family",
    [
        ({"cond_stage_model.transformer.text_model.x": (1,)}, "sd1"),
        ({OPEN_CLIP: (3072, 1024)}, "sd2"),
        ({OPEN_CLIP: (3072, 1024), "depth_model.model.x": (1,)}, "sd2"),
        ({OPEN_CLIP: (3072, 1024), LABEL: (1280, 2048)}, "unclip"),
        ({"conditioner.embedders.1.model.ln_final.weight": (1280,), LABEL: (1280, 2816)}, "sdxl"),
        (
            {"conditioner.embedders.0.model.ln_final.weight": (1280,), LABEL: (1536, 2560)},
            "sdxl-refiner",
        ),
        ({"conditioner.embedders.0.model.ln_final.weight": (1024,)}, "sd2"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_family_is_known_by_its_text_encoders_and_labels(shapes, family):
    assert detect_family(FIRST | shapes, "m").name == family


@pytest.mark.parametrize("channels", [4, 5, 8, 9])
def test_variants_with_more_input_channels_belong_to_the_same_family(channels):
    shapes = {f"{UNET}input_blocks.0.0.weight": (320, channels, 3, 3)}
    assert detect_family(shapes, "m").name == "sd1"


def test_the_upscaler_of_the_second_version_is_refused_by_name():
    shapes = FIRST | {OPEN_CLIP: (3072, 1024), f"{UNET}label_emb.weight": (1000, 1024)}
    with pytest.raises(ModelError, match="m looks like a Stable Diffusion 2 upscaler"):
        detect_family(shapes, "m")


def test_every_family_is_listed_by_its_own_name():
    assert all(name == family.name for name, family in FAMILIES.items())
