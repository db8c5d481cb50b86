"""The multimodal diffusion transformer of Stable Diffusion 3 and 3.5 (Esser et al. 2024,
arXiv:2403.03206, section 4 and figure 2).

Text and picture run in two streams with weights of their own and meet in every attention.
Parameters carry the names of the original checkpoints (below `model.diffusion_model.`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.errors import InvalidRequest
from modules.model.networks.layers import Conv2d, Linear
from modules.model.networks.modulated import (
    RMSNorm,
    mix,
    modulate,
    normed,
    split_qkv,
)
from modules.model.networks.unet import timestep_embedding

FREQUENCIES = 256
"""Width of the sinusoids that a timestep becomes before the first layer."""
USUAL_HEAD = 64


@dataclass(frozen=True, kw_only=True)
class MMDiTConfig:
    """The shape of a transformer; the defaults are Stable Diffusion 3.5 Medium's."""

    channels: int = 16
    patch: int = 2
    width: int = 1536
    depth: int = 24
    heads: int = 24
    context_dim: int = 4096
    pooled_dim: int = 2048
    positions: int = 384  # patches along a side of the table of positions
    qk_norm: bool = True
    dual_layers: int = 13  # so many first blocks have a second attention over the picture alone
    mlp_width: int = 6144

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "MMDiTConfig":
        """Read everything from the shapes of a checkpoint's tensors. Raises KeyError."""
        width, channels, patch, _ = shapes["x_embedder.proj.weight"]
        block = "joint_blocks.0.x_block"
        norm = shapes.get(f"{block}.attn.ln_q.weight")
        return cls(
            channels=channels,
            patch=patch,
            width=width,
            depth=blocks_in(shapes, "joint_blocks"),
            heads=width // (norm[0] if norm else USUAL_HEAD),
            context_dim=shapes["context_embedder.weight"][1],
            pooled_dim=shapes["y_embedder.mlp.0.weight"][1],
            positions=round(shapes["pos_embed"][1] ** 0.5),
            qk_norm=norm is not None,
            dual_layers=sum(name.endswith("x_block.attn2.proj.bias") for name in shapes),
            mlp_width=shapes[f"{block}.mlp.fc1.weight"][0],
        )

    @property
    def in_channels(self) -> int:
        """Channels of the input: those of a latent."""
        return self.channels

    @property
    def adm_in_channels(self) -> int:
        """Width of the vector for the whole prompt."""
        return self.pooled_dim

    @property
    def scale_embedding(self) -> int | None:
        """Width in which the guidance is told; None where it is not."""
        return None


def blocks_in(shapes: Mapping[str, tuple[int, ...]], name: str) -> int:
    """How many blocks of a list there are: `name.0.`, `name.1.` and so on."""
    return len({key.split(".")[1] for key in shapes if key.startswith(f"{name}.")})


class Embedder(nn.Module):
    """Two layers that bring a vector to the width of the network."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(Linear(width, out_width), nn.SiLU(), Linear(out_width, out_width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) to (B, out_width)."""
        return self.mlp(x)


class Patches(nn.Module):
    """Squares of a latent as vectors."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__()
        self.proj = Conv2d(config.channels, config.width, config.patch, stride=config.patch)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, h/patch * w/patch, width)."""
        return self.proj(x).flatten(2).transpose(1, 2)


