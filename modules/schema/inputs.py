"""Optional parts of a request: pictures to start from, masks, second passes."""

from dataclasses import dataclass

from modules.param import param

RESIZE_MODES = (
    "Just resize",
    "Crop and resize",
    "Resize and fill",
    "Just resize (latent upscale)",
)
"""In the order in which A1111's `resize_mode` counts them."""

MASK_MODES = ("Inpaint masked", "Inpaint not masked")
MASKED_CONTENTS = ("fill", "original", "latent noise", "latent nothing")
INPAINT_AREAS = ("Whole picture", "Only masked")
"""In A1111's order, so that its numbers are places in these."""


@dataclass(frozen=True)
class ImageData:
    """Raw pixels: rows from top to bottom, `mode` as in Pillow (L, RGB, RGBA), 8 bits a channel."""

    width: int
    height: int
    mode: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class SoftInpaint:
    """Blend old and new by degrees instead of along the mask's border."""

    enabled: bool = param(True, "Soft inpainting", infotext="Soft inpainting enabled")
    schedule_bias: float = param(
        1.0,
        "Schedule bias",
        infotext="Soft inpainting schedule bias",
        minimum=0,
        maximum=8,
        step=0.1,
        help="Above 1 the picture is kept longer, below 1 it may change earlier.",
    )
    preservation: float = param(
        0.5,
        "Preservation strength",
        infotext="Soft inpainting preservation strength",
        minimum=0,
        maximum=8,
        step=0.05,
        help="How strongly half masked places keep what they show.",
    )
    contrast: float = param(
        4.0,
        "Transition contrast boost",
        infotext="Soft inpainting transition contrast boost",
        minimum=1,
        maximum=32,
        step=0.5,
    )
    mask_influence: float = param(
        0.0,
        "Mask influence",
        infotext="Soft inpainting mask influence",
        minimum=0,
        maximum=1,
        step=0.05,
        help="How much the mask itself, and not only the change, decides what is pasted back.",
    )
    difference_threshold: float = param(
        0.5,
        "Difference threshold",
        infotext="Soft inpainting difference threshold",
        minimum=0,
        maximum=8,
        step=0.25,
    )
    difference_contrast: float = param(
        2.0,
        "Difference contrast",
        infotext="Soft inpainting difference contrast",
        minimum=0,
        maximum=8,
        step=0.25,
    )


@dataclass(frozen=True, kw_only=True)
class Inpaint:
    """Repaint a part of the picture."""

    mask: ImageData | None = None
    """White is repainted, or in RGBA what is opaque; any size, it is stretched over the picture."""
    latent_mask: ImageData | None = None
    """What is drawn anew, if it is not the same as where the result shows; white, never blurred."""
    mode: str = param("Inpaint masked", "Mask mode", infotext="Mask mode", choices=MASK_MODES)
    blur: int = param(
        4,
        "Mask blur",
        infotext="Mask blur",
        api="mask_blur",
        minimum=0,
        maximum=1024,
        slider=(0, 64),
        step=1,
        help="In pixels.",
    )
    blur_y: int | None = param(
        None,
        "Mask blur downwards",
        api="mask_blur_y",
        minimum=0,
        maximum=1024,
        advanced=True,
        help="Empty is the same as sideways.",
    )
    content: str = param(
        "original", "Masked content", infotext="Masked content", choices=MASKED_CONTENTS
    )
    area: str = param(
        "Whole picture", "Inpaint area", infotext="Inpaint area", choices=INPAINT_AREAS
    )
    padding: int = param(
        32,
        "Only masked padding, pixels",
        infotext="Masked area padding",
        api="inpaint_full_res_padding",
        minimum=0,
        maximum=16384,
        slider=(0, 256),
        step=4,
    )
    round: bool = param(
        True,
        "Hard latent mask",
        api="mask_round",
        advanced=True,
        help="Every latent cell is repainted or not, nothing between.",
    )
    soft: SoftInpaint | None = None

    @property
    def is_soft(self) -> bool:
        """Whether soft inpainting is asked for."""
        return self.soft is not None and self.soft.enabled


@dataclass(frozen=True, kw_only=True)
class Inversion:
    """Begin with the noise that the picture would have been drawn from; a script asks for it."""

    prompt: str = ""
    """What the picture shows; empty is the prompt."""
    negative_prompt: str = ""
    steps: int = 50
    """Of the way back."""
    cfg_scale: float = 1.0
    randomness: float = 0.0
    """From 0 to 1, how much other noise is mixed in."""


@dataclass(frozen=True, kw_only=True)
class Img2Img:
    """Start from pictures instead of noise alone."""

    images: tuple[ImageData, ...] = ()
    """One for all, or one for every picture of a batch. RGB or RGBA."""
    colour_reference: ImageData | None = None
    """Whose colours the results get where that is asked for, if not the picture's own."""
    denoising_strength: float = param(
        0.75,
        "Denoising strength",
        infotext="Denoising strength",
        api="denoising_strength",
        minimum=0,
        maximum=1,
        step=0.01,
        help="0 keeps the picture, 1 keeps next to nothing of it.",
    )
    resize_mode: str = param("Just resize", "Resize mode", choices=RESIZE_MODES)
    image_cfg_scale: float = param(
        1.5,
        "Image CFG Scale",
        infotext="Image CFG scale",
        api="image_cfg_scale",
        minimum=0,
        maximum=100,
        slider=(0, 3),
        step=0.05,
        advanced=True,
        help="How closely a model that edits pictures (instruct-pix2pix) keeps to the picture.",
    )
    inpaint: Inpaint | None = None
    inversion: Inversion | None = None
    depth: ImageData | None = None
    """How near everything is, nearest white, for models that are told so (depth2img)."""


