"""What to draw, as plain data. Everything that changes pixels is in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.param import check_limits, param
from modules.schema.afterwards import Afterwards
from modules.schema.control import ControlUnit
from modules.schema.faces import Faces
from modules.schema.inputs import Hires, Img2Img, PictureOptions
from modules.schema.script_call import ScriptCall
from modules.schema.watermark import Watermark
from modules.schema.wording import Wording

EXACT, BALANCED, FAST = SPEEDS = ("Exact", "Balanced", "Fast")
"""Named speeds; the first leaves out nothing."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How noise becomes an image."""

    sampler: str = param(
        "DPM++ 2M", "Sampling method", infotext="Sampler", api="sampler_name", choices="samplers"
    )
    schedule: str = param(
        "Automatic", "Schedule type", infotext="Schedule type", api="scheduler", choices="schedules"
    )
    steps: int = param(
        20,
        "Sampling steps",
        infotext="Steps",
        api="steps",
        minimum=1,
        maximum=1000,
        slider=(1, 150),
        step=1,
        help="More steps refine the picture and take longer; 20 to 30 suit most samplers.",
    )
    cfg_scale: float = param(
        7.0,
        "CFG Scale",
        infotext="CFG scale",
        api="cfg_scale",
        minimum=-100,
        maximum=1000,
        slider=(1, 30),
        step=0.5,
        help="How strictly the picture follows the prompt; 1 ignores the negative prompt.",
    )


