"""A sentence for a picture, by BLIP."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.errors import ModelError
from modules.model.assemble import build
from modules.model.beam_search import Wanted, likeliest
from modules.model.files import read_weights
from modules.model.networks.blip import Blip, BlipConfig, Memory
from modules.model.safety import DEVIATION, MEAN

BEGINNING = "a picture of"
"""What it was taught to begin captions with; left out of the answer."""
MARKS = 2
"""Words at the end of the vocabulary that only mark sentences; the first begins a caption."""

NAMES = (
    ("vision_model.embeddings.class_embedding", "visual_encoder.cls_token"),
    ("vision_model.embeddings.position_embedding", "visual_encoder.pos_embed"),
    ("vision_model.embeddings.patch_embedding", "visual_encoder.patch_embed.proj"),
    ("vision_model.encoder.layers", "visual_encoder.blocks"),
    ("vision_model.post_layernorm", "visual_encoder.norm"),
    (".self_attn.qkv", ".attn.qkv"),
    (".self_attn.projection", ".attn.proj"),
    (".layer_norm1.", ".norm1."),
    (".layer_norm2.", ".norm2."),
)
"""What transformers calls the tensors, and what the authors do."""
LAST = "text_decoder.cls.predictions.decoder"
SHARED = {
    "weight": "text_decoder.bert.embeddings.word_embeddings.weight",
    "bias": "text_decoder.cls.predictions.bias",
}
"""Where else the last layer's tensors are; files may hold them under one of both names."""


class Words(Protocol):
    """BERT's tokenizer, such as `modules.prompt.word_tokenizers.WordTokenizer`."""

    end: int

    @property
    def size(self) -> int:
        """Words in the vocabulary."""

    def encode(self, text: str) -> list[int]:
        """The ids of a text, without marks."""

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, without marks."""


class Captioner:
    """Describes pictures."""

    def __init__(self, network: Blip, tokenizer: Words) -> None:
        self._network = network
        self._tokenizer = tokenizer
        self._device = next(network.parameters()).device

    @classmethod
    def read(cls, path: Path, tokenizer: Words, device: torch.device | str = "cpu") -> "Captioner":
        """Read BLIP's weights as its authors or as transformers keep them. Raises ModelError."""
        with read_weights(path) as weights:
            names = {author_name(name): name for name in weights}
            for place, name in SHARED.items():
                if name in names:
                    names.setdefault(f"{LAST}.{place}", names[name])
            try:
                config = BlipConfig.from_shapes(
                    {name: weights.shapes[source] for name, source in names.items()}
                )
            except (KeyError, IndexError, ValueError, ZeroDivisionError) as error:
                raise ModelError(
                    f"{path.name} is no captioner of BLIP's: it lacks {error}.",
                    "Get model_base_caption_capfilt_large.pth.",
                ) from error
            network = build(
                lambda: Blip(config), weights, names, torch.device(device), torch.float32
            )
        if tokenizer.size > config.vocab_size:
            raise ModelError(
                f"The vocabulary has {tokenizer.size:,} words, but {path.name} knows "
                f"{config.vocab_size:,}.",
                "Take the vocab.txt of BERT (bert-base-uncased).",
            )
        return cls(network, tokenizer)

    @torch.inference_mode()
    def describe(
        self,
        picture: Image.Image,
        *,
        beams: int,
        least: int,
        most: int,
        heed: Callable[[], None] = lambda: None,
    ) -> str:
        """A sentence for an RGB picture; `least` and `most` count its tokens with the beginning.

        `heed` is called before every word, and raises to stop.
        """
        network = self._network
        x = prepared(picture, network.config.side).to(self._device)
        patches = network.text_decoder.look(network.visual_encoder(x))
        known: list[Memory] = []

        def step(ids: Tensor, place: int, rows: Tensor) -> Tensor:
            nonlocal known
            heed()
            rows = rows.to(self._device)
            known = [(keys[rows], values[rows]) for keys, values in known]
            seen = [(k.expand(len(ids), -1, -1), v.expand(len(ids), -1, -1)) for k, v in patches]
            scores, known = network.text_decoder.step(ids.to(self._device), place, known, seen)
            return scores

        start = network.config.vocab_size - MARKS
        most = min(most, network.config.positions)
        wanted = Wanted(
            begin=(start, *self._tokenizer.encode(BEGINNING)),
            end=self._tokenizer.end,
            least=min(least, most),
            most=most,
            beams=beams,
        )
        return self._tokenizer.decode(likeliest(step, wanted))


def author_name(name: str) -> str:
    """A tensor's name in the authors' files for one in theirs or in transformers'."""
    for theirs, ours in NAMES if name.startswith("vision_model.") else ():
        name = name.replace(theirs, ours)
    return name


def prepared(picture: Image.Image, side: int) -> Tensor:
    """An RGB picture as BLIP sees it, (1, 3, side, side): squeezed, not cut."""
    image = picture.convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255
    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, DEVIATION))
    return ((pixels - mean) / deviation)[None]