@dataclass(frozen=True, kw_only=True)
class Hires:
    """A second pass at a larger size."""

    upscaler: str = param(
        "Latent",
        "Upscaler",
        infotext="Hires upscaler",
        api="hr_upscaler",
        choices="hires_upscalers",
    )
    scale: float = param(
        2.0,
        "Upscale by",
        infotext="Hires upscale",
        api="hr_scale",
        minimum=1,
        maximum=8,
        slider=(1, 4),
        step=0.05,
    )
    resize_x: int = param(
        0,
        "Resize width to",
        api="hr_resize_x",
        minimum=0,
        maximum=16384,
        slider=(0, 2048),
        step=8,
        help="0 follows the height, or the scale if both are 0.",
    )
    resize_y: int = param(
        0,
        "Resize height to",
        api="hr_resize_y",
        minimum=0,
        maximum=16384,
        slider=(0, 2048),
        step=8,
    )
    steps: int = param(
        0,
        "Hires steps",
        infotext="Hires steps",
        api="hr_second_pass_steps",
        minimum=0,
        maximum=1000,
        slider=(0, 150),
        step=1,
        help="0 means as many as the first pass.",
    )
    denoising_strength: float = param(
        0.7,
        "Denoising strength",
        infotext="Denoising strength",
        api="denoising_strength",
        minimum=0,
        maximum=1,
        step=0.01,
    )
    checkpoint: str = param(
        "",
        "Hires checkpoint",
        infotext="Hires checkpoint",
        api="hr_checkpoint_name",
        choices="checkpoints",
        help="Empty is the same as for the first pass.",
    )
    sampler: str = param(
        "",
        "Hires sampling method",
        infotext="Hires sampler",
        api="hr_sampler_name",
        choices="samplers",
        help="Empty is the same as for the first pass.",
    )
    schedule: str = param(
        "",
        "Hires schedule type",
        infotext="Hires schedule type",
        api="hr_scheduler",
        choices="schedules",
        help="Empty is the same as for the first pass.",
    )
    cfg_scale: float | None = param(
        None,
        "Hires CFG Scale",
        infotext="Hires CFG Scale",
        minimum=-100,
        maximum=1000,
        slider=(1, 30),
        step=0.5,
        advanced=True,
        help="Empty is the same as for the first pass.",
    )
    prompt: str = param(
        "", "Hires prompt", infotext="Hires prompt", api="hr_prompt", help="Empty is the prompt."
    )
    negative_prompt: str = param(
        "",
        "Hires negative prompt",
        infotext="Hires negative prompt",
        api="hr_negative_prompt",
        help="Empty is the negative prompt.",
    )
    image: ImageData | None = None
    """A finished picture to take instead of a first pass, at the first pass's size."""


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Knobs of everything that starts from a picture; most people leave them alone."""

    noise_multiplier: float = param(
        1.0,
        "Noise multiplier for img2img",
        infotext="Noise multiplier",
        api="initial_noise_multiplier",
        setting="initial_noise_multiplier",
        minimum=0,
        maximum=1.5,
        step=0.001,
        advanced=True,
    )
    extra_noise: float = param(
        0.0,
        "Extra noise for img2img and hires fix",
        infotext="Extra noise",
        setting="img2img_extra_noise",
        minimum=0,
        maximum=1,
        step=0.01,
        advanced=True,
    )
    keep_first_pass: bool = param(
        False,
        "Keep pictures as they were before hires fix, too",
        setting="save_images_before_highres_fix",
        advanced=True,
    )
    old_hires_size: bool = param(
        False,
        "Width and height are those of the second pass",
        setting="use_old_hires_fix_width_height",
        advanced=True,
        help="As in early versions; the first pass then draws about 512 x 512 pixels.",
    )
    exact_steps: bool = param(
        False,
        "In img2img do exactly the number of steps",
        setting="img2img_fix_steps",
        advanced=True,
        help="Otherwise less denoising means fewer steps.",
    )
    colour_correction: bool = param(
        False,
        "Match the result's colours to the original's",
        setting="img2img_color_correction",
        advanced=True,
    )
    background: str = param(
        "#ffffff",
        "Colour behind transparent pictures",
        setting="img2img_background_color",
        advanced=True,
    )
    overlay: bool = param(
        True,
        "Put the original over what was not inpainted",
        setting="overlay_inpaint",
        advanced=True,
    )
    mask_weight: float = param(
        1.0,
        "Mask strength of inpainting models",
        infotext="Conditional mask weight",
        setting="inpainting_mask_weight",
        minimum=0,
        maximum=1,
        step=0.01,
        advanced=True,
    )
    upscaler: str = param(
        "",
        "Upscaler for img2img",
        setting="upscaler_for_img2img",
        choices="upscalers",
        advanced=True,
        help="Empty resizes with Lanczos.",
    )
    tile: int = param(
        192,
        "Tile size of upscalers",
        setting="ESRGAN_tile",
        flag="upscaler-tile",
        minimum=0,
        maximum=4096,
        slider=(0, 512),
        step=16,
        advanced=True,
        help="In pixels of the small picture; 0 takes it whole.",
    )
    tile_overlap: int = param(
        8,
        "Overlap of these tiles",
        setting="ESRGAN_tile_overlap",
        flag="upscaler-tile-overlap",
        minimum=0,
        maximum=512,
        slider=(0, 48),
        step=1,
        advanced=True,
    )