@dataclass(frozen=True, kw_only=True)
class SamplerOptions:
    """Knobs of samplers and schedules that most people leave alone."""

    eta: float | None = param(
        None,
        "Eta for k-diffusion samplers",
        infotext="Eta",
        setting="eta_ancestral",
        api="eta",
        minimum=0,
        maximum=10,
        advanced=True,
        help="Noise multiplier of ancestral and SDE samplers; empty means 1.",
    )
    eta_ddim: float = param(
        0.0,
        "Eta for DDIM",
        infotext="Eta DDIM",
        setting="eta_ddim",
        minimum=0,
        maximum=10,
        advanced=True,
    )
    s_churn: float = param(
        0.0,
        "Sigma churn",
        infotext="Sigma churn",
        api="s_churn",
        setting="s_churn",
        minimum=0,
        maximum=100,
        advanced=True,
    )
    s_tmin: float = param(
        0.0,
        "Sigma tmin",
        infotext="Sigma tmin",
        api="s_tmin",
        setting="s_tmin",
        minimum=0,
        maximum=1000,
        advanced=True,
    )
    s_tmax: float = param(
        0.0,
        "Sigma tmax",
        infotext="Sigma tmax",
        api="s_tmax",
        setting="s_tmax",
        minimum=0,
        maximum=1e9,
        advanced=True,
        help="0 means no limit.",
    )
    s_noise: float = param(
        1.0,
        "Sigma noise",
        infotext="Sigma noise",
        api="s_noise",
        setting="s_noise",
        minimum=0,
        maximum=10,
        advanced=True,
    )
    sigma_min: float = param(
        0.0,
        "Schedule min sigma",
        infotext="Schedule min sigma",
        setting="sigma_min",
        minimum=0,
        maximum=1e6,
        advanced=True,
        help="0 means the model's own.",
    )
    sigma_max: float = param(
        0.0,
        "Schedule max sigma",
        infotext="Schedule max sigma",
        setting="sigma_max",
        minimum=0,
        maximum=1e6,
        advanced=True,
        help="0 means the model's own.",
    )
    rho: float = param(
        0.0,
        "Schedule rho",
        infotext="Schedule rho",
        setting="rho",
        minimum=0,
        maximum=100,
        advanced=True,
        help="0 means the schedule's own.",
    )
    beta_alpha: float = param(
        0.6,
        "Beta schedule alpha",
        infotext="Beta schedule alpha",
        setting="beta_dist_alpha",
        minimum=0.01,
        maximum=10,
        advanced=True,
    )
    beta_beta: float = param(
        0.6,
        "Beta schedule beta",
        infotext="Beta schedule beta",
        setting="beta_dist_beta",
        minimum=0.01,
        maximum=10,
        advanced=True,
    )
    discard_penultimate: bool = param(
        False,
        "Discard next-to-last sigma",
        infotext="Discard penultimate sigma",
        setting="always_discard_next_to_last_sigma",
        advanced=True,
    )
    sgm_noise_multiplier: bool = param(
        False,
        "SGM noise multiplier",
        infotext="SGM noise multiplier",
        setting="sgm_noise_multiplier",
        advanced=True,
    )
    uni_pc_variant: str = param(
        "bh1",
        "UniPC variant",
        infotext="UniPC variant",
        setting="uni_pc_variant",
        choices=("bh1", "bh2", "vary_coeff"),
        advanced=True,
    )
    uni_pc_skip_type: str = param(
        "time_uniform",
        "UniPC skip type",
        infotext="UniPC skip type",
        setting="uni_pc_skip_type",
        choices=("time_uniform", "time_quadratic", "logSNR"),
        advanced=True,
    )
    uni_pc_order: int = param(
        3,
        "UniPC order",
        infotext="UniPC order",
        setting="uni_pc_order",
        minimum=1,
        maximum=50,
        advanced=True,
    )
    uni_pc_lower_order_final: bool = param(
        True,
        "UniPC lower order final",
        infotext="UniPC lower order final",
        setting="uni_pc_lower_order_final",
        advanced=True,
    )
    quantize: bool = param(
        False,
        "Round timesteps",
        setting="enable_quantization",
        advanced=True,
        help="Sharper, less reproducible between programs.",
    )
    noise_schedule: str = param(
        "Default",
        "Noise schedule",
        infotext="Noise Schedule",
        setting="sd_noise_schedule",
        choices=("Default", "Zero Terminal SNR"),
        advanced=True,
    )
    downcast_alphas: bool = param(
        False,
        "Downcast alphas_cumprod",
        infotext="Downcast alphas_cumprod",
        setting="use_downcasted_alpha_bar",
        advanced=True,
        help="Pictures made before version 1.7.0-225 of A1111 in half precision need this.",
    )
    old_karras: bool = param(
        False,
        "Old Karras sigmas (0.1 to 10)",
        setting="use_old_karras_scheduler_sigmas",
        advanced=True,
    )
    s_min_uncond: float = param(
        0.0,
        "Negative guidance minimum sigma",
        infotext="NGMS",
        api="s_min_uncond",
        setting="s_min_uncond",
        minimum=0,
        maximum=1000,
        slider=(0, 15),
        advanced=True,
        help="In sampling's noise levels; for DDIM, PLMS and UniPC in timesteps.",
    )
    s_min_uncond_all: bool = param(
        False,
        "Negative guidance minimum sigma on all steps",
        infotext="NGMS all steps",
        setting="s_min_uncond_all",
        advanced=True,
    )
    skip_early_cond: float = param(
        0.0,
        "Ignore negative prompt during early sampling",
        infotext="Skip Early CFG",
        setting="skip_early_cond",
        minimum=0,
        maximum=1,
        advanced=True,
    )
    cfg_rescale: float = param(
        0.0,
        "CFG rescale",
        infotext="CFG Rescale φ",
        minimum=0,
        maximum=1,
        advanced=True,
        help="Pulls over-saturated pictures back (Lin et al. 2023).",
    )
    refiner_by_steps: bool = param(
        False,
        "Switch to the refiner by sampling steps",
        infotext="Refiner switch by sampling steps",
        setting="refiner_switch_by_sample_steps",
        advanced=True,
        help="Count steps, as before version 1.9 of A1111, instead of the noise that is left.",
    )
    refiner_pass: str = param(
        "second pass",
        "Refiner in hires pictures",
        infotext="Hires refiner",
        setting="hires_fix_refiner_pass",
        choices=("first pass", "second pass", "both passes"),
        advanced=True,
    )
    batch_cond_uncond: bool = param(
        True, "Batch cond/uncond", setting="batch_cond_uncond", advanced=True
    )
    speed: str = param(
        EXACT,
        "Speed",
        setting="speed",
        choices=SPEEDS,
        advanced=True,
        help="Faster ones leave work out and change pictures a little: they set the step cache, "
        "as far as that is not set here. Recipes name what was set.",
    )
    token_merging: float = param(
        0.0,
        "Token merging ratio",
        infotext="Token merging ratio",
        setting="token_merging_ratio",
        minimum=0,
        maximum=1,
        slider=(0, 0.9),
        step=0.1,
        advanced=True,
        help="Share of positions that are drawn like their neighbours: faster, less fine.",
    )
    token_merging_img2img: float = param(
        0.0,
        "Token merging ratio for img2img",
        setting="token_merging_ratio_img2img",
        minimum=0,
        maximum=1,
        slider=(0, 0.9),
        step=0.1,
        advanced=True,
        help="0 is the same as for txt2img.",
    )
    token_merging_hr: float = param(
        0.0,
        "Token merging ratio for high-res pass",
        infotext="Token merging ratio hr",
        setting="token_merging_ratio_hr",
        minimum=0,
        maximum=1,
        slider=(0, 0.9),
        step=0.1,
        advanced=True,
        help="0 is the same as for the first pass.",
    )
    step_cache: int = param(
        1,
        "Step cache interval",
        infotext="Step cache interval",
        setting="step_cache_interval",
        minimum=1,
        maximum=100,
        slider=(1, 10),
        step=1,
        advanced=True,
        help="One of so many evaluations runs whole, the others take its deep part: "
        "faster, less faithful. 1 runs all of them whole.",
    )
    step_cache_depth: int = param(
        1,
        "Step cache depth",
        infotext="Step cache depth",
        setting="step_cache_depth",
        minimum=1,
        maximum=12,
        step=1,
        advanced=True,
        help="How many stages of the network, the finest first, are computed at every step.",
    )
    step_cache_start: float = param(
        0.0,
        "Step cache start",
        infotext="Step cache start",
        setting="step_cache_start",
        minimum=0,
        maximum=1,
        step=0.05,
        advanced=True,
        help="The share of a pass in which everything runs whole before steps are cached.",
    )
    int8: bool = param(
        False,
        "Int8 convolutions",
        infotext="Int8 convolutions",
        setting="int8_convolutions",
        advanced=True,
        help="Multiply bytes on processors that do so faster: "
        "pictures change a little more than by bfloat16.",
    )


