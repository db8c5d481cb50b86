"""The callbacks of the sampling loop: `on_cfg_denoiser`, `on_cfg_denoised`, `on_cfg_after_cfg`."""

from typing import Any

from modules.compat.missing import Cannot
from modules.compat.script import Bag
from modules.extension.hooks import Attachment


class CFGDenoiserParams(Bag):
    """What is known right before the network is asked; `x` and `sigma` are tensors."""

    def __getattr__(self, name: str) -> Any:
        if name in ("text_cond", "text_uncond", "image_cond", "denoiser"):
            raise Cannot(f"params.{name} of on_cfg_denoiser", self.extension)
        raise AttributeError(name)


class StepCount:
    """Which step of a pass is being made."""

    def __init__(self, steps: int) -> None:
        self.step, self.steps = 0, steps


def cfg_attachment(world: Any, steps: int) -> Attachment:
    """Join the loop for all callbacks there are, and for `shared.state`."""
    count, callbacks, state = StepCount(steps), world.callbacks, world.state

    def before(x: Any, level: Any) -> Any:
        for one in callbacks.of("cfg_denoiser"):
            sigma = level.reshape(-1) * x.new_ones(len(x))
            params = CFGDenoiserParams(
                x=x,
                sigma=sigma,
                sampling_step=count.step,
                total_sampling_steps=count.steps,
                extension=one.extension,
            )
            world.guard(one.extension, "on_cfg_denoiser", one.function, params)
            x = params.x
        return x

    def heard(rows: Any, level: Any) -> Any:
        for one in callbacks.of("cfg_denoised"):
            params = _params(count, x=rows, inner_model=None)
            world.guard(one.extension, "on_cfg_denoised", one.function, params)
            rows = params.x
        return rows

    def guided(combined: Any, x: Any, level: Any) -> Any:
        for one in callbacks.of("cfg_after_cfg"):
            params = _params(count, x=combined)
            world.guard(one.extension, "on_cfg_after_cfg", one.function, params)
            combined = params.x
        return combined

    def stepped(step: Any) -> None:
        count.step = step.index + 1
        state.sampling_step = count.step
        state.current_latent = step.denoised

    return Attachment(
        before_network=before if "cfg_denoiser" in callbacks else None,
        after_network=heard if "cfg_denoised" in callbacks else None,
        after_guidance=guided if "cfg_after_cfg" in callbacks else None,
        after_step=stepped,
    )


def _params(count: StepCount, **more: Any) -> Bag:
    return Bag(sampling_step=count.step, total_sampling_steps=count.steps, **more)
