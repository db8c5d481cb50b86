"""Folders made by diffusers of SD 3.5, FLUX.1 and latent diffusion, network by network."""

import json

import pytest
import torch
import torch.nn.functional as F

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.errors import ModelError
from modules.model.files import Entry
from modules.model.loader import load_model
from modules.model.schedules import FlowSchedule
from modules.model.transformer_folder import in_original_names
from modules.paths import Paths
from modules.prompt.tokenizer import ClipTokenizer
from modules.prompt.word_tokenizers import read_t5
from tests.model import word_checkpoints
from tests.model.tiny_checkpoints import randomised

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

PROMPT = "a red cat"


@pytest.fixture(autouse=True)
def repeatable():
    """The same inputs every time."""
    torch.manual_seed(0)


def relative(ours, theirs):
    """The largest difference, as a share of the largest value."""
    return float((ours.float() - theirs.float()).abs().max() / theirs.abs().max())


def clip(projection, activation="quick_gelu"):
    """One of CLIP's text encoders with a projection."""
    from transformers import CLIPTextConfig, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=49408, hidden_size=64, intermediate_size=128, num_hidden_layers=3,
        num_attention_heads=1, hidden_act=activation, projection_dim=projection,
        eos_token_id=49407,
    )  # fmt: skip
    return CLIPTextModelWithProjection(config)


def t5():
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=200, d_model=160, d_kv=32, d_ff=96, num_layers=2, num_heads=2,
        feed_forward_proj="gated-gelu",
    )  # fmt: skip
    return T5EncoderModel(config)


def autoencoder():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(16, 16, 32), latent_channels=16, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        layers_per_block=2, use_quant_conv=False, use_post_quant_conv=False,
        scaling_factor=1.7, shift_factor=0.2,
    )  # fmt: skip


def sd3():
    from diffusers import SD3Transformer2DModel

    return SD3Transformer2DModel(
        sample_size=16, patch_size=2, in_channels=16, num_layers=3, attention_head_dim=64,
        num_attention_heads=2, joint_attention_dim=160, caption_projection_dim=128,
        pooled_projection_dim=88, out_channels=16, pos_embed_max_size=16,
        dual_attention_layers=(0,), qk_norm="rms_norm",
    )  # fmt: skip


def flux():
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(
        in_channels=64, num_layers=2, num_single_layers=2, attention_head_dim=32,
        num_attention_heads=2, joint_attention_dim=160, pooled_projection_dim=64,
        guidance_embeds=True, axes_dims_rope=(4, 14, 14),
    )  # fmt: skip


def write_folder(folder, pipeline, levels, **networks):
    """Save the networks as a folder of diffusers'; they get random weights."""
    for seed, (name, network) in enumerate(networks.items()):
        randomised(network, seed)
        network.save_pretrained(folder / name, safe_serialization=True)
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(levels), "utf-8")
    index = json.dumps({"_class_name": pipeline})
    (folder / "model_index.json").write_text(index, "utf-8")
    return networks


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    made = Paths(data=tmp_path_factory.mktemp("data"))
    word_checkpoints.write_vocabularies(made)
    return made


def clip_ids(end):
    """The prompt's window, filled up with `end`."""
    tokenizer = ClipTokenizer.load()
    ids = [tokenizer.start, *tokenizer.encode(PROMPT), tokenizer.end]
    return torch.tensor([ids + [end] * (77 - len(ids))])


def t5_ids(paths, length):
    tokenizer = read_t5(paths.tokenizers / "t5xxl" / "tokenizer.json")
    return torch.tensor([tokenizer.marked(tokenizer.encode(PROMPT), length)])


@torch.no_grad()
def test_every_network_of_an_sd3_folder_agrees_with_diffusers(tmp_path, paths):
    theirs = write_folder(
        tmp_path, "StableDiffusion3Pipeline", {"shift": 2.5}, transformer=sd3(),
        vae=autoencoder(), text_encoder=clip(48), text_encoder_2=clip(40, "gelu"),
        text_encoder_3=t5(),
    )  # fmt: skip
    model = load_model(tmp_path, paths=paths)
    assert model.architecture.schedule == FlowSchedule(shift=2.5)
    told = Conditioner(reader_for(model)).conditions([PROMPT], [""], steps=1).at(0)
    clips = [
        theirs["text_encoder"](clip_ids(49407), output_hidden_states=True),
        theirs["text_encoder_2"](clip_ids(0), output_hidden_states=True),
    ]
    joined = torch.cat([one.hidden_states[-2] for one in clips], dim=-1)
    words = theirs["text_encoder_3"](t5_ids(paths, 256)).last_hidden_state
    context = torch.cat([F.pad(joined, (0, 160 - 128)), words], dim=1)
    vector = torch.cat([one.text_embeds for one in clips], dim=-1)
    assert relative(told.cond, context) < 1e-4
    assert relative(told.vectors, vector) < 1e-4
    x, t = torch.randn(1, 16, 8, 12), torch.tensor([700.0])
    expected = theirs["transformer"](x, context, vector, t).sample
    assert relative(model.unet(x, t, told.cond, told.vectors), expected) < 1e-4
    check_vae(model, theirs["vae"])


