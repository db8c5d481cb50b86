"""Texts as they are, without emphasis, chunks or schedules: what the first scripts knew."""

import torch
from torch import Tensor

from modules.conditioning.reader import reader_for
from modules.conditioning.words import WordReader
from modules.errors import InvalidRequest
from modules.model.loader import Model
from modules.model.networks.clip_text import ClipText
from modules.prompt.chunks import WINDOW
from modules.prompt.tokenizer import ClipTokenizer


@torch.no_grad()
def encode_plain(model: Model, texts: list[str]) -> Tensor:
    """Encode texts to (texts, tokens, dim) float32: a single window, the rest is cut off.

    Known are models with one text encoder that is told whole: CLIP as in Stable Diffusion 1, or the
    transformer of latent diffusion. Raises InvalidRequest for others.
    """
    encoder = model.text_encoder
    with model.resident("text_encoders"):
        if isinstance(encoder, ClipText) and len(model.text_encoders) == 1:
            tokenizer = ClipTokenizer.load()
            ids = torch.tensor([clip_ids(tokenizer, text) for text in texts], device=model.device)
            states = encoder(encoder.embed_tokens(ids))
            depth = model.family.text[0].depth
            return encoder.final_layer_norm(states[-depth]).float()
        reader = reader_for(model)
        if isinstance(reader, WordReader):
            words = reader.tokenizer
            rows = [words.marked(words.encode(text), reader.length) for text in texts]
            return reader.encoder(torch.tensor(rows, device=model.device)).float()
    raise InvalidRequest(
        f"{model.name} is of a family ({model.family.title}) that did not exist then.",
        "Draw with `python webui.py txt2img`, which knows all families.",
    )


def clip_ids(tokenizer: ClipTokenizer, text: str) -> list[int]:
    """One window of a text: start, up to 75 tokens, and end marks to fill up."""
    ids = [tokenizer.start, *tokenizer.encode(text)[: WINDOW - 2]]
    return ids + [tokenizer.end] * (WINDOW - len(ids))
