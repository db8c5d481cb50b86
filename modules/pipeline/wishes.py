"""A request's fields in the words of sampling and conditioning."""

from math import inf

from modules.conditioning.options import ConditioningOptions
from modules.conditioning.size_vector import PictureFacts
from modules.model.loader import Model
from modules.sampling.catalogue import Resolved, Sampler, resolve_sampler
from modules.sampling.guidance import GuidanceOptions
from modules.sampling.noise import NoiseOptions
from modules.sampling.plan import FromPicture, PassOptions
from modules.sampling.step import Options
from modules.schema.request import GenerationRequest


def resolved_sampler(request: GenerationRequest) -> Resolved:
    """The sampler and schedule a request asks for; raises NotFound.

    Without any schedule the sampler's name says it all, as it did before version 1.9.
    """
    sampling = request.sampling
    return resolve_sampler(sampling.sampler, sampling.schedule, None if sampling.schedule else "")


def resolved_hires_sampler(request: GenerationRequest) -> Resolved:
    """The sampler and schedule of the second pass: where it names none, those of the first."""
    assert request.hires is not None
    name = request.hires.sampler or request.sampling.sampler
    schedule = request.hires.schedule or request.sampling.schedule
    return resolve_sampler(name, schedule, None if schedule else "")


def pass_options(request: GenerationRequest, model: Model, sampler: Sampler) -> PassOptions:
    """What shapes the grid, for this model."""
    wish = request.options
    return PassOptions(
        sampler=sampler_options(request, sampler),
        sigma_min=wish.sigma_min,
        sigma_max=wish.sigma_max,
        rho=wish.rho,
        beta_alpha=wish.beta_alpha,
        beta_beta=wish.beta_beta,
        discard_penultimate=wish.discard_penultimate,
        old_karras=wish.old_karras,
        sgm_noise_multiplier=wish.sgm_noise_multiplier,
        quantize=wish.quantize,
        single_count=request.text.single_count,
        downcast_alphas=wish.downcast_alphas,
        zero_terminal_snr=wish.noise_schedule == "Zero Terminal SNR"
        or model.architecture.schedule.zero_terminal_snr,
        family=model.family.name,
        prediction=model.prediction,
    )


def sampler_options(request: GenerationRequest, sampler: Sampler) -> Options:
    """The sampler's knobs. DDIM and its kin have an eta of their own."""
    wish = request.options
    usual = 1.0 if wish.eta is None else wish.eta
    return Options(
        eta=wish.eta_ddim if sampler.family == "timestep" else usual,
        s_churn=wish.s_churn,
        s_tmin=wish.s_tmin,
        s_tmax=wish.s_tmax or inf,
        s_noise=wish.s_noise,
        unipc_variant=wish.uni_pc_variant,
        unipc_skip=wish.uni_pc_skip_type,
        unipc_order=wish.uni_pc_order,
        unipc_lower_order_final=wish.uni_pc_lower_order_final,
    )


def guidance_options(
    request: GenerationRequest, model: Model, sampler: Sampler, cfg_scale: float | None = None
) -> GuidanceOptions:
    """How strongly and when to guide; `cfg_scale` None is the request's.

    Networks that guide themselves are only told the scale.
    """
    wish = request.options
    scale = request.sampling.cfg_scale if cfg_scale is None else cfg_scale
    edits = model.picture_input == "picture" and request.img2img is not None
    if model.unet.config.scale_embedding is not None:
        scale = 1.0
    return GuidanceOptions(
        picture_scale=request.img2img.image_cfg_scale if edits and request.img2img else 1.0,
        scale=scale / sampler.cfg_divisor,
        minimum_sigma=wish.s_min_uncond,
        minimum_sigma_always=wish.s_min_uncond_all,
        skip_early=wish.skip_early_cond,
        rescale=wish.cfg_rescale,
        one_call=wish.batch_cond_uncond,
        always_uncond=sampler.needs_uncond,
    )


def conditioning_options(request: GenerationRequest) -> ConditioningOptions:
    """How prompts are read and encoded."""
    return ConditioningOptions.of(request.text)


def picture_facts(request: GenerationRequest, width: int, height: int) -> PictureFacts:
    """What networks are told of a picture of that many pixels, if they want to know."""
    text = request.text
    return PictureFacts(
        height=height,
        width=width,
        crop_top=text.crop_top,
        crop_left=text.crop_left,
        score=text.aesthetic_score,
        negative_score=text.negative_aesthetic_score,
    )


def noise_options(request: GenerationRequest, model: Model) -> NoiseOptions:
    """How the first noise is made."""
    seeds = request.seeds
    original = None
    if seeds.resize_from_w > 0 and seeds.resize_from_h > 0:
        cell = model.downsample
        original = (model.latent_channels, seeds.resize_from_h // cell, seeds.resize_from_w // cell)
    return NoiseOptions(
        source=seeds.source,
        subseed_strength=seeds.subseed_strength,
        resize_from=original,
        ensd=seeds.ensd,
    )


def from_picture(request: GenerationRequest) -> FromPicture | None:
    """How much of the pictures the first pass changes; None if it starts from noise alone."""
    if request.img2img is None:
        return None
    return FromPicture(
        strength=request.img2img.denoising_strength,
        exact=request.pictures.exact_steps,
        extra_noise=request.pictures.extra_noise,
    )


def from_first_pass(request: GenerationRequest) -> FromPicture:
    """How much of the first pass the second changes; it makes exactly the steps asked for."""
    assert request.hires is not None
    return FromPicture(
        strength=request.hires.denoising_strength,
        exact=True,
        extra_noise=request.pictures.extra_noise,
    )
