"""The bodies of `/sdapi/v1`, under the names and with the defaults client generators know."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

RANDOM = -1


def _seed(value: Any) -> Any:
    """Old clients send an empty text, or any text, for "random"."""
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.lstrip("-").isdigit() else RANDOM
    return value


Seed = Annotated[int | None, BeforeValidator(_seed)]


class Body(BaseModel):
    """Unknown keys are ignored everywhere; newer clients send what older servers do not know."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=True)


class StableDiffusionProcessing(Body):
    """What txt2img and img2img have in common. null means the default, or the setting."""

    prompt: str | None = ""
    negative_prompt: str | None = ""
    styles: list[str] | None = None
    seed: Seed = RANDOM
    subseed: Seed = RANDOM
    subseed_strength: float | None = 0
    seed_resize_from_h: int | None = -1
    seed_resize_from_w: int | None = -1
    sampler_name: str | None = None
    sampler_index: str | None = "Euler"
    scheduler: str | None = None
    batch_size: int | None = 1
    n_iter: int | None = 1
    steps: int | None = 50
    cfg_scale: float | None = 7.0
    width: int | None = 512
    height: int | None = 512
    restore_faces: bool | None = None
    tiling: bool | None = None
    do_not_save_samples: bool | None = False
    do_not_save_grid: bool | None = False
    eta: float | None = None
    denoising_strength: float | None = None
    s_min_uncond: float | None = None
    s_churn: float | None = None
    s_tmax: float | None = None
    s_tmin: float | None = None
    s_noise: float | None = None
    override_settings: dict[str, Any] | None = None
    override_settings_restore_afterwards: bool | None = True
    refiner_checkpoint: str | None = None
    refiner_switch_at: float | None = None
    disable_extra_networks: bool | None = False
    firstpass_image: str | None = None
    comments: dict[str, Any] | None = None
    script_name: str | None = None
    script_args: list[Any] | None = Field(default_factory=list)
    alwayson_scripts: dict[str, Any] | None = Field(default_factory=dict)
    send_images: bool | None = True
    save_images: bool | None = False
    force_task_id: str | None = None
    infotext: str | None = None


class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    """Body of `POST /sdapi/v1/txt2img`."""

    enable_hr: bool | None = False
    hr_scale: float | None = 2.0
    hr_upscaler: str | None = None
    hr_second_pass_steps: int | None = 0
    hr_resize_x: int | None = 0
    hr_resize_y: int | None = 0
    hr_checkpoint_name: str | None = None
    hr_sampler_name: str | None = None
    hr_scheduler: str | None = None
    hr_prompt: str | None = ""
    hr_negative_prompt: str | None = ""
    firstphase_width: int | None = 0
    firstphase_height: int | None = 0


class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """Body of `POST /sdapi/v1/img2img`."""

    denoising_strength: float | None = 0.75
    init_images: list[str] | None = None
    resize_mode: int | None = 0
    image_cfg_scale: float | None = None
    mask: str | None = None
    mask_blur: int | None = None
    mask_blur_x: int | None = 4
    mask_blur_y: int | None = 4
    mask_round: bool | None = True
    inpainting_fill: int | None = 0
    inpaint_full_res: bool | int | None = True
    inpaint_full_res_padding: int | None = 0
    inpainting_mask_invert: int | bool | None = 0
    initial_noise_multiplier: float | None = None
    latent_mask: str | None = None
    include_init_images: bool | None = False


class TextToImageResponse(BaseModel):
    """Reply of txt2img; `info` is JSON as text."""

    images: list[str] | None
    parameters: dict[str, Any]
    info: str


class PNGInfoRequest(Body):
    """Body of `POST /sdapi/v1/png-info`."""

    image: str = ""


class InterrogateRequest(Body):
    """Body of `POST /sdapi/v1/interrogate`."""

    image: str | None = ""
    model: str | None = "clip"


class PNGInfoResponse(BaseModel):
    """Reply of png-info."""

    info: str
    items: dict[str, Any]
    parameters: dict[str, Any]


class ProgressState(BaseModel):
    """The part of `progress` that says what is being done."""

    skipped: bool = False
    interrupted: bool = False
    stopping_generation: bool = False
    job: str = ""
    job_count: int = 0
    job_timestamp: str = "0"
    job_no: int = 0
    sampling_step: int = 0
    sampling_steps: int = 0


class ProgressResponse(BaseModel):
    """Reply of `GET /sdapi/v1/progress`."""

    progress: float = 0.0
    eta_relative: float = 0.0
    state: ProgressState = Field(default_factory=ProgressState)
    current_image: str | None = None
    textinfo: str | None = None
