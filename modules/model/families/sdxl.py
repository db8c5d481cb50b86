"""Stable Diffusion XL (Podell et al. 2023, arXiv:2307.01952): base and refiner, 1024 pixels."""

from modules.model.families.record import Family, TextTower

PREVIEW_FACTORS = (
    (0.3448, 0.4168, 0.4395),
    (-0.1953, -0.0290, 0.0250),
    (0.1074, 0.0886, -0.0163),
    (-0.3730, -0.2499, -0.2088),
)

SDXL = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    config="stable-diffusion-xl/sd_xl_base.yaml",
    native_size=(1024, 1024),
    preview_factors=PREVIEW_FACTORS,
    text=(
        TextTower(
            name="clip_l",
            prefix="conditioner.embedders.0.transformer.",
            depth=2,
            final_norm=False,
            clip_skip=False,
        ),
        TextTower(
            name="clip_g",
            prefix="conditioner.embedders.1.model.",
            folder="text_encoder_2",
            layout="open_clip",
            depth=2,
            final_norm=False,
            clip_skip=False,
            pooled=True,
        ),
    ),
    size_facts="sizes",
    zero_empty_negative=True,
)

SDXL_REFINER = Family(
    name="sdxl-refiner",
    title="the SDXL refiner",
    config="stable-diffusion-xl/sd_xl_refiner.yaml",
    native_size=(1024, 1024),
    preview_factors=PREVIEW_FACTORS,
    text=(
        TextTower(
            name="clip_g",
            prefix="conditioner.embedders.0.model.",
            folder="text_encoder_2",
            layout="open_clip",
            depth=2,
            final_norm=False,
            clip_skip=False,
            pooled=True,
        ),
    ),
    size_facts="sizes and score",
    zero_empty_negative=True,
)
