"""Stable Diffusion 3 and 3.5 (Esser et al. 2024, arXiv:2403.03206): 16 channels, 1024 pixels.

Three text encoders read each prompt. T5 may be missing; the network then gets zeros in its place,
which it knows from training.
"""

from modules.model.families.record import Family, Flow, TextTower

CLIP_L = TextTower(
    name="clip_l",
    prefix="text_encoders.clip_l.transformer.",
    depth=2,
    final_norm=False,
    clip_skip=False,
    pooled=True,
)
CLIP_G = TextTower(
    name="clip_g",
    prefix="text_encoders.clip_g.transformer.",
    folder="text_encoder_2",
    layout="open_clip",
    depth=2,
    final_norm=False,
    clip_skip=False,
    pooled=True,
)
T5_XXL = TextTower(
    name="t5xxl",
    prefix="text_encoders.t5xxl.transformer.",
    folder="text_encoder_3",
    tokenizer_folder="tokenizer_3",
    layout="t5",
    clip_skip=False,
    length=256,
    optional=True,
)

UNKNOWN_COLOURS = tuple(
    (strength, strength, strength) for strength in (0.12, -0.12) for _ in range(8)
)
"""Grey shapes: nobody has fitted these channels to colours here."""

SD3 = Family(
    name="sd3",
    title="Stable Diffusion 3",
    config="",
    native_size=(1024, 1024),
    preview_factors=UNKNOWN_COLOURS,
    text=(CLIP_L, CLIP_G, T5_XXL),
    joining="t5 after clip",
    folder="transformer",
    usual=(("sampling.sampler", "Euler"), ("sampling.steps", 28), ("sampling.cfg_scale", 4.5)),
    flow=Flow(shift=3.0, scale_factor=1.5305, shift_factor=0.0609),
)
