"""The T2I-Adapter for styles: a picture's patches to a few more tokens of the prompt (Mou et al.
2023, arXiv:2302.08453, appendix).

Parameters carry the names of the original file.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from modules.model.networks.joined_attention import JoinedLayer
from modules.model.networks.norms import LayerNorm

HEAD_WIDTH = 128
"""Of the original: 8 heads of 1024 channels."""


@dataclass(frozen=True, kw_only=True)
class StyleConfig:
    """The shape of an adapter: `seen` channels of patches to `tokens` of `context` channels."""

    seen: int = 1024
    context: int = 768
    tokens: int = 8
    layers: int = 3

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "StyleConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError."""
        _, tokens, seen = shapes["style_embedding"]
        layers = {name.split(".")[1] for name in shapes if name.startswith("transformer_layes.")}
        context = shapes["proj"][1]
        return cls(seen=seen, context=context, tokens=tokens, layers=len(layers))


class StyleAdapter(nn.Module):
    """Learnt tokens that look at a picture's patches."""

    def __init__(self, config: StyleConfig) -> None:
        super().__init__()
        self.config = config
        heads = max(1, config.seen // HEAD_WIDTH)
        self.transformer_layes = nn.ModuleList(  # spelt so in the file
            JoinedLayer(config.seen, heads) for _ in range(config.layers)
        )
        self.style_embedding = nn.Parameter(torch.zeros(1, config.tokens, config.seen))
        self.ln_post = LayerNorm(config.seen)
        self.ln_pre = LayerNorm(config.seen)
        self.proj = nn.Parameter(torch.zeros(config.seen, config.context))

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights compute in; small ones are always there."""
        return self.ln_post.weight.dtype

    def forward(self, patches: Tensor) -> Tensor:
        """A picture's last hidden state (B, n, seen) to tokens (B, tokens, context)."""
        own = self.style_embedding.expand(len(patches), -1, -1)
        x = self.ln_pre(torch.cat([patches.to(self.dtype), own], dim=1))
        for layer in self.transformer_layes:
            x = layer(x)
        return self.ln_post(x[:, -self.config.tokens :]) @ self.proj