@dataclass(frozen=True, kw_only=True)
class TextOptions:
    """How the prompt's text is read and encoded."""

    clip_skip: int = param(
        1,
        "Clip skip",
        infotext="Clip skip",
        setting="CLIP_stop_at_last_layers",
        minimum=1,
        maximum=12,
        step=1,
        advanced=True,
        help="Use an earlier layer of the text encoder; 2 suits many anime models.",
    )
    emphasis: str = param(
        "Original",
        "Emphasis mode",
        infotext="Emphasis",
        setting="emphasis",
        choices=("None", "Ignore", "Original", "No norm"),
        advanced=True,
    )
    syntax: str = param(
        "A1111",
        "Prompt syntax",
        infotext="Prompt syntax",
        choices=("A1111", "NovelAI"),
        advanced=True,
    )
    comma_backtrack: int = param(
        20,
        "Prompt word wrap length limit",
        setting="comma_padding_backtrack",
        minimum=0,
        maximum=74,
        advanced=True,
    )
    pad_cond_uncond: bool = param(
        False,
        "Pad prompt/negative prompt",
        infotext="Pad conds",
        setting="pad_cond_uncond",
        advanced=True,
    )
    pad_cond_uncond_v0: bool = param(
        False,
        "Pad prompt/negative prompt (v0)",
        infotext="Pad conds v0",
        setting="pad_cond_uncond_v0",
        advanced=True,
    )
    clip_skip_sdxl: bool = param(
        False,
        "Clip skip for SDXL",
        infotext="Clip skip SDXL",
        setting="sdxl_clip_l_skip",
        advanced=True,
        help="Whether the first of SDXL's text encoders follows Clip skip.",
    )
    crop_top: int = param(
        0,
        "SDXL crop, top",
        setting="sdxl_crop_top",
        minimum=0,
        maximum=16384,
        step=1,
        advanced=True,
        help="SDXL is told that so many pixels were cut off; more than 0 moves things out of view.",
    )
    crop_left: int = param(
        0,
        "SDXL crop, left",
        setting="sdxl_crop_left",
        minimum=0,
        maximum=16384,
        step=1,
        advanced=True,
    )
    aesthetic_score: float = param(
        6.0,
        "Aesthetic score of the prompt",
        setting="sdxl_refiner_high_aesthetic_score",
        minimum=0,
        maximum=10,
        step=0.1,
        advanced=True,
        help="What the SDXL refiner is told of how pleasing the picture is to be.",
    )
    negative_aesthetic_score: float = param(
        2.5,
        "Aesthetic score of the negative prompt",
        setting="sdxl_refiner_low_aesthetic_score",
        minimum=0,
        maximum=10,
        step=0.1,
        advanced=True,
    )
    old_emphasis: bool = param(
        False,
        "Old emphasis implementation",
        setting="use_old_emphasis_implementation",
        advanced=True,
    )
    old_scheduling: bool = param(
        False,
        "Old prompt editing timelines",
        infotext="Old prompt editing timelines",
        setting="use_old_scheduling",
        advanced=True,
    )
    single_count: bool = param(
        False,
        "Prompt editing counts steps, not evaluations",
        setting="dont_fix_second_order_samplers_schedule",
        advanced=True,
        help="Second-order samplers evaluate twice a step; before version 1.2 that did not count.",
    )
    disable_networks: bool = param(
        False,
        "Leave networks out",
        api="disable_extra_networks",
        advanced=True,
        help="Their marks in the prompt have no effect.",
    )
    comments: bool = param(
        True, "Comments in prompts", setting="enable_prompt_comments", advanced=True
    )
    wildcards: bool = param(
        True,
        "Wildcards in prompts",
        setting="enable_wildcards",
        advanced=True,
        help="__name__ becomes a line of the file wildcards/name.txt, another for each picture.",
    )
    variants: bool = param(
        True,
        "Variants in braces",
        setting="enable_prompt_variants",
        advanced=True,
        help="{a|b} becomes a or b. Braces without | stay as they are.",
    )
    every_variant: bool = param(
        False,
        "Draw every combination",
        setting="draw_every_variant",
        advanced=True,
        help="One picture for each text that the prompt's wildcards and variants can become.",
    )


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """Which random numbers the picture starts from."""

    seed: int = param(
        -1, "Seed", infotext="Seed", api="seed", minimum=-1, maximum=2**63 - 1, help="-1 is random."
    )
    subseed: int = param(
        -1,
        "Variation seed",
        infotext="Variation seed",
        api="subseed",
        minimum=-1,
        maximum=2**63 - 1,
        advanced=True,
    )
    subseed_strength: float = param(
        0.0,
        "Variation strength",
        infotext="Variation seed strength",
        api="subseed_strength",
        minimum=0,
        maximum=1,
        step=0.01,
        advanced=True,
    )
    resize_from_w: int = param(
        0,
        "Resize seed from width",
        api="seed_resize_from_w",
        minimum=-1,
        maximum=16384,
        advanced=True,
    )
    resize_from_h: int = param(
        0,
        "Resize seed from height",
        api="seed_resize_from_h",
        minimum=-1,
        maximum=16384,
        advanced=True,
    )
    ensd: int = param(
        0,
        "Eta noise seed delta",
        infotext="ENSD",
        setting="eta_noise_seed_delta",
        minimum=-(2**62),
        maximum=2**62,
        advanced=True,
    )
    source: str = param(
        "NV",
        "Random number generator source",
        infotext="RNG",
        setting="randn_source",
        choices=("GPU", "CPU", "NV"),
        advanced=True,
        help="NV gives the same picture on every machine, and equals what NVIDIA cards draw.",
    )


