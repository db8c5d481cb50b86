"""The noise that a picture would have been drawn from: the sampler's way, gone backwards.

DDIM inversion (Song, Meng and Ermon 2021, section 4.3), in the variables of Karras et al. (2022):
dx/dsigma = (x - D(x, sigma)) / sigma, by Euler's method from the smallest level up to the one at
which a pass begins. What the words of before say is kept, and other words change that alone.
"""

from dataclasses import replace
from itertools import pairwise

import torch
from torch import Tensor

from modules.errors import ModelError
from modules.pipeline.drawing_pass import DrawingPass
from modules.pipeline.texts import texts_of
from modules.pipeline.wishes import guidance_options, pass_options
from modules.sampling.catalogue import resolve_sampler
from modules.sampling.guidance import Guidance
from modules.sampling.plan import SamplingPass
from modules.schema.inputs import Inversion

EULER = "Euler"


def first_level(plan: SamplingPass) -> float:
    """The noise level at which a pass over a picture begins, for any family of samplers."""
    if plan.is_empty:
        return 0.0
    if plan.sampler.family == "timestep":
        place = min(plan.steps, len(plan.full_grid) - 1)
        alpha = float(plan.alphas[int(plan.full_grid[place])])
        return float(((1 - alpha) / alpha) ** 0.5)
    return float(plan.grid[0])


@torch.no_grad()
def noise_behind(
    drawing: DrawingPass,
    latents: Tensor,
    noise: Tensor,
    wish: Inversion,
    picture_conditions: Tensor | None,
) -> Tensor:
    """What lies over `latents` (batch, channels, h, w) so that `drawing` leads back to them.

    `noise` of the same shape is mixed in as `wish.randomness` says. Raises ModelError for models
    that predict flows, Interrupted.
    """
    level = first_level(drawing.plan)
    if level <= 0:
        return noise
    bench = drawing.bench
    request, model = bench.request, bench.model
    if model.prediction == "flow":
        raise ModelError(
            f"The noise behind a picture cannot be found with {model.name}.",
            "That works with Stable Diffusion 1, 2 and XL.",
        )
    euler = resolve_sampler(EULER, "Automatic")
    options = pass_options(request, model, euler.sampler)
    plan = SamplingPass(euler, wish.steps, model.alphas_for(*drawing.size), options)
    texts = texts_of(wish.prompt or request.prompt, wish.negative_prompt, request.text)
    back = replace(drawing, plan=plan, texts=texts)
    for _ in back.apply_networks():
        bench.heed()
    conditions = back.encode(len(latents))
    levels = [one for one in plan.grid.flip(0).tolist() if 0 < one < level] + [level]
    guidance = Guidance(
        plan.prediction(back.network),
        conditions.at,
        len(levels),
        guidance_options(request, model, euler.sampler, wish.cfg_scale),
        picture_conditions=picture_conditions,
    )
    x = latents + noise * 0
    with model.resident("unet"):
        for here, above in pairwise([levels[0], *levels]):
            now = torch.tensor(here, device=x.device)
            slope = (x - guidance(x, now)) / here
            x = x + slope * (above - here)
    found = (x - latents) / level
    share = wish.randomness
    mixed: Tensor = (found * (1 - share) + noise * share) / ((1 - share) ** 2 + share**2) ** 0.5
    return mixed
