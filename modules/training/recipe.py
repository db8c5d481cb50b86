"""How the embedded model is made: sizes, worlds and lengths of all stages in one record."""

from dataclasses import dataclass

from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.unet import UNetConfig
from modules.training.autoencoder_stage import WIDE_EVERY
from modules.training.loop import Plan
from modules.training.vocabulary import world_vocabulary
from modules.training.world.captions import TRAINING_HABITS, WIDE_HABITS, Habits
from modules.training.world.scene import WORLDS, World


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole training: the record that makes a run repeatable."""

    name: str = "easel-mini"
    worlds: tuple[str, ...] = ("simple",)
    """Names of the worlds the U-Net learns; the autoencoder always sees some of the wide one."""
    size: int = 128
    channels: int = 16
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    model_channels: int = 48
    unet_mult: tuple[int, ...] = (1, 2, 2, 3)
    unet_heads: int = 2
    text_width: int = 128
    text_layers: int = 4
    latents: int = 40_000
    autoencoder_steps: int = 9_000
    autoencoder_batch: int = 8
    text_steps: int = 1_500
    text_batch: int = 96
    unet_steps: int = 20_000
    unet_batch: int = 32
    mixed_share: float = 0.5
    """Share of the U-Net's batches that shows different things together."""
    answers_weight: float = 0.0
    """How much the U-Net's stage minds that the text encoder forgets what captions say (try .1)."""
    flat_until: float = 0.6
    """Share of the U-Net's steps at the full rate."""
    decoder_steps: int = 3_000

    @property
    def wide_every(self) -> int:
        """One picture in how many the autoencoder sees of the wide world."""
        return WIDE_EVERY if self.worlds == ("simple",) else 2

    @property
    def habits(self) -> Habits:
        """How captions are written in training."""
        return TRAINING_HABITS if self.worlds == ("simple",) else WIDE_HABITS

    @property
    def autoencoder(self) -> AutoencoderConfig:
        """The autoencoder's shape: Stable Diffusion's with narrower layers, one block a level."""
        return AutoencoderConfig(
            channels=self.channels,
            channel_mult=self.channel_mult,
            num_res_blocks=1,
            norm_groups=min(32, self.channels // 4),
        )

    @property
    def unet(self) -> UNetConfig:
        """The U-Net's shape: Stable Diffusion 1's with narrower layers."""
        return UNetConfig(
            model_channels=self.model_channels,
            channel_mult=self.unet_mult,
            num_heads=self.unet_heads,
            context_dim=self.text_width,
            norm_groups=min(32, self.model_channels // 4),
            attention="matmul",
        )

    @property
    def text(self) -> ClipTextConfig:
        """The text encoder's shape while training, with the small vocabulary."""
        return ClipTextConfig(
            vocab_size=world_vocabulary().size,
            width=self.text_width,
            layers=self.text_layers,
            intermediate=4 * self.text_width,
        )

    @property
    def taught(self) -> tuple[World, ...]:
        """The worlds themselves."""
        return tuple(WORLDS[name] for name in self.worlds)

    @property
    def autoencoder_plan(self) -> Plan:
        """How the autoencoder learns."""
        return Plan(steps=self.autoencoder_steps, rate=2e-3)

    @property
    def decoder_plan(self) -> Plan:
        """How the decoder learns on alone."""
        return Plan(steps=self.decoder_steps, rate=1e-3, flat_until=0.3, average=0.995)

    @property
    def text_plan(self) -> Plan:
        """How the text encoder learns before it meets pictures."""
        return Plan(steps=self.text_steps, rate=1e-3, warm_up=100, average=0.995, weight_decay=0.01)

    @property
    def unet_plan(self) -> Plan:
        """How the U-Net learns; the text encoder moves along slowly."""
        return Plan(
            steps=self.unet_steps,
            rate=1.2e-3,
            slow=("text.",),
            slow_factor=0.15,
            warm_up=150,
            flat_until=self.flat_until,
            average=0.9985,
        )


SHIPPED = Recipe()