@dataclass(frozen=True, kw_only=True)
class Size:
    """Pixels. Latents are floor(side / 8)."""

    width: int = param(
        512, "Width", api="width", minimum=16, maximum=16384, slider=(64, 2048), step=8
    )
    height: int = param(
        512, "Height", api="height", minimum=16, maximum=16384, slider=(64, 2048), step=8
    )


@dataclass(frozen=True, kw_only=True)
class Batch:
    """How many pictures. Picture i of the whole job has seed + i."""

    batch_size: int = param(
        1,
        "Batch size",
        api="batch_size",
        minimum=1,
        maximum=128,
        slider=(1, 8),
        step=1,
        help="Pictures drawn at the same time: faster in all, more memory.",
    )
    n_iter: int = param(
        1, "Batch count", api="n_iter", minimum=1, maximum=10000, slider=(1, 100), step=1
    )

    @property
    def total(self) -> int:
        """Number of pictures of the job."""
        return self.batch_size * self.n_iter


@dataclass(frozen=True, kw_only=True)
class Models:
    """Which files. Models are named, not held."""

    checkpoint: str = param(
        "",
        "Stable Diffusion checkpoint",
        setting="sd_model_checkpoint",
        choices="checkpoints",
        help="Title, file name or hash; empty is the one chosen in the settings.",
    )
    vae: str = param("Automatic", "VAE", infotext="VAE", setting="sd_vae", choices="vaes")
    vae_before_preference: bool = param(
        True,
        "The VAE chosen here goes before what is noted with the checkpoint",
        setting="sd_vae_overrides_per_model_preferences",
        advanced=True,
    )
    vae_float32: bool = param(
        True,
        "VAE in 32-bit floats if it gives nothing but NaN",
        setting="auto_vae_precision",
        advanced=True,
    )
    vae_bfloat16: bool = param(
        False,
        "VAE in bfloat16 if it gives nothing but NaN",
        setting="auto_vae_precision_bfloat16",
        advanced=True,
    )


