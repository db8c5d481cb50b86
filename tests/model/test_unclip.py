"""What unCLIP checkpoints are told of a picture: the encoder inside them, and the noising."""

import pytest
import torch

from modules.model.families.open_clip_names import LAYER
from modules.model.files import Entry, Weights
from modules.model.networks.clip_vision import ClipVisionConfig
from modules.model.picture_encoder import PictureEncoder
from modules.model.unclip import (
    AUGMENTOR,
    EMBEDDER,
    WHOLE,
    own_encoder,
    signal_left,
    told_of,
)
from tests.model.tiny_checkpoints import randomised

CONFIG = ClipVisionConfig(width=64, layers=2, heads=1, intermediate=96, patch=8, side=32)


def as_weights(tensors):
    return Weights(
        "tiny",
        {name: Entry(tuple(t.shape), lambda t=t: t) for name, t in tensors.items()},
    )


def in_open_clip(encoder):
    """The encoder's tensors as an unCLIP checkpoint holds them, written down independently."""
    state = encoder.state_dict()
    found = {theirs: state[f"vision_model.{ours}"] for theirs, ours in WHOLE.items()}
    found["proj"] = state["visual_projection.weight"].T
    for number in range(CONFIG.layers):
        ours, theirs = f"vision_model.encoder.layers.{number}.", f"transformer.resblocks.{number}."
        for leaf in ("weight", "bias"):
            for there, here in LAYER.items():
                found[f"{theirs}{there}.{leaf}"] = state[f"{ours}{here}.{leaf}"]
            parts = [state[f"{ours}self_attn.{part}_proj.{leaf}"] for part in "qkv"]
            found[f"{theirs}attn.in_proj_{leaf}"] = torch.cat(parts)
    return {EMBEDDER + name: tensor.contiguous() for name, tensor in found.items()}


@torch.no_grad()
def test_the_encoder_inside_a_checkpoint_is_the_one_that_was_put_there():
    encoder = randomised(PictureEncoder(CONFIG, 48), 1)
    found = own_encoder(as_weights(in_open_clip(encoder)))
    x = torch.rand(2, 3, 32, 32)
    assert torch.equal(found.whole(x), encoder.whole(x))
    assert own_encoder(as_weights({"model.x": torch.zeros(1)})) is None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("level", [0, 300, 999])
def test_an_embedding_is_noised_as_diffusers_does(level):
    from diffusers import DDPMScheduler
    from diffusers.models.embeddings import get_timestep_embedding

    embedding, mean, spread = torch.randn(3, 48)
    spread = spread.abs() + 0.1
    weights = as_weights({f"{AUGMENTOR}data_mean": mean, f"{AUGMENTOR}data_std": spread[None]})
    ours = told_of(embedding, weights, 96, torch.Generator().manual_seed(3), level)
    noise = torch.randn(48, generator=torch.Generator().manual_seed(3))
    schedule = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    times = torch.tensor([level])
    noised = schedule.add_noise(((embedding - mean) / spread)[None], noise[None], times)[0]
    degree = get_timestep_embedding(times, 48, flip_sin_to_cos=True, downscale_freq_shift=0)[0]
    expected = torch.cat([noised * spread + mean, degree])
    assert torch.allclose(ours, expected, atol=1e-4)


def test_the_signal_fades_from_all_to_nothing():
    left = [signal_left(level) for level in (0, 250, 500, 999)]
    assert left == sorted(left, reverse=True)
    assert left[0] > 0.9999
    assert left[-1] < 1e-3