class JointAttention(nn.Module):
    """The projections of one stream before and after attention."""

    def __init__(self, config: MMDiTConfig, last: bool = False) -> None:
        super().__init__()
        width, head = config.width, config.width // config.heads
        self.heads = config.heads
        self.qkv = Linear(width, width * 3)
        self.proj = None if last else Linear(width, width)
        self.ln_q = RMSNorm(head) if config.qk_norm else nn.Identity()
        self.ln_k = RMSNorm(head) if config.qk_norm else nn.Identity()

    def before(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, n, width) to queries, keys and values (B, heads, n, d)."""
        q, k, v = split_qkv(self.qkv(x), self.heads)
        return self.ln_q(q), self.ln_k(k), v

    def forward(self, x: Tensor) -> Tensor:
        """Attention of a stream over itself alone; (B, n, width) to the same."""
        assert self.proj is not None
        return self.proj(mix(*self.before(x)))


class Mlp(nn.Module):
    """The perceptron of a stream, under the names the checkpoints give it."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, inner)
        self.fc2 = Linear(inner, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.fc2(F.gelu(self.fc1(x), approximate="tanh"))


class Stream(nn.Module):
    """One stream's half of a block. The last block's text is only looked at, not changed."""

    def __init__(self, config: MMDiTConfig, *, dual: bool = False, last: bool = False) -> None:
        super().__init__()
        self.attn = JointAttention(config, last)
        self.attn2 = JointAttention(config) if dual else None
        self.mlp = None if last else Mlp(config.width, config.mlp_width)
        self.parts = 2 if last else 9 if dual else 6
        self.adaLN_modulation = nn.Sequential(
            nn.SiLU(), Linear(config.width, config.width * self.parts)
        )

    def after(self, x: Tensor, mixed: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        """The rest of the block, from the result of the common attention (B, n, width)."""
        assert self.attn.proj is not None and self.mlp is not None
        _, _, gate, shift_mlp, scale_mlp, gate_mlp, *second = parts
        flat = normed(x)
        x = x + gate[:, None] * self.attn.proj(mixed)
        if self.attn2 is not None:
            shift, scale, gate = second
            x = x + gate[:, None] * self.attn2(modulate(flat, shift, scale))
        return x + gate_mlp[:, None] * self.mlp(modulate(normed(x), shift_mlp, scale_mlp))


class JointBlock(nn.Module):
    """One block of both streams."""

    def __init__(self, config: MMDiTConfig, index: int) -> None:
        super().__init__()
        self.last = index == config.depth - 1
        self.context_block = Stream(config, last=self.last)
        self.x_block = Stream(config, dual=index < config.dual_layers)

    def forward(self, context: Tensor, x: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """`context` (B, m, width), `x` (B, n, width), `vector` (B, width); gives both streams."""
        streams = (self.context_block, context), (self.x_block, x)
        parts = [block.adaLN_modulation(vector).chunk(block.parts, dim=1) for block, _ in streams]
        ready = [
            block.attn.before(modulate(normed(rows), shift, scale))
            for (block, rows), (shift, scale, *_) in zip(streams, parts, strict=True)
        ]
        q, k, v = (torch.cat(pair, dim=2) for pair in zip(*ready, strict=True))
        mixed = mix(q, k, v)
        length = context.shape[1]
        x = self.x_block.after(x, mixed[:, length:], parts[1])
        if not self.last:
            context = self.context_block.after(context, mixed[:, :length], parts[0])
        return context, x


class FinalLayer(nn.Module):
    """From the picture's stream back to patches."""

    def __init__(self, width: int, out_width: int) -> None:
        super().__init__()
        self.linear = Linear(width, out_width)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), Linear(width, width * 2))

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        """`x` (B, n, width), `vector` (B, width); gives (B, n, out_width)."""
        shift, scale = self.adaLN_modulation(vector).chunk(2, dim=1)
        return self.linear(modulate(normed(x), shift, scale))


class MMDiT(nn.Module):
    """Predicts the velocity from picture to noise, given timestep, prompt and pooled prompt."""

    def __init__(self, config: MMDiTConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        if width % config.heads:
            raise ValueError(f"{width} channels cannot be shared by {config.heads} heads")
        self.x_embedder = Patches(config)
        self.t_embedder = Embedder(FREQUENCIES, width)
        self.y_embedder = Embedder(config.pooled_dim, width)
        self.context_embedder = Linear(config.context_dim, width)
        self.register_buffer("pos_embed", torch.zeros(1, config.positions**2, width))
        self.joint_blocks = nn.ModuleList(JointBlock(config, i) for i in range(config.depth))
        self.final_layer = FinalLayer(width, config.patch**2 * config.channels)

    @property
    def dtype(self) -> torch.dtype:
        """The type computed in, and of the output."""
        return self.x_embedder.proj.weight.dtype

    def forward(
        self,
        x: Tensor,
        timesteps: Tensor,
        context: Tensor,
        vector: Tensor,
        scale: float | None = None,
    ) -> Tensor:
        """One evaluation.

        `x` (B, channels, h, w), any h and w up to the table's; `timesteps` (B,) from 0 to 1000;
        `context` (B, m, context_dim); `vector` (B, pooled_dim); the `scale` of guidance is not
        wanted. Gives (B, channels, h, w) in the weights' type. Raises InvalidRequest when the
        picture is larger than the table of positions.
        """
        height, width = x.shape[-2:]
        patch = self.config.patch
        x = F.pad(x.to(self.dtype), (0, -width % patch, 0, -height % patch), mode="replicate")
        rows, columns = x.shape[-2] // patch, x.shape[-1] // patch
        steps = timestep_embedding(timesteps, FREQUENCIES).to(self.dtype)
        vector = self.t_embedder(steps) + self.y_embedder(vector.to(self.dtype))
        context = self.context_embedder(context.to(self.dtype))
        h = self.x_embedder(x) + self.positions(rows, columns)
        for block in self.joint_blocks:
            context, h = block(context, h, vector)
        h = self.final_layer(h, vector)  # (B, rows * columns, patch * patch * channels)
        h = h.view(len(h), rows, columns, patch, patch, self.config.channels)
        return h.permute(0, 5, 1, 3, 2, 4).reshape(x.shape)[..., :height, :width]

    def positions(self, rows: int, columns: int) -> Tensor:
        """The middle of the table of positions, (1, rows * columns, width)."""
        size = self.config.positions
        if max(rows, columns) > size:
            side = size * self.config.patch
            raise InvalidRequest(
                f"This model knows latents up to {side} x {side}, not "
                f"{columns * self.config.patch} x {rows * self.config.patch}.",
                "Draw a smaller picture.",
            )
        table = self.get_buffer("pos_embed").to(self.dtype).view(1, size, size, -1)
        top, left = (size - rows) // 2, (size - columns) // 2
        return table[:, top : top + rows, left : left + columns].flatten(1, 2)
