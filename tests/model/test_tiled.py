"""Autoencoders in tiles: the same picture, as nearly as can be, and no seam."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch.nn.functional import interpolate

from modules.model.loader import load_model
from modules.model.tiled import decode_in_tiles, encode_in_tiles, spans

EMBEDDED = Path(__file__).resolve().parents[2] / "models" / "Stable-diffusion"
EMBEDDED = EMBEDDED / "easel-mini.safetensors"


@pytest.mark.parametrize("length", [1, 63, 64, 65, 100, 128, 200, 333])
def test_tiles_cover_everything_and_overlap(length):
    found = list(spans(length, 64, 24))
    assert found[0][0] == 0 and found[-1][1] == length
    if length > 64:
        assert all(end - start == 64 for start, end in found)
        assert all(a[1] - b[0] >= 24 for a, b in pairwise(found))


def test_where_nothing_depends_on_neighbours_tiles_change_nothing():
    z = torch.randn(1, 4, 90, 150, generator=torch.Generator().manual_seed(1))
    enlarged = interpolate(z, scale_factor=8)
    tiled = decode_in_tiles(lambda piece: interpolate(piece, scale_factor=8), z, 8)
    assert torch.allclose(tiled, enlarged, atol=1e-6)
    again = encode_in_tiles(lambda piece: piece[..., ::8, ::8], enlarged, 8)
    assert torch.allclose(again, z, atol=1e-6)


@pytest.fixture(scope="module")
def model():
    return load_model(EMBEDDED)


@torch.no_grad()
def test_a_real_picture_comes_out_of_tiles_without_a_seam(model):
    """The embedded model's own autoencoder, tiles of a quarter of the picture."""
    generator = torch.Generator().manual_seed(3)
    coarse = torch.randn(1, 3, 5, 5, generator=generator)
    size = 40 * model.downsample
    x = interpolate(coarse, (size, size), mode="bicubic").clamp(-1, 1)
    z = model.encode_image(x, torch.zeros(1, model.latent_channels, 40, 40))
    whole = model.decode_latent(z)
    unscaled = z / model.scale_factor
    tiled = decode_in_tiles(model.autoencoder.decode, unscaled, model.downsample, tile=32)
    error = (tiled - whole).abs()
    print(f"mean {error.mean():.4f} largest {error.max():.4f}")
    assert error.mean() < 0.02, "out of a range of 2"
    steps = (tiled - whole).diff(dim=3).abs().amax(dim=(0, 1, 2))
    seams = [cell * model.downsample for span in spans(40, 32, 16) for cell in span]
    inner = [place for place in seams if 0 < place < steps.shape[0]]
    assert max(steps[place - 1] for place in inner) < 3 / 127.5, "three of 255 levels"
