"""FLUX.1 (Black Forest Labs 2024): dev and schnell, 16 latent channels, 1024 pixels.

T5 reads the prompt; of CLIP only the vector for the whole prompt is told.
"""

import math
from dataclasses import replace

from modules.model.families.record import Family, Flow
from modules.model.families.sd3 import CLIP_L, T5_XXL, UNKNOWN_COLOURS

UNGUIDED = (("sampling.sampler", "Euler"), ("sampling.steps", 4), ("sampling.cfg_scale", 1.0))
"""What schnell, which was not taught a guidance scale, likes."""

FLUX = Family(
    name="flux",
    title="FLUX.1",
    config="",
    native_size=(1024, 1024),
    preview_factors=UNKNOWN_COLOURS,
    text=(
        replace(CLIP_L, projected=False),
        replace(
            T5_XXL,
            folder="text_encoder_2",
            tokenizer_folder="tokenizer_2",
            length=512,
            optional=False,
        ),
    ),
    joining="t5 and pooled clip",
    folder="transformer",
    usual=(("sampling.sampler", "Euler"), ("sampling.steps", 20), ("sampling.cfg_scale", 3.5)),
    flow=Flow(
        shift=math.exp(1.15), small_shift=math.exp(0.5), scale_factor=0.3611, shift_factor=0.1159
    ),
)
