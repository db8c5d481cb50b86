"""Embeddings hidden in pictures."""

import base64
import json
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.conditioning.embedding_image import _disguise, read_embedding_image
from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.errors import ModelError

VECTORS = torch.arange(128, dtype=torch.float32).reshape(2, 64) / 7
TABLE = {
    "name": "shared",
    "step": 12,
    "string_to_param": {"*": {"TORCHTENSOR": VECTORS.tolist()}},
}


def picture(size=(96, 64)):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise)


def save_with_text(path, data):
    about = PngInfo()
    about.add_text("sd-ti-embedding", data)
    picture().save(path, pnginfo=about)


def save_with_hidden_bits(path, table, height=64):
    data = np.frombuffer(zlib.compress(json.dumps(table).encode()), np.uint8)
    width = -(-data.size // (height * 3)) + 1
    filled = np.random.default_rng(2).integers(1, 256, height * width * 3, dtype=np.uint8)
    filled[: data.size] = data
    blocks = [_disguise((half & 15).reshape(height, width, 3)) for half in (filled, filled >> 4)]
    middle = np.asarray(picture((80, height))) & 0xF0
    pixels = np.concatenate([blocks[0], middle, blocks[1]], axis=1)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def test_a_text_chunk_is_read(tmp_path):
    data = base64.b64encode(json.dumps(TABLE).encode()).decode()
    save_with_text(tmp_path / "card.png", data)
    known, notices = EmbeddingFolder(tmp_path).load()
    assert notices == []
    assert torch.equal(known.vectors("shared"), VECTORS)
    assert known.known["shared"].step == 12


def test_hidden_bits_are_read(tmp_path):
    save_with_hidden_bits(tmp_path / "card.png", TABLE)
    known, notices = EmbeddingFolder(tmp_path).load()
    assert notices == []
    assert torch.equal(known.vectors("shared"), VECTORS)


def test_an_ordinary_picture_holds_nothing(tmp_path):
    picture().save(tmp_path / "noise.png")
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.webp")
    striped = np.asarray(picture()).copy()
    striped[:, 40:50] = 0
    Image.fromarray(striped).save(tmp_path / "striped.png")
    for path in tmp_path.iterdir():
        assert read_embedding_image(path) is None
    assert EmbeddingFolder(tmp_path).load()[1] == []


def test_previews_are_not_looked_at(tmp_path):
    save_with_hidden_bits(tmp_path / "card.preview.png", TABLE)
    assert EmbeddingFolder(tmp_path).load()[0].known == {}


@pytest.mark.parametrize("data", ["%%%", "AAAA", base64.b64encode(b"[1]").decode()])
def test_a_damaged_text_chunk_is_an_error(tmp_path, data):
    save_with_text(tmp_path / "card.png", data)
    with pytest.raises(ModelError, match="damaged"):
        read_embedding_image(tmp_path / "card.png")
