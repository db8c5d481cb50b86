"""The transformers against diffusers' and transformers', with the same random weights."""

import pytest
import torch

from modules.errors import InvalidRequest
from modules.model.families.bert_names import original_bert_name
from modules.model.families.transformer_names import Joined, flux_names, sd3_names
from modules.model.networks.bert import Bert, BertConfig
from modules.model.networks.flux import Flux, FluxConfig
from modules.model.networks.mmdit import MMDiT, MMDiTConfig
from modules.model.networks.t5 import T5, T5Config
from tests.model.tiny import random_network


def against_a_library(test):
    """Mark a test that imports another library, which takes seconds."""
    return pytest.mark.slow(pytest.mark.filterwarnings("ignore")(test))


SD3 = MMDiTConfig(
    channels=4, width=32, depth=3, heads=4, context_dim=24, pooled_dim=12,
    positions=8, qk_norm=True, dual_layers=1, mlp_width=128,
)  # fmt: skip
FLUX = FluxConfig(
    channels=4, width=64, heads=2, double_blocks=2, single_blocks=2,
    context_dim=24, pooled_dim=12, mlp_width=256, guidance=True,
)  # fmt: skip
TEXT = T5Config(
    vocab_size=60, width=24, layers=3, heads=2, head_width=8, intermediate=40, buckets=8
)
WORDS = BertConfig(vocab_size=60, width=24, layers=2, heads=2, intermediate=40, positions=16)


def joined(state: dict[str, torch.Tensor], names: dict[str, Joined]) -> dict[str, torch.Tensor]:
    """diffusers' parameters under the original names."""
    made = {}
    for name, recipe in names.items():
        if not all(source in state for source in recipe.sources):
            continue
        rows = torch.cat([state[source] for source in recipe.sources])
        made[name] = torch.cat(rows.chunk(2)[::-1]) if recipe.swapped else rows
    return made


