"""The reference checkpoint's text encoder, and the embeddings that were used with it."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import ClipReader
from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.model.networks.clip_text import ClipText, ClipTextConfig

PARITY = Path(__file__).parents[1] / "golden/parity"
PREFIX = "cond_stage_model.transformer."


@pytest.fixture(scope="session")
def parity():
    """The folder of reference data."""
    return PARITY


@pytest.fixture(scope="session")
def encoder():
    """The text encoder: 64 channels, 4 layers, one head."""
    weights = load_file(PARITY / "data/Stable-diffusion/tiny.safetensors")
    network = ClipText(ClipTextConfig(width=64, layers=4, heads=1, intermediate=256))
    network.load_state_dict(
        {
            name.removeprefix(PREFIX): tensor.to(torch.float32)
            for name, tensor in weights.items()
            if name.startswith(PREFIX) and not name.endswith("position_ids")
        }
    )
    return network.eval()


@pytest.fixture(scope="session")
def embeddings():
    """tinyemb (3 vectors), bad-tiny_neg (8) and ptemb (2)."""
    return EmbeddingFolder(PARITY / "data/embeddings").load()[0]


@pytest.fixture
def conditioner(encoder, embeddings):
    """A conditioner with an empty cache."""
    return Conditioner(ClipReader(encoder), embeddings)
