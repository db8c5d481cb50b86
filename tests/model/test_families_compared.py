"""Tiny checkpoints of every family, against the networks of diffusers and transformers.

Their own readers of single files bring the same file into their networks. Largest errors seen,
relative to the largest number of the output: 1.4e-6 (in float32; order of additions differs).
"""

import json

import pytest
import torch
from safetensors.torch import load_file

from modules.conditioning.reader import reader_for
from modules.conditioning.size_vector import PictureFacts, size_vector
from modules.model.loader import load_model
from tests.model.tiny_checkpoints import AUTOENCODER, MODELS, write

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

CLOSE = 1e-5
PIPELINES = {
    "sd1": "StableDiffusionPipeline",
    "sd2": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline",
    "sdxl-refiner": "StableDiffusionXLImg2ImgPipeline",
}


def relative_error(ours, theirs):
    """The largest difference, as a part of the largest number."""
    return float((ours - theirs).abs().max() / theirs.abs().max())


@pytest.fixture(scope="module", params=MODELS)
def both(request, tmp_path_factory):
    """Name, our model, and every tensor of the file it was read from."""
    path = write(request.param, tmp_path_factory.mktemp("single"))
    return request.param, load_model(path), load_file(path)


def unet_config(tiny):
    """What diffusers calls the shape of a U-Net."""
    unet = tiny.unet
    widths = [unet.model_channels * mult for mult in unet.channel_mult]
    levels = range(len(widths))
    attended = [2**level in unet.attention_resolutions for level in levels]
    config = {
        "in_channels": unet.in_channels,
        "out_channels": 4,
        "block_out_channels": widths,
        "layers_per_block": 1,
        "cross_attention_dim": unet.context_dim,
        "use_linear_projection": unet.use_linear_in_transformer,
        "attention_head_dim": [unet.heads_for(width) for width in widths],
        "transformer_layers_per_block": [max(1, unet.depth_at(level)) for level in levels],
        "time_cond_proj_dim": unet.scale_embedding,
        "down_block_types": ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attended],
        "up_block_types": ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in attended[::-1]],
    }
    if unet.num_heads:
        config["attention_head_dim"] = unet.num_heads
    if not attended[-1]:  # the middle is as deep as if the last level had attention
        config["transformer_layers_per_block"] = [unet.transformer_depth] * len(widths)
    if tiny.family.startswith("sdxl"):
        extra = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256}
        config |= extra | {"projection_class_embeddings_input_dim": unet.adm_in_channels}
    elif unet.adm_in_channels:
        config |= {
            "class_embed_type": "projection",
            "projection_class_embeddings_input_dim": unet.adm_in_channels,
        }
    return config


def their_unet(name, tensors):
    """diffusers' U-Net with the weights of the file."""
    from diffusers import UNet2DConditionModel
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

    config = unet_config(MODELS[name])
    network = UNet2DConditionModel(**config)
    state = convert_ldm_unet_checkpoint(dict(tensors), config)
    scale = tensors.get("model.diffusion_model.time_embed.cond_proj.weight")
    if scale is not None:  # which their reader of single files does not know
        state["time_embedding.cond_proj.weight"] = scale
    network.load_state_dict(state)
    return network.eval()


def their_autoencoder(tensors):
    """diffusers' autoencoder with the weights of the file."""
    from diffusers import AutoencoderKL
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint

    levels = len(AUTOENCODER.channel_mult)
    network = AutoencoderKL(
        block_out_channels=[AUTOENCODER.channels] * levels,
        layers_per_block=1,
        latent_channels=4,
        down_block_types=["DownEncoderBlock2D"] * levels,
        up_block_types=["UpDecoderBlock2D"] * levels,
    )
    network.load_state_dict(convert_ldm_vae_checkpoint(dict(tensors), network.config))
    return network.eval()


def their_texts(name, tensors):
    """transformers' text encoders with the weights of the file, by folder."""
    from diffusers.loaders.single_file_utils import convert_open_clip_checkpoint
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    found = {}
    for (prefix, shape), folder in zip(MODELS[name].texts.items(), folders_of(name), strict=True):
        is_open = not prefix.endswith("transformer.")
        config = CLIPTextConfig(
            hidden_size=shape.width, intermediate_size=shape.intermediate,
            num_hidden_layers=shape.layers - (is_open and shape.projection is None),
            num_attention_heads=1, hidden_act="gelu" if is_open else "quick_gelu",
            projection_dim=shape.projection or 512, vocab_size=49408, eos_token_id=49407,
        )  # fmt: skip
        kind = CLIPTextModelWithProjection if shape.projection else CLIPTextModel
        network = kind(config)
        if is_open:
            state = convert_open_clip_checkpoint(network, dict(tensors), prefix=prefix)
        else:
            state = {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
        if "embeddings.token_embedding.weight" in network.state_dict():
            state = {key.removeprefix("text_model."): tensor for key, tensor in state.items()}
        missing, _ = network.load_state_dict(state, strict=False)
        assert not [key for key in missing if "position_ids" not in key]
        found[folder] = network.eval()
    return found


def folders_of(name):
    """Where diffusers keeps the text encoders."""
    return {
        "sdxl": ("text_encoder", "text_encoder_2"),
        "sdxl-refiner": ("text_encoder_2",),
    }.get(MODELS[name].family, ("text_encoder",))


@torch.no_grad()
def test_the_unet_says_what_diffusers_unet_says(both):
    name, model, tensors = both
    tiny, theirs = MODELS[name], their_unet(name, tensors)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, tiny.unet.in_channels, 8, 12, generator=generator)
    context = torch.randn(2, 7, tiny.unet.context_dim, generator=generator)
    times = torch.tensor([3.0, 900.0])
    vector, told, scale = None, {}, None
    if tiny.family.startswith("sdxl"):
        pooled = torch.randn(2, 48, generator=generator)
        facts = PictureFacts(height=64, width=96, crop_top=8, crop_left=16)
        numbers = size_vector(model.family.size_facts, facts, 6.0)
        vector = torch.cat([pooled, numbers.expand(2, -1)], dim=1)
        ids = [64, 96, 8, 16, *((64, 96) if tiny.family == "sdxl" else (6.0,))]
        told["added_cond_kwargs"] = {"text_embeds": pooled, "time_ids": torch.tensor([ids] * 2)}
    elif tiny.unet.adm_in_channels:
        vector = told["class_labels"] = torch.randn(2, tiny.unet.adm_in_channels)
    if tiny.unet.scale_embedding:
        from diffusers import LatentConsistencyModelPipeline

        scale = 4.0
        embed = LatentConsistencyModelPipeline.get_guidance_scale_embedding
        told["timestep_cond"] = embed(None, torch.tensor([scale - 1] * 2), embedding_dim=16)
    expected = theirs(x, times, context, **told).sample
    assert relative_error(model.unet(x, times, context, vector, scale), expected) < CLOSE