def relative(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    """The largest difference, as a share of the largest value."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(autouse=True)
def repeatable():
    """The same inputs every time."""
    torch.manual_seed(0)


@against_a_library
@pytest.mark.parametrize("dual, norm", [(1, True), (0, False)], ids=["SD 3.5", "SD 3"])
@torch.no_grad()
def test_the_transformer_of_sd3_agrees_with_diffusers(dual, norm):
    from diffusers import SD3Transformer2DModel

    theirs = random_network(
        SD3Transformer2DModel(
            sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=3,
            attention_head_dim=8 if norm else 64, num_attention_heads=4,
            joint_attention_dim=24, caption_projection_dim=32 if norm else 256,
            pooled_projection_dim=12, pos_embed_max_size=8,
            dual_attention_layers=tuple(range(dual)), qk_norm="rms_norm" if norm else None,
        ), 5,
    )  # fmt: skip
    state = joined(theirs.state_dict(), sd3_names(3, dual, norm))
    config = MMDiTConfig.from_shapes({name: tuple(t.shape) for name, t in state.items()})
    ours = MMDiT(config)
    ours.load_state_dict(state)
    x, t = torch.randn(2, 4, 12, 6), torch.tensor([3.0, 900.0])
    context, vector = torch.randn(2, 7, 24), torch.randn(2, 12)
    expected = theirs(x, context, vector, t).sample
    assert relative(ours(x, t, context, vector), expected) < 1e-4


@against_a_library
@pytest.mark.parametrize("guidance", [True, False], ids=["dev", "schnell"])
@torch.no_grad()
def test_the_transformer_of_flux_agrees_with_diffusers(guidance):
    from diffusers import FluxTransformer2DModel

    theirs = random_network(
        FluxTransformer2DModel(
            patch_size=1, in_channels=16, num_layers=2, num_single_layers=2,
            attention_head_dim=32, num_attention_heads=2, joint_attention_dim=24,
            pooled_projection_dim=12, guidance_embeds=guidance, axes_dims_rope=(4, 14, 14),
        ), 5,
    )  # fmt: skip
    state = joined(theirs.state_dict(), flux_names(2, 2, guidance))
    config = FluxConfig.from_shapes({name: tuple(t.shape) for name, t in state.items()})
    ours = Flux(config)
    ours.load_state_dict(state)
    x, t = torch.randn(2, 4, 6, 10), torch.tensor([30.0, 900.0])
    context, vector = torch.randn(2, 7, 24), torch.randn(2, 12)
    places = torch.zeros(3, 5, 3)
    places[..., 1], places[..., 2] = torch.arange(3)[:, None], torch.arange(5)[None]
    squares = x.view(2, 4, 3, 2, 5, 2).permute(0, 2, 4, 1, 3, 5).reshape(2, 15, 16)
    expected = theirs(
        squares, context, vector, t / 1000, places.view(-1, 3), torch.zeros(7, 3),
        torch.full((2,), 3.5) if guidance else None,
    ).sample  # fmt: skip
    expected = expected.view(2, 3, 5, 4, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
    assert relative(ours(x, t, context, vector, 3.5), expected) < 1e-4


@against_a_library
@torch.no_grad()
def test_the_t5_encoder_agrees_with_transformers():
    from transformers import T5Config as TheirConfig
    from transformers import T5EncoderModel

    theirs = T5EncoderModel(
        TheirConfig(
            vocab_size=60, d_model=24, d_kv=8, d_ff=40, num_layers=3, num_heads=2,
            relative_attention_num_buckets=8, feed_forward_proj="gated-gelu",
        )
    )  # fmt: skip
    random_network(theirs, 5)
    state = {n: t for n, t in theirs.state_dict().items() if n != "encoder.embed_tokens.weight"}
    ours = T5(T5Config.from_shapes({name: tuple(t.shape) for name, t in state.items()}))
    ours.load_state_dict(state)
    ids = torch.randint(0, 60, (2, 300))
    assert relative(ours(ids), theirs(ids).last_hidden_state) < 1e-4


@against_a_library
@torch.no_grad()
def test_the_text_transformer_of_latent_diffusion_agrees_with_diffusers():
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import (
        LDMBertConfig,
        LDMBertModel,
    )

    theirs = LDMBertModel(
        LDMBertConfig(
            vocab_size=60, d_model=24, encoder_layers=2, encoder_ffn_dim=40, head_dim=64,
            encoder_attention_heads=2, max_position_embeddings=16, activation_function="gelu",
        )
    )  # fmt: skip
    random_network(theirs, 5)
    ours = Bert(WORDS)
    state = {original_bert_name(n): t for n, t in theirs.state_dict().items()}
    del state[None]  # from vectors back to words, for its training
    ours.load_state_dict(state)
    ids = torch.randint(0, 60, (2, 16))
    assert relative(ours(ids), theirs(ids)[0]) < 1e-4


@pytest.mark.parametrize(
    "network, config",
    [(MMDiT, SD3), (Flux, FLUX), (T5, TEXT), (Bert, WORDS)],
    ids=["SD 3.5", "FLUX.1", "T5", "BERT"],
)
def test_a_network_is_described_by_the_shapes_of_its_tensors(network, config):
    state = network(config).state_dict()
    assert type(config).from_shapes({name: tuple(t.shape) for name, t in state.items()}) == config


@pytest.mark.parametrize("sides", [(8, 8), (7, 9), (1, 15)], ids=str)
@torch.no_grad()
def test_pictures_of_any_sides_come_back_with_the_same_sides(sides):
    x, t = torch.randn(1, 4, *sides), torch.tensor([500.0])
    context, vector = torch.randn(1, 5, 24), torch.randn(1, 12)
    for network in (MMDiT(SD3), Flux(FLUX)):
        assert network(x, t, context, vector).shape == x.shape


def test_a_picture_beyond_the_table_of_positions_is_refused():
    context, vector = torch.randn(1, 5, 24), torch.randn(1, 12)
    with pytest.raises(InvalidRequest, match="up to 16 x 16, not 8 x 18"):
        MMDiT(SD3)(torch.randn(1, 4, 18, 8), torch.tensor([5.0]), context, vector)


@torch.no_grad()
def test_guidance_is_told_to_networks_that_were_distilled_with_it():
    x, t = torch.randn(1, 4, 4, 4), torch.tensor([500.0])
    context, vector = torch.randn(1, 5, 24), torch.randn(1, 12)
    network = random_network(Flux(FLUX), 3)
    low, high = (network(x, t, context, vector, guidance) for guidance in (1.0, 5.0))
    assert not torch.allclose(low, high)
