"""Folding changes what latents are called, not what they mean."""

from dataclasses import replace

import torch

from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.training.autoencoder_stage import SCALE
from modules.training.latents import LatentsTask, LatentStore, fold, freeze
from modules.training.loop import Clock
from modules.training.team import Team
from modules.training.world.scene import SIMPLE, WIDE

CONFIG = AutoencoderConfig(channels=16, channel_mult=(1, 2), num_res_blocks=1, norm_groups=4)
TASK = LatentsTask(worlds=(SIMPLE,), count=80, size=32)


def weights():
    torch.manual_seed(0)
    return Autoencoder(CONFIG).state_dict()


def loaded(state):
    network = Autoencoder(CONFIG)
    network.load_state_dict(state)
    return network.eval()


@torch.no_grad()
def test_folding_keeps_the_round_trip_and_scales_the_latents():
    plain = loaded(weights())
    pixels = torch.rand(4, 3, 32, 32) * 2 - 1
    mean, log_variance = plain.encode_moments(pixels).chunk(2, 1)
    centre, spread = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    folded = loaded(fold(weights(), centre, spread))
    new_mean, new_log_variance = folded.encode_moments(pixels).chunk(2, 1)
    scaled = new_mean * SCALE
    assert scaled.mean((0, 2, 3)).abs().max() < 1e-4
    assert (scaled.std((0, 2, 3)) - 1).abs().max() < 1e-3
    assert torch.allclose(folded.decode(new_mean), plain.decode(mean), atol=1e-4)
    noise = (0.5 * log_variance).exp() / spread[None, :, None, None]
    assert torch.allclose((0.5 * new_log_variance).exp() * SCALE, noise, rtol=1e-3)


def test_encoding_goes_on_where_it_stopped(tmp_path):
    frozen = tmp_path / "frozen.pt"
    freeze(CONFIG, weights(), TASK, frozen)
    store = LatentStore(tmp_path, TASK, CONFIG)
    assert not store.fill(frozen, Team(), Clock(0), torch.device("cpu"))
    assert store.fill(frozen, Team(), Clock(), torch.device("cpu"))
    rows = store.rows()
    assert rows.shape == (80, 4, 16, 16)
    assert abs(float(rows.astype("float32").std()) - 1) < 0.1


def test_latents_of_another_world_are_kept_beside_these(tmp_path):
    stores = [
        LatentStore(tmp_path, replace(TASK, worlds=worlds), CONFIG)
        for worlds in ((SIMPLE,), (WIDE,), (SIMPLE, WIDE))
    ]
    assert stores[0].file.name == "latents.f16"
    assert len({store.file for store in stores}) == len({store.note for store in stores}) == 3
    for store in stores:
        store.prepare()
        store.rows("r+")[0] = 1
    for store in stores:
        store.prepare()
        assert store.rows()[0].all()
