"""Which network a record describes: denoisers and text encoders of every family."""

from collections.abc import Callable, Mapping

from modules.model.families.record import Layout
from modules.model.networks.bert import Bert, BertConfig
from modules.model.networks.clip_text import ClipText, ClipTextConfig
from modules.model.networks.flux import Flux, FluxConfig
from modules.model.networks.mmdit import MMDiT, MMDiTConfig
from modules.model.networks.t5 import T5, T5Config
from modules.model.networks.unet import UNet, UNetConfig

DenoiserConfig = UNetConfig | MMDiTConfig | FluxConfig
Denoiser = UNet | MMDiT | Flux
TextConfig = ClipTextConfig | BertConfig | T5Config
TextEncoder = ClipText | Bert | T5

Shapes = Mapping[str, tuple[int, ...]]

WORD_READERS: dict[Layout, Callable[[Shapes], TextConfig]] = {
    "bert": BertConfig.from_shapes,
    "t5": T5Config.from_shapes,
}
"""Text encoders other than CLIP's, described by the shapes of their tensors."""


def denoiser(config: DenoiserConfig) -> Denoiser:
    """The network that takes noise away."""
    if isinstance(config, MMDiTConfig):
        return MMDiT(config)
    return Flux(config) if isinstance(config, FluxConfig) else UNet(config)


def text_encoder(config: TextConfig) -> TextEncoder:
    """The network that reads prompts."""
    if isinstance(config, BertConfig):
        return Bert(config)
    return T5(config) if isinstance(config, T5Config) else ClipText(config)
