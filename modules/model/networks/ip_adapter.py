"""IP-Adapters: a picture as a second prompt (Ye et al. 2023, arXiv:2308.06721).

Parameters carry the names of the original files. Every cross-attention of a U-Net gets keys and
values of its own for the picture's tokens; the results of both attentions are added.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Linear
from modules.model.networks.norms import LayerNorm
from modules.model.networks.unet import CrossAttention, SpatialTransformer, UNet

Projecting = Literal["plain", "full", "plus"]
"""How the picture's vectors become tokens: one vector by a matrix, all patches by a perceptron, or
all patches by a resampler."""

HEAD_WIDTH = 64

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, kw_only=True)
class IPAdapterConfig:
    """The shape of an adapter.

    `seen` are the channels of the picture encoder's vectors, `context` those of the prompts that
    the U-Net reads, `tokens` how many the picture becomes (of "full": as many as there are
    patches). `widths` are the channels of each cross-attention. The rest is the resampler's.
    """

    projecting: Projecting
    seen: int
    context: int
    widths: tuple[int, ...]
    tokens: int = 4
    width: int = 0
    inner: int = 0
    depth: int = 0
    intermediate: int = 0

    @classmethod
    def from_shapes(cls, shapes: Shapes) -> "IPAdapterConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError."""
        numbers = sorted(
            int(name.split(".")[1]) for name in shapes if name.endswith("to_k_ip.weight")
        )
        keys = [shapes[f"ip_adapter.{n}.to_k_ip.weight"] for n in numbers]
        widths, context = tuple(shape[0] for shape in keys), keys[0][1]
        if "image_proj.latents" in shapes:
            _, tokens, width = shapes["image_proj.latents"]
            layers = {name.split(".")[2] for name in shapes if name.startswith("image_proj.layers")}
            return cls(
                projecting="plus",
                seen=shapes["image_proj.proj_in.weight"][1],
                context=context,
                widths=widths,
                tokens=tokens,
                width=width,
                inner=shapes["image_proj.layers.0.0.to_q.weight"][0],
                depth=len(layers),
                intermediate=shapes["image_proj.layers.0.1.1.weight"][0],
            )
        if "image_proj.proj.0.weight" in shapes:
            first, seen = shapes["image_proj.proj.0.weight"]
            return cls(
                projecting="full", seen=seen, context=context, widths=widths, intermediate=first
            )
        rows, seen = shapes["image_proj.proj.weight"]
        return cls(
            projecting="plain", seen=seen, context=context, widths=widths, tokens=rows // context
        )


class PlainProjection(nn.Module):
    """One vector to a few tokens."""

    def __init__(self, config: IPAdapterConfig) -> None:
        super().__init__()
        self.tokens = config.tokens
        self.proj = Linear(config.seen, config.tokens * config.context)
        self.norm = LayerNorm(config.context)

    def forward(self, x: Tensor) -> Tensor:
        """(B, seen) to (B, tokens, context)."""
        return self.norm(self.proj(x).unflatten(1, (self.tokens, -1)))


class FullProjection(nn.Module):
    """Every patch to a token."""

    def __init__(self, config: IPAdapterConfig) -> None:
        super().__init__()
        self.proj = nn.Sequential(
            Linear(config.seen, config.intermediate),
            nn.GELU(),
            Linear(config.intermediate, config.context),
            LayerNorm(config.context),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, seen) to (B, n, context)."""
        tokens: Tensor = self.proj(x)
        return tokens


class PerceiverAttention(nn.Module):
    """Latents that look at patches and at themselves (Alayrac et al. 2022, arXiv:2204.14198)."""

    def __init__(self, config: IPAdapterConfig) -> None:
        super().__init__()
        self.heads = config.inner // HEAD_WIDTH or 1
        self.norm1 = LayerNorm(config.width)
        self.norm2 = LayerNorm(config.width)
        self.to_q = Linear(config.width, config.inner, bias=False)
        self.to_kv = Linear(config.width, config.inner * 2, bias=False)
        self.to_out = Linear(config.inner, config.width, bias=False)

    def forward(self, x: Tensor, latents: Tensor) -> Tensor:
        """Patches (B, n, width) and latents (B, tokens, width), to the latter's shape."""
        latents = self.norm2(latents)
        keys, values = self.to_kv(torch.cat([self.norm1(x), latents], dim=1)).chunk(2, dim=-1)
        return self.to_out(attend(self.to_q(latents), keys, values, self.heads))


