"""Stable Diffusion 1.x: 4 latent channels at an eighth of the size, CLIP ViT-L/14, 512 pixels."""

from modules.model.families.record import Family

PREVIEW_FACTORS = (
    (0.298, 0.207, 0.208),
    (0.187, 0.286, 0.173),
    (-0.158, 0.189, 0.264),
    (-0.184, -0.271, -0.473),
)
"""Of the first two versions' autoencoder."""

SD1 = Family(
    name="sd1",
    title="Stable Diffusion 1",
    config="stable-diffusion/v1-inference.yaml",
    native_size=(512, 512),
    preview_factors=PREVIEW_FACTORS,
)
