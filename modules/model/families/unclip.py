"""Stable Diffusion 2.1 unCLIP: told of a picture's CLIP embedding too, noised to some degree."""

from modules.model.families.record import Family
from modules.model.families.sd1 import PREVIEW_FACTORS
from modules.model.families.sd2 import SD2

UNCLIP = Family(
    name="unclip",
    title="Stable Diffusion 2 unCLIP",
    config="stable-diffusion/v2-1-unclip-h-inference.yaml",
    native_size=(768, 768),
    preview_factors=PREVIEW_FACTORS,
    text=SD2.text,
    told_of_pictures=True,
)
