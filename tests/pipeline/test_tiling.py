"""Tiling: what is drawn goes round the edges."""

from dataclasses import replace

import torch

from modules.pipeline.generate import generate
from modules.pipeline.tiling import tiled
from modules.schema.cancel import Cancel
from modules.schema.event import Progress
from modules.schema.request import GenerationRequest, Sampling, Seeds, Size
from tests.pipeline.reference import conditioner, draw, model

REQUEST = GenerationRequest(
    prompt="a cat",
    tiling=True,
    sampling=Sampling(sampler="Euler", steps=1),
    seeds=Seeds(seed=10),
    size=Size(width=64, height=64),
)


def padding_modes() -> set[str]:
    parts = (model().unet, model().autoencoder, model().text_encoder)
    layers = [layer for part in parts for layer in part.modules()]
    return {layer.padding_mode for layer in layers if isinstance(layer, torch.nn.Conv2d)}


def test_a_moved_latent_gives_the_moved_picture() -> None:
    latent = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(1))
    moved = latent.roll((3, 5), (2, 3))

    def apart() -> float:
        wanted = model().decode_latent(latent).roll((24, 40), (2, 3))
        return float((model().decode_latent(moved) - wanted).abs().max())

    with tiled(model(), wanted=True):
        assert apart() < 1e-4
    assert apart() > 1e-2


def test_the_network_too_looks_around_the_edges() -> None:
    unet = model().unet
    x = torch.randn((1, 4, 16, 16), generator=torch.Generator().manual_seed(1))
    context = torch.zeros((1, 77, unet.config.context_dim))
    t = torch.tensor([500.0])
    with torch.no_grad(), tiled(model(), wanted=True):
        wanted = unet(x, t, context).roll((8, 8), (2, 3))
        assert torch.allclose(unet(x.roll((8, 8), (2, 3)), t, context), wanted, atol=1e-4)


def test_a_tiled_picture_is_another_one_and_the_next_is_not_tiled() -> None:
    plain = replace(REQUEST, tiling=False)
    before = draw(plain).latents[0]
    assert not torch.equal(draw(REQUEST).latents[0], before)
    assert padding_modes() == {"zeros"}
    assert torch.equal(draw(plain).latents[0], before)


def test_a_job_that_is_left_in_its_middle_leaves_no_tiling_behind() -> None:
    events = generate(REQUEST, model(), conditioner(), Cancel(), preview_interval_s=None)
    assert isinstance(next(events), Progress)
    assert padding_modes() == {"circular"}
    events.close()  # type: ignore[attr-defined]
    assert padding_modes() == {"zeros"}