class Resampler(nn.Module):
    """Patches to a few tokens that have looked at all of them."""

    def __init__(self, config: IPAdapterConfig) -> None:
        super().__init__()
        width = config.width
        self.latents = nn.Parameter(torch.zeros(1, config.tokens, width))
        self.proj_in = Linear(config.seen, width)
        self.proj_out = Linear(width, config.context)
        self.norm_out = LayerNorm(config.context)
        self.layers = nn.ModuleList(
            nn.ModuleList([PerceiverAttention(config), perceptron(width, config.intermediate)])
            for _ in range(config.depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, seen) to (B, tokens, context)."""
        x = self.proj_in(x)
        latents = self.latents.expand(len(x), -1, -1).to(x)
        for layer in self.layers:
            assert isinstance(layer, nn.ModuleList)
            latents = layer[0](x, latents) + latents
            latents = layer[1](latents) + latents
        return self.norm_out(self.proj_out(latents))


def perceptron(width: int, intermediate: int) -> nn.Sequential:
    """Two layers around a GELU, normalised before."""
    return nn.Sequential(
        LayerNorm(width),
        Linear(width, intermediate, bias=False),
        nn.GELU(),
        Linear(intermediate, width, bias=False),
    )


PROJECTIONS: dict[Projecting, type[PlainProjection | FullProjection | Resampler]] = {
    "plain": PlainProjection,
    "full": FullProjection,
    "plus": Resampler,
}


class PictureAttention(nn.Module):
    """The picture's keys and values for one cross-attention."""

    def __init__(self, context: int, width: int) -> None:
        super().__init__()
        self.to_k_ip = Linear(context, width, bias=False)
        self.to_v_ip = Linear(context, width, bias=False)


class IPAdapter(nn.Module):
    """A picture's vectors to tokens, and what each cross-attention makes of them."""

    def __init__(self, config: IPAdapterConfig) -> None:
        super().__init__()
        self.config = config
        self.image_proj = PROJECTIONS[config.projecting](config)
        self.ip_adapter = nn.ModuleDict(
            {
                str(2 * n + 1): PictureAttention(config.context, width)
                for n, width in enumerate(config.widths)
            }
        )

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in; small ones are always there."""
        return next(one.weight.dtype for one in self.modules() if isinstance(one, LayerNorm))

    def read_picture(self, vectors: Tensor) -> Tensor:
        """What the picture encoder says, (B, seen) or (B, n, seen), to (B, tokens, context)."""
        tokens: Tensor = self.image_proj(vectors.to(self.dtype))
        return tokens

    def keys_and_values(self, tokens: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Those of (B, tokens, context) for every cross-attention: (B, tokens, width) each.

        They are the same at every step.
        """
        layers = [
            layer for layer in self.ip_adapter.values() if isinstance(layer, PictureAttention)
        ]
        return [(layer.to_k_ip(tokens), layer.to_v_ip(tokens)) for layer in layers]


def cross_attentions(unet: UNet) -> list[CrossAttention]:
    """The attentions to the prompt in the order of adapters: way down, way up, middle."""
    stages = (*unet.input_blocks, *unet.output_blocks, unet.middle_block)
    return [
        block.attn2  # type: ignore[misc]
        for stage in stages
        for layer in stage.children()
        if isinstance(layer, SpatialTransformer)
        for block in layer.transformer_blocks
    ]
