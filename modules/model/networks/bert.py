"""The transformer that reads prompts in latent diffusion's first text-to-image model.

It knows BERT's words and was trained along with the U-Net (Rombach et al. 2022, section 4.3.1).

Parameters carry the names of the original checkpoints (below `cond_stage_model.transformer.`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Embedding, Linear
from modules.model.networks.norms import LayerNorm

HEAD_WIDTH = 64


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """The shape of an encoder; the defaults are those of the model trained on LAION-400M."""

    vocab_size: int = 30522
    width: int = 1280
    layers: int = 32
    heads: int = 8
    head_width: int = HEAD_WIDTH
    intermediate: int = 5120
    positions: int = 77

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "BertConfig":
        """Read the sizes from the shapes of a checkpoint's tensors. Raises KeyError.

        The number of heads cannot be seen; they have 64 channels each.
        """
        vocab_size, width = shapes["token_emb.weight"]
        inner = shapes["attn_layers.layers.0.1.to_q.weight"][0]
        head_width = min(HEAD_WIDTH, inner)
        numbers = {name.split(".")[2] for name in shapes if name.startswith("attn_layers.layers.")}
        return cls(
            vocab_size=vocab_size,
            width=width,
            layers=len(numbers) // 2,
            heads=inner // head_width,
            head_width=head_width,
            intermediate=shapes["attn_layers.layers.1.1.net.0.0.weight"][0],
            positions=shapes["pos_emb.emb.weight"][0],
        )


class Attention(nn.Module):
    """Self-attention over all words, padding included."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        inner = config.heads * config.head_width
        self.heads = config.heads
        self.to_q = Linear(config.width, inner, bias=False)
        self.to_k = Linear(config.width, inner, bias=False)
        self.to_v = Linear(config.width, inner, bias=False)
        self.to_out = Linear(inner, config.width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.to_out(attend(self.to_q(x), self.to_k(x), self.to_v(x), self.heads))


class FeedForward(nn.Module):
    """The two-layer perceptron of a layer."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        # The middle entry is dropout in the original; it keeps the last layer's number.
        self.net = nn.Sequential(
            nn.Sequential(Linear(config.width, config.intermediate), nn.GELU()),
            nn.Identity(),
            Linear(config.intermediate, config.width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.net(x)


class Layers(nn.Module):
    """Attention and perceptron in turn: the even and the odd numbers of one list.

    Every entry is a list of norm, layer and (in the original) an empty place.
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        entries = []
        for index in range(2 * config.layers):
            work = FeedForward(config) if index % 2 else Attention(config)
            entries.append(nn.ModuleList([nn.ModuleList([LayerNorm(config.width)]), work]))
        self.layers = nn.ModuleList(entries)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        for entry in self.layers:
            norms, work = cast("nn.ModuleList", entry)
            x = x + work(cast("nn.ModuleList", norms)[0](x))
        return x


class Positions(nn.Module):
    """The table of positions, under the name the checkpoints give it."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.emb = Embedding(config.positions, config.width)


class Bert(nn.Module):
    """Token ids to vectors."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.config = config
        self.token_emb = Embedding(config.vocab_size, config.width)
        self.pos_emb = Positions(config)
        self.attn_layers = Layers(config)
        self.norm = LayerNorm(config.width)

    @property
    def dtype(self) -> torch.dtype:
        """The type the weights are in."""
        return self.norm.weight.dtype

    def forward(self, ids: Tensor) -> Tensor:
        """(B, n), n at most `positions`, to (B, n, width)."""
        x = self.token_emb(ids) + self.pos_emb.emb.weight[: ids.shape[1]]
        return self.norm(self.attn_layers(x))
