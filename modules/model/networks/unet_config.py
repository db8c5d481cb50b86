"""The shape of the denoising U-Net of latent diffusion, as one record."""

from dataclasses import dataclass

from modules.model.attention import Kernel


@dataclass(frozen=True, kw_only=True)
class UNetConfig:
    """The shape of a U-Net; the defaults are Stable Diffusion 1's.

    Per-level tuples (`channel_mult`, `num_res_blocks`, `transformer_depth`) go from the finest
    level to the coarsest; the last two may be one number for all levels.
    """

    in_channels: int = 4
    out_channels: int = 4
    model_channels: int = 320
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int | tuple[int, ...] = 2
    attention_resolutions: tuple[int, ...] = (
        4,
        2,
        1,
    )  # downsampling factors that have attention
    transformer_depth: int | tuple[int, ...] = 1
    middle_depth: int | None = None  # None: as deep as the coarsest level
    middle_blocks: int = 2  # residual blocks in the middle; without attention there may be one
    block_depths: tuple[int, ...] | None = None  # for every residual block, down and up, if given
    num_heads: int | None = 8  # give this or head_channels
    head_channels: int | None = None
    context_dim: int = 768
    use_linear_in_transformer: bool = False
    adm_in_channels: int | None = None  # width of the extra condition vector (SDXL: 2816)
    scale_embedding: int | None = None  # width of the guidance scale's embedding (LCM: 256)
    norm_groups: int = 32
    attention: Kernel = "sdpa"

    def res_blocks_at(self, level: int) -> int:
        """Residual blocks on the way down at `level` (one more on the way up)."""
        return per_level(self.num_res_blocks, level)

    def depth_at(self, level: int) -> int:
        """Transformer blocks after each residual block at `level`; 0 means no attention there."""
        return (
            per_level(self.transformer_depth, level)
            if 2**level in self.attention_resolutions
            else 0
        )

    def depths_down(self) -> tuple[int, ...]:
        """Transformer blocks after each residual block on the way down, in order."""
        levels = range(len(self.channel_mult))
        usual = [self.depth_at(level) for level in levels for _ in range(self.res_blocks_at(level))]
        return tuple(usual if self.block_depths is None else self.block_depths[: len(usual)])

    def depths_up(self) -> tuple[int, ...]:
        """The same on the way up, from the coarsest level to the finest."""
        levels = reversed(range(len(self.channel_mult)))
        usual = [
            self.depth_at(level) for level in levels for _ in range(self.res_blocks_at(level) + 1)
        ]
        return tuple(usual if self.block_depths is None else self.block_depths[-len(usual) :])

    def depth_in_middle(self) -> int:
        """Transformer blocks in the middle."""
        if self.middle_depth is not None:
            return self.middle_depth
        return per_level(self.transformer_depth, len(self.channel_mult) - 1)

    def heads_for(self, channels: int) -> int:
        """Attention heads of a block of `channels` channels."""
        return channels // self.head_channels if self.head_channels else self.num_heads or 1


def per_level(value: int | tuple[int, ...], level: int) -> int:
    """`value` at `level`, where one number stands for all levels."""
    return value if isinstance(value, int) else value[level]