@torch.no_grad()
def test_every_network_of_a_flux_folder_agrees_with_diffusers(tmp_path, paths):
    from transformers import CLIPTextModel

    plain = CLIPTextModel(clip(64).config)
    theirs = write_folder(
        tmp_path, "FluxPipeline", {"use_dynamic_shifting": True}, transformer=flux(),
        vae=autoencoder(), text_encoder=plain, text_encoder_2=t5(),
    )  # fmt: skip
    model = load_model(tmp_path, paths=paths)
    told = Conditioner(reader_for(model)).conditions([PROMPT], [""], steps=1).at(0)
    context = theirs["text_encoder_2"](t5_ids(paths, 512)).last_hidden_state
    vector = theirs["text_encoder"](clip_ids(49407)).pooler_output
    assert relative(told.cond, context) < 1e-4
    assert relative(told.vectors, vector) < 1e-4
    x, t = torch.randn(1, 16, 4, 6), torch.tensor([700.0])
    squares = x.view(1, 16, 2, 2, 3, 2).permute(0, 2, 4, 1, 3, 5).reshape(1, 6, 64)
    places = torch.zeros(2, 3, 3)
    places[..., 1], places[..., 2] = torch.arange(2)[:, None], torch.arange(3)[None]
    expected = theirs["transformer"](
        squares, context, vector, t / 1000, places.view(-1, 3), torch.zeros(512, 3),
        torch.tensor([4.5]),
    ).sample  # fmt: skip
    expected = expected.view(1, 2, 3, 16, 2, 2).permute(0, 3, 1, 4, 2, 5).reshape(x.shape)
    assert relative(model.unet(x, t, told.cond, told.vectors, 4.5), expected) < 1e-4
    check_vae(model, theirs["vae"])


@pytest.mark.parametrize("codes", [None, 32])
@torch.no_grad()
def test_every_network_of_a_latent_diffusion_folder_agrees_with_diffusers(tmp_path, codes):
    from diffusers import AutoencoderKL, UNet2DConditionModel, VQModel
    from diffusers.pipelines.latent_diffusion.pipeline_latent_diffusion import (
        LDMBertConfig,
        LDMBertModel,
    )

    shape = {
        "block_out_channels": (16, 32), "latent_channels": 4, "norm_num_groups": 8,
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
    }  # fmt: skip
    bert = LDMBertConfig(
        vocab_size=len(word_checkpoints.WORDS), d_model=64, encoder_layers=2, encoder_ffn_dim=40,
        head_dim=32, encoder_attention_heads=2, max_position_embeddings=12,
        activation_function="gelu",
    )  # fmt: skip
    theirs = write_folder(
        tmp_path, "LDMTextToImagePipeline", {"beta_schedule": "scaled_linear"},
        vqvae=VQModel(**shape, num_vq_embeddings=codes) if codes else AutoencoderKL(**shape),
        bert=LDMBertModel(bert),
        unet=UNet2DConditionModel(
            block_out_channels=(32, 64), layers_per_block=1, cross_attention_dim=64,
            attention_head_dim=8, down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"), in_channels=4, out_channels=4,
        ),
    )  # fmt: skip
    (tmp_path / "tokenizer").mkdir()
    vocabulary = "\n".join(word_checkpoints.WORDS)
    (tmp_path / "tokenizer" / "vocab.txt").write_text(vocabulary, encoding="utf-8")
    model = load_model(tmp_path)
    told = Conditioner(reader_for(model)).conditions([PROMPT], [""], steps=1).at(0)
    ids = torch.tensor([[2, 4, 5, 7, 3] + [0] * 7])  # [CLS] a red cat [SEP] [PAD] ...
    context = theirs["bert"](ids)[0]
    assert relative(told.cond, context) < 1e-4
    x, t = torch.randn(1, 4, 8, 12), torch.tensor([700.0])
    assert relative(model.unet(x, t, context), theirs["unet"](x, t, context).sample) < 1e-4
    scale = model.scale_factor
    latent = torch.randn(1, 4, 4, 6)
    decoded = theirs["vqvae"].decode(latent / scale).sample
    assert relative(model.decode_latent(latent), decoded) < 1e-4


def check_vae(model, theirs):
    """Compare decoding and encoding, scaled and shifted as the folder says."""
    latent, picture = torch.randn(1, 16, 4, 6), torch.rand(1, 3, 16, 24) * 2 - 1
    assert relative(model.decode_latent(latent), theirs.decode(latent / 1.7 + 0.2).sample) < 1e-4
    mean = (theirs.encode(picture).latent_dist.mean - 0.2) * 1.7
    assert relative(model.encode_image(picture, torch.zeros(1, 16, 4, 6)), mean) < 1e-4


def test_a_conversion_by_diffusers_is_undone_exactly():
    from diffusers.loaders.single_file_utils import (
        convert_sd3_transformer_checkpoint_to_diffusers,
    )

    prefix = word_checkpoints.TRANSFORMER
    original = {
        name.removeprefix(prefix): tensor
        for name, tensor in word_checkpoints.tensors_of("sd3").items()
        if name.startswith(prefix)
    }
    theirs = convert_sd3_transformer_checkpoint_to_diffusers(dict(original))
    entries = {n: Entry(tuple(t.shape), lambda t=t: t) for n, t in theirs.items()}
    again = in_original_names(entries, Paths().models)
    assert again.keys() == original.keys()
    for name, entry in again.items():
        assert torch.equal(entry.read(), original[name]), name
        assert entry.shape == original[name].shape


def test_an_incomplete_transformer_is_refused_in_words(tmp_path, paths):
    network = randomised(flux(), 0)
    state = {n: t for n, t in network.state_dict().items() if "to_k.weight" not in n}
    entries = {n: Entry(tuple(t.shape), lambda t=t: t) for n, t in state.items()}
    with pytest.raises(ModelError, match=r"lacks 4 tensors of its transformer"):
        in_original_names(entries, tmp_path)
