"""Latent diffusion's first text-to-image model (Rombach et al. 2022, section 4.3.1): 256 pixels.

It was trained on LAION-400M, and reads prompts with a transformer of its own over BERT's words.
"""

from modules.model.families.record import Family, TextTower
from modules.model.families.sd1 import PREVIEW_FACTORS

LDM = Family(
    name="ldm",
    title="latent diffusion with BERT",
    config="latent-diffusion/txt2img-1p4B-eval.yaml",
    native_size=(256, 256),
    preview_factors=PREVIEW_FACTORS,
    autoencoder_folder="vqvae",
    text=(
        TextTower(
            name="bert", prefix="cond_stage_model.transformer.", folder="bert", layout="bert"
        ),
    ),
)