@torch.no_grad()
def test_text_encoders_say_what_transformers_encoders_say(both):
    name, model, tensors = both
    texts, theirs = ["a red cat", ""], their_texts(name, tensors).values()
    reading = read(model, texts)
    start = 0
    for tower, network in zip(model.family.text, theirs, strict=True):
        ids = tokens(tower, texts)
        answer = network(ids, output_hidden_states=True)
        if tower.final_norm:
            expected = answer.last_hidden_state
        else:
            expected = answer.hidden_states[-tower.depth]
        width = expected.shape[-1]
        assert relative_error(reading.tokens[..., start : start + width], expected) < CLOSE
        start += width
        if tower.pooled:
            assert relative_error(reading.pooled, answer.text_embeds) < CLOSE
    assert start == reading.tokens.shape[-1]


def read(model, texts):
    """Our readers' answer."""
    from modules.conditioning.options import ConditioningOptions
    from modules.conditioning.textual_inversion import Embeddings

    return reader_for(model).read(texts, [0, 1], ConditioningOptions(), Embeddings())


def tokens(tower, texts):
    """Token ids (texts, 77), filled up as the encoder was trained."""
    from modules.prompt.tokenizer import ClipTokenizer

    tokenizer, rows = ClipTokenizer.load(), []
    for text in texts:
        words = [tokenizer.start, *tokenizer.encode(text), tokenizer.end]
        filler = 0 if tower.pads_with_zero else tokenizer.end
        rows.append(words + [filler] * (77 - len(words)))
    return torch.tensor(rows)


@torch.no_grad()
def test_the_autoencoder_says_what_diffusers_says(both):
    _, model, tensors = both
    theirs = their_autoencoder(tensors)
    generator = torch.Generator().manual_seed(2)
    picture = torch.rand(1, 3, 64, 48, generator=generator) * 2 - 1
    latent = torch.randn(1, 4, 8, 6, generator=generator)
    mean = model.autoencoder.encode_moments(picture)[:, :4]
    assert relative_error(mean, theirs.encode(picture).latent_dist.mean) < CLOSE
    assert relative_error(model.autoencoder.decode(latent), theirs.decode(latent).sample) < CLOSE


def test_a_folder_of_diffusers_gives_the_same_networks(both, tmp_path):
    name, model, tensors = both
    tiny = MODELS[name]
    if tiny.family not in PIPELINES:
        pytest.skip("folders of this family are not read")
    their_unet(name, tensors).save_pretrained(tmp_path / "unet")
    their_autoencoder(tensors).save_pretrained(tmp_path / "vae")
    vae = json.loads((tmp_path / "vae" / "config.json").read_text())
    vae["scaling_factor"] = tiny.scale_factor
    (tmp_path / "vae" / "config.json").write_text(json.dumps(vae))
    index = {"_class_name": PIPELINES[tiny.family], "text_encoder": [None, None]}
    for folder, network in their_texts(name, tensors).items():
        network.save_pretrained(tmp_path / folder)
        index[folder] = ["transformers", type(network).__name__]
    (tmp_path / "model_index.json").write_text(json.dumps(index))
    scheduler = {
        "prediction_type": {"epsilon": "epsilon", "v": "v_prediction"}[tiny.prediction],
        "rescale_betas_zero_snr": "ztsnr" in tiny.extra,
    }
    (tmp_path / "scheduler").mkdir()
    (tmp_path / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    again = load_model(tmp_path)
    assert again.family.name == model.family.name
    assert (again.prediction, again.scale_factor) == (model.prediction, model.scale_factor)
    assert again.architecture.schedule == model.architecture.schedule
    for part in ("unet", "autoencoder", "text_encoders"):
        ours, folders = (getattr(one, part).state_dict() for one in (model, again))
        assert list(ours) == list(folders)
        assert all(torch.equal(tensor, folders[key]) for key, tensor in ours.items())
