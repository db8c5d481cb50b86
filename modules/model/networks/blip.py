"""BLIP: a sentence for a picture, word by word (Li et al. 2022, arXiv:2201.12086).

A vision transformer (Dosovitskiy et al. 2020) turns the picture into one vector a patch; BERT's
layers (Devlin et al. 2018), which see no later word and also look at those vectors, write.

Parameters carry the names of the authors' files such as `model_base_caption_capfilt_large.pth`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.model.attention import attend
from modules.model.networks.layers import Conv2d, Embedding, Linear
from modules.model.networks.norms import LayerNorm

HEAD_WIDTH = 64
VISION_EPSILON = 1e-6
TEXT_EPSILON = 1e-12

Memory = tuple[Tensor, Tensor]
"""Keys and values (B, n, width) of the words so far."""


@dataclass(frozen=True, kw_only=True)
class BlipConfig:
    """The shape of a captioner; the defaults are the base model's."""

    side: int = 384  # pixels of a picture
    patch: int = 16
    vision_width: int = 768
    vision_layers: int = 12
    vision_intermediate: int = 3072
    width: int = 768
    layers: int = 12
    intermediate: int = 3072
    vocab_size: int = 30524
    positions: int = 512

    @classmethod
    def from_shapes(cls, shapes: Mapping[str, tuple[int, ...]]) -> "BlipConfig":
        """Read the sizes from the shapes of a file's tensors. Raises KeyError."""
        vision_width, _, patch, _ = shapes["visual_encoder.patch_embed.proj.weight"]
        patches = shapes["visual_encoder.pos_embed"][1] - 1
        vocab_size, width = shapes["text_decoder.bert.embeddings.word_embeddings.weight"]
        seen = {n.split(".")[2] for n in shapes if n.startswith("visual_encoder.blocks.")}
        told = {n.split(".")[4] for n in shapes if n.startswith("text_decoder.bert.encoder.layer.")}
        return cls(
            side=round(patches**0.5) * patch,
            patch=patch,
            vision_width=vision_width,
            vision_layers=len(seen),
            vision_intermediate=shapes["visual_encoder.blocks.0.mlp.fc1.weight"][0],
            width=width,
            layers=len(told),
            intermediate=shapes["text_decoder.bert.encoder.layer.0.intermediate.dense.weight"][0],
            vocab_size=vocab_size,
            positions=shapes["text_decoder.bert.embeddings.position_embeddings.weight"][0],
        )


