"""Stable Diffusion 2.x: OpenCLIP ViT-H, 64 channels a head; 512 pixels, or 768 with velocity."""

from dataclasses import replace

from modules.model.families.record import Family, TextTower
from modules.model.families.sd1 import PREVIEW_FACTORS

SD2 = Family(
    name="sd2",
    title="Stable Diffusion 2",
    config="stable-diffusion/v2-inference.yaml",
    native_size=(512, 512),
    velocity_size=(768, 768),
    preview_factors=PREVIEW_FACTORS,
    # The last of the encoder's layers is never used: the network is told the state before it.
    text=(
        TextTower(
            prefix="cond_stage_model.model.",
            layout="open_clip",
            clip_skip=False,
            spare_layers=1,
        ),
    ),
    may_predict_velocity=True,
)

SD2_TURBO = replace(SD2, text=(replace(SD2.text[0], prefix="conditioner.embedders.0.model."),))
"""The same under the names of SDXL's files, as Stable Diffusion Turbo came."""
