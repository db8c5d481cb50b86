"""Another model takes over in the middle of a pass, as in Podell et al. 2023, section 2.5."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from modules.errors import ModelError
from modules.model.loader import Model
from modules.sampling.guidance import Guidance
from modules.sampling.plan import SamplingPass
from modules.sampling.prediction import Prediction
from modules.schema.request import GenerationRequest

TIMESTEPS = 1000


class Speaker:
    """What a pass asks for its predictions: one model's at first, perhaps another's later."""

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction

    def __call__(self, x: Tensor, level: Tensor, context: Any) -> Tensor:
        """What the model says that speaks now; as in `Prediction`."""
        return self.prediction(x, level, context)

    def to_output(self, x: Tensor, level: Tensor, combined: Tensor) -> Tensor:
        """What its network would have said."""
        return self.prediction.to_output(x, level, combined)

    def from_output(self, x: Tensor, level: Tensor, output: Tensor) -> Tensor:
        """The inverse of `to_output`."""
        return self.prediction.from_output(x, level, output)


@dataclass
class Switch:
    """When the other model takes over, and what is done then."""

    at: float
    by_steps: bool
    plan: SamplingPass
    take_over: Callable[[], None]
    done: bool = False

    def before(self, guidance: Guidance, level: Tensor) -> None:
        """Look whether it is time, before an evaluation at a noise level or timestep."""
        if not self.done and self.share(guidance, level) >= self.at:
            self.done = True
            self.take_over()

    def share(self, guidance: Guidance, level: Tensor) -> float:
        """How much of the pass is done: of its evaluations, or (since A1111 1.9) of the noise."""
        if self.by_steps:
            return guidance.count / guidance.total
        if self.plan.sampler.family == "timestep":
            timestep = int(level)
        else:
            timestep = int(self.plan.table.sigma_to_t(level.reshape(1), quantize=True))
        return (TIMESTEPS - 1 - timestep) / TIMESTEPS


def refines(request: GenerationRequest, *, second_pass: bool) -> bool:
    """Whether another model takes over in this pass of the request."""
    if not request.refiner.checkpoint:
        return False
    if request.hires is None:
        return True
    passes = request.options.refiner_pass
    return passes == "both passes" or second_pass == (passes == "second pass")


def check_fits(other: Model, model: Model) -> None:
    """Raise ModelError if one model cannot go on with what the other began."""
    if other.latent_channels != model.latent_channels or other.downsample != model.downsample:
        raise ModelError(
            f"{other.name} cannot refine pictures of {model.name}: their latents differ.",
            "Choose a refiner of the same family.",
        )
    if other.picture_input not in ("", model.picture_input):
        raise ModelError(
            f"{other.name} cannot refine pictures: it is told of a picture that {model.name} "
            "does not have.",
            "Choose a refiner that draws from text.",
        )