def heads_of(width: int) -> int:
    """Attention heads, one for every 64 channels."""
    return max(1, width // HEAD_WIDTH)


class PatchAttention(nn.Module):
    """Self-attention over all patches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.proj(attend(q, k, v, heads_of(x.shape[-1])))


class Mlp(nn.Module):
    """The two-layer perceptron of a block."""

    def __init__(self, width: int, intermediate: int) -> None:
        super().__init__()
        self.fc1 = Linear(width, intermediate)
        self.fc2 = Linear(intermediate, width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added to its input."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        width = config.vision_width
        self.norm1 = LayerNorm(width, eps=VISION_EPSILON)
        self.attn = PatchAttention(width)
        self.norm2 = LayerNorm(width, eps=VISION_EPSILON)
        self.mlp = Mlp(width, config.vision_intermediate)

    def forward(self, x: Tensor) -> Tensor:
        """(B, n, width) to the same."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Patches(nn.Module):
    """Squares of the picture as vectors, under the name the files give them."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.proj = Conv2d(3, config.vision_width, config.patch, stride=config.patch)


class Eye(nn.Module):
    """Pictures to vectors."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        width = config.vision_width
        self.patch_embed = Patches(config)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, (config.side // config.patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.vision_layers))
        self.norm = LayerNorm(width, eps=VISION_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised pictures (B, 3, side, side) to (B, patches + 1, vision_width)."""
        patches = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), patches], dim=1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.norm(x)


class Projections(nn.Module):
    """What is asked of words, and what words or patches answer."""

    def __init__(self, width: int, source: int) -> None:
        super().__init__()
        self.query = Linear(width, width)
        self.key = Linear(source, width)
        self.value = Linear(source, width)


class Result(nn.Module):
    """A layer added to what went before, then normalised."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.dense = Linear(before, after)
        self.LayerNorm = LayerNorm(after, eps=TEXT_EPSILON)

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """(B, n, before) and (B, n, after) to (B, n, after)."""
        return self.LayerNorm(self.dense(x) + before)


class Attention(nn.Module):
    """Attention of words over words, or over patches."""

    def __init__(self, width: int, source: int) -> None:
        super().__init__()
        self.self = Projections(width, source)
        self.output = Result(width, width)

    def remember(self, x: Tensor) -> Memory:
        """Keys and values of (B, n, source)."""
        return self.self.key(x), self.self.value(x)

    def forward(self, x: Tensor, memory: Memory) -> Tensor:
        """(B, n, width) over what is remembered, to the same."""
        return self.output(attend(self.self.query(x), *memory, heads_of(x.shape[-1])), x)


class Dense(nn.Module):
    """A layer under the name the files give it."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.dense = Linear(before, after)


class WordLayer(nn.Module):
    """Words look at earlier ones, then at the picture, then think."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.attention = Attention(config.width, config.width)
        self.crossattention = Attention(config.width, config.vision_width)
        self.intermediate = Dense(config.width, config.intermediate)
        self.output = Result(config.intermediate, config.width)

    def forward(self, x: Tensor, words: Memory, patches: Memory) -> Tensor:
        """The newest word (B, 1, width) to the same; `words` hold it too."""
        x = self.crossattention(self.attention(x, words), patches)
        return self.output(F.gelu(self.intermediate.dense(x)), x)


class WordEmbeddings(nn.Module):
    """Words and their places as vectors."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.word_embeddings = Embedding(config.vocab_size, config.width)
        self.position_embeddings = Embedding(config.positions, config.width)
        self.LayerNorm = LayerNorm(config.width, eps=TEXT_EPSILON)


class WordEncoder(nn.Module):
    """The layers, under the name the files give them."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.layer = nn.ModuleList(WordLayer(config) for _ in range(config.layers))


class Bert(nn.Module):
    """The writer without its last layer."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.embeddings = WordEmbeddings(config)
        self.encoder = WordEncoder(config)


class Transform(nn.Module):
    """What comes before the choice of a word."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dense = Linear(width, width)
        self.LayerNorm = LayerNorm(width, eps=TEXT_EPSILON)


class Predictions(nn.Module):
    """How likely each word of the vocabulary comes next."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.transform = Transform(config.width)
        self.decoder = Linear(config.width, config.vocab_size)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width) to scores (B, vocab_size)."""
        return self.decoder(self.transform.LayerNorm(F.gelu(self.transform.dense(x))))


class Choice(nn.Module):
    """The predictions, under the name the files give them."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.predictions = Predictions(config)


class Writer(nn.Module):
    """Vectors of a picture to words."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.bert = Bert(config)
        self.cls = Choice(config)

    @property
    def layers(self) -> list[WordLayer]:
        """The layers in order."""
        return [layer for layer in self.bert.encoder.layer if isinstance(layer, WordLayer)]

    def look(self, patches: Tensor) -> list[Memory]:
        """What each layer knows of a picture (B, patches, vision_width)."""
        return [layer.crossattention.remember(patches) for layer in self.layers]

    def step(
        self, ids: Tensor, place: int, words: list[Memory], patches: list[Memory]
    ) -> tuple[Tensor, list[Memory]]:
        """The words `ids` (B,) at `place`: scores (B, vocab_size) of the next, and what is known.

        `words` is what the step before returned, empty at first.
        """
        embeddings = self.bert.embeddings
        x = embeddings.word_embeddings(ids) + embeddings.position_embeddings.weight[place]
        x = embeddings.LayerNorm(x)[:, None]
        known = []
        for number, layer in enumerate(self.layers):
            keys, values = layer.attention.remember(x)
            if words:
                keys = torch.cat([words[number][0], keys], dim=1)
                values = torch.cat([words[number][1], values], dim=1)
            known.append((keys, values))
            x = layer(x, known[-1], patches[number])
        return self.cls.predictions(x[:, 0]), known


class Blip(nn.Module):
    """A captioner: `visual_encoder` sees, `text_decoder` writes."""

    def __init__(self, config: BlipConfig) -> None:
        super().__init__()
        self.config = config
        self.visual_encoder = Eye(config)
        self.text_decoder = Writer(config)