@dataclass(frozen=True, kw_only=True)
class Refiner:
    """Another model that goes on in the middle of a pass."""

    checkpoint: str = param(
        "",
        "Refiner",
        infotext="Refiner",
        api="refiner_checkpoint",
        flag="refiner",
        choices="checkpoints",
        help="The checkpoint that goes on with the picture; empty is none.",
    )
    switch_at: float = param(
        0.8,
        "Switch at",
        infotext="Refiner switch at",
        api="refiner_switch_at",
        flag="refiner-switch-at",
        minimum=0,
        maximum=1,
        slider=(0.01, 1),
        step=0.01,
        help="The share of the way after which the refiner goes on.",
    )


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """One job: frozen, comparable, picklable, the same on every machine."""

    prompt: str = param("", "Prompt", api="prompt")
    negative_prompt: str = param("", "Negative prompt", api="negative_prompt")
    tiling: bool = param(
        False,
        "Tiling",
        infotext="Tiling",
        api="tiling",
        setting="tiling",
        advanced=True,
        help="The picture's edges fit each other, so that it can be laid side by side.",
    )
    sampling: Sampling = Sampling()
    options: SamplerOptions = SamplerOptions()
    text: TextOptions = TextOptions()
    seeds: Seeds = Seeds()
    size: Size = Size()
    batch: Batch = Batch()
    models: Models = Models()
    refiner: Refiner = Refiner()
    pictures: PictureOptions = field(default_factory=PictureOptions)
    faces: Faces = field(default_factory=Faces)
    afterwards: Afterwards = field(default_factory=Afterwards)
    img2img: Img2Img | None = None
    hires: Hires | None = None
    control: tuple[ControlUnit, ...] = ()
    """Pictures that steer the drawing through networks of their own, in the order of the units."""
    script: ScriptCall | None = None
    """What runs this request many times, if anything does."""
    wordings: tuple[Wording, ...] = ()
    """The texts of each picture, where the prompts are templates; then a batch is one picture."""
    watermark: Watermark | None = None
    """What is hidden in every picture; the owner's settings go before a person's wish."""
    extras: Mapping[str, Any] = field(default_factory=dict)
    """Values of extensions by the extension's name; JSON-like."""

    def token_merging(self, *, second_pass: bool = False) -> float:
        """The ratio of tokens that are merged in a pass."""
        options = self.options
        if second_pass:
            return options.token_merging_hr or options.token_merging
        own = options.token_merging_img2img if self.img2img is not None else 0.0
        return own or options.token_merging

    def wording(self, index: int) -> Wording:
        """The texts of picture number `index` of the job."""
        if self.wordings:
            return self.wordings[min(max(index, 0), len(self.wordings) - 1)]
        hires = self.hires
        return Wording(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            hires_prompt=hires.prompt if hires is not None else "",
            hires_negative_prompt=hires.negative_prompt if hires is not None else "",
        )

    def check(self) -> None:
        """Raise InvalidRequest for anything outside its limits; the service checks names."""
        check_limits(self)
        if self.watermark is not None:
            self.watermark.check()
        for unit in self.control:
            unit.check()
