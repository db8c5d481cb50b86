"""Chunks through the text encoder, against recorded outputs of A1111's webui 1.8."""

import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning.clip import BATCH, encode_clip
from modules.prompt.chunks import Chunk, Fix, chunk_prompt
from modules.prompt.tokenizer import ClipTokenizer

TOKENIZER = ClipTokenizer.load()
PROMPT = "a photo of a cat sitting on a red chair, highly detailed"


@pytest.mark.parametrize("skip", [1, 2])
@pytest.mark.parametrize(("name", "text"), [("empty", ""), ("p", PROMPT)])
def test_encodings_are_those_of_the_reference(encoder, parity, name, text, skip):
    recorded = load_file(parity / "units/modules.safetensors")[f"clip.{name}.skip{skip}"]
    with torch.no_grad():
        z = encode_clip(encoder, chunk_prompt(text, TOKENIZER).chunks, depth=skip).tokens
    torch.testing.assert_close(z, recorded, atol=1e-5, rtol=0)


def test_embeddings_take_the_place_of_their_tokens(encoder):
    (chunk,) = chunk_prompt("a photo of cat", TOKENIZER).chunks
    cat = TOKENIZER.encode("cat")[0]
    vector = encoder.embed_tokens(torch.tensor([cat])).detach()
    tokens = (*chunk.tokens[:4], 0, *chunk.tokens[5:])
    with_embedding = Chunk(tokens, chunk.weights, (Fix(3, "mycat", 1),))
    with torch.no_grad():
        plain = encode_clip(encoder, [chunk]).tokens
        replaced = encode_clip(encoder, [with_embedding], {"mycat": vector}).tokens
    torch.testing.assert_close(replaced, plain, atol=0, rtol=0)


def test_vectors_that_would_leave_the_window_are_cut(encoder):
    (chunk,) = chunk_prompt("", TOKENIZER).chunks
    late = Chunk(chunk.tokens, chunk.weights, (Fix(74, "long", 5),))
    with torch.no_grad():
        z = encode_clip(encoder, [late], {"long": torch.ones(5, 64)}).tokens
    assert z.shape == (1, 77, 64)


def test_many_chunks_are_encoded_in_batches_with_the_same_result(encoder):
    (chunk,) = chunk_prompt("a cat", TOKENIZER).chunks
    with torch.no_grad():
        many = encode_clip(encoder, [chunk] * (BATCH + 3)).tokens
    assert many.shape == (BATCH + 3, 77, 64)
    torch.testing.assert_close(many[0], many[-1], atol=1e-5, rtol=0)


def test_skipping_more_layers_than_there_are_uses_the_first_state(encoder):
    chunks = chunk_prompt("a cat", TOKENIZER).chunks
    with torch.no_grad():
        assert torch.equal(
            encode_clip(encoder, chunks, depth=12).tokens,
            encode_clip(encoder, chunks, depth=5).tokens,
        )
