"""Checkpoints of the families that read prompts with BERT or T5: random, small, whole or parted."""

import json
from dataclasses import replace
from pathlib import Path

import gguf
import torch
import yaml
from safetensors.torch import save_file
from tokenizers import SentencePieceUnigramTokenizer
from torch import Tensor

from modules.model.network_kinds import denoiser, text_encoder
from modules.model.networks.autoencoder import Autoencoder, AutoencoderConfig
from modules.model.networks.bert import BertConfig
from modules.model.networks.clip_text import ClipTextConfig
from modules.model.networks.flux import FluxConfig
from modules.model.networks.mmdit import MMDiTConfig
from modules.model.networks.t5 import T5Config
from modules.model.networks.unet import UNetConfig
from modules.paths import Paths
from tests.model.tiny_checkpoints import randomised

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "blue", "cat", "dog", "two", "##s"]
SENTENCES = ["a red cat", "two blue dogs", "a dog in the red house", "cats and dogs"]

KL = AutoencoderConfig(channels=32, channel_mult=(1, 1, 1, 1), num_res_blocks=1)
VQ = replace(KL, channel_mult=(1, 1, 1), z_channels=3, embed_dim=3, codes=64)
WIDE = replace(KL, z_channels=16, embed_dim=16, point_convs=False)

UNET = UNetConfig(
    model_channels=32, channel_mult=(1, 2), num_res_blocks=1, attention_resolutions=(1, 2),
    context_dim=64,
)  # fmt: skip
BERT = BertConfig(vocab_size=len(WORDS), width=64, layers=2, heads=1, intermediate=96, positions=20)
CLIP = ClipTextConfig(width=64, layers=2, heads=1, intermediate=128)
T5 = T5Config(
    vocab_size=200, width=160, layers=2, heads=2, head_width=32, intermediate=96, buckets=32
)
SD3 = MMDiTConfig(
    width=128, depth=2, heads=2, context_dim=160, pooled_dim=88, positions=16, dual_layers=1,
    mlp_width=512,
)  # fmt: skip
FLUX = FluxConfig(
    width=64, heads=2, double_blocks=1, single_blocks=2, context_dim=160, pooled_dim=64,
    mlp_width=256,
)  # fmt: skip

TRANSFORMER, VAE, LDM_TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model."
SD3_TEXTS = {
    "text_encoders.clip_l.transformer.": replace(CLIP, projection=48),
    "text_encoders.clip_g.transformer.": replace(CLIP, projection=40),
    "text_encoders.t5xxl.transformer.": T5,
}
FLUX_TEXTS = {
    "text_encoders.clip_l.transformer.": CLIP,
    "text_encoders.t5xxl.transformer.": T5,
}
PARTS = {
    "ldm": {TRANSFORMER: UNET, VAE: KL, f"{LDM_TEXT}transformer.": BERT},
    "ldm-vq": {
        TRANSFORMER: replace(UNET, in_channels=3, out_channels=3),
        VAE: VQ,
        f"{LDM_TEXT}transformer.": BERT,
    },
    "sd3": {TRANSFORMER: SD3, VAE: WIDE, **SD3_TEXTS},
    "flux-dev": {TRANSFORMER: FLUX, VAE: WIDE, **FLUX_TEXTS},
    "flux-schnell": {TRANSFORMER: replace(FLUX, guidance=False), VAE: WIDE, **FLUX_TEXTS},
}
"""Every kind of model by a name of its own: its networks by prefix."""


def tensors_of(name: str, vocabulary: int | None = None) -> dict[str, Tensor]:
    """Every tensor of a whole file; `vocabulary` is the size of CLIP's, usually the real one."""
    found = {}
    for seed, (prefix, config) in enumerate(PARTS[name].items()):
        if isinstance(config, ClipTextConfig) and vocabulary is not None:
            config = replace(config, vocab_size=vocabulary)
        if isinstance(config, AutoencoderConfig):
            network: torch.nn.Module = Autoencoder(config)
        elif prefix == TRANSFORMER:
            network = denoiser(config)
        else:
            network = text_encoder(config)
        state = randomised(network, seed).state_dict()
        if "pos_embed" in state:  # a buffer
            state["pos_embed"] = torch.sin(torch.arange(state["pos_embed"].numel()) * 0.1).view(
                state["pos_embed"].shape
            )
        found |= {prefix + key: tensor.contiguous() for key, tensor in state.items()}
    return found


def write(name: str, folder: Path) -> Path:
    """A whole file, with a description beside it where shapes do not tell everything."""
    path = folder / f"{name}.safetensors"
    save_file(tensors_of(name), path)
    if name.startswith("ldm"):
        path.with_suffix(".yaml").write_text(description(PARTS[name]), encoding="utf-8")
    return path


def write_alone(name: str, folder: Path, kind: str = "safetensors") -> Path:
    """The transformer alone, its names without prefix: plain, of eight bits, or packed."""
    own = {
        key.removeprefix(TRANSFORMER): tensor
        for key, tensor in tensors_of(name).items()
        if key.startswith(TRANSFORMER)
    }
    if kind == "gguf":
        return write_gguf(folder / f"{name}.gguf", own)
    if kind == "fp8":
        own = {
            key: tensor.to(torch.float8_e4m3fn) if tensor.ndim == 2 else tensor
            for key, tensor in own.items()
        }
    save_file(own, folder / f"{name}.safetensors")
    return folder / f"{name}.safetensors"


def write_gguf(path: Path, tensors: dict[str, Tensor], kind: str = "Q8_0") -> Path:
    """A GGUF file, matrices packed where their rows can be divided into blocks."""
    writer = gguf.GGUFWriter(path, "flux")
    for name, tensor in tensors.items():
        packs = tensor.ndim == 2 and tensor.shape[1] % 32 == 0
        quantised = gguf.GGMLQuantizationType[kind if packs else "F32"]
        data = gguf.quants.quantize(tensor.float().numpy(), quantised)
        writer.add_tensor(name, data, raw_dtype=quantised)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def write_companions(name: str, paths: Paths) -> None:
    """The other networks of a model, each in a file of its own, under the names that tell them."""
    whole = tensors_of(name)
    for prefix in PARTS[name]:
        if prefix == TRANSFORMER:
            continue
        own = {k.removeprefix(prefix): t for k, t in whole.items() if k.startswith(prefix)}
        folder = paths.vae if prefix == VAE else paths.text_encoders
        folder.mkdir(parents=True, exist_ok=True)
        title = "ae" if prefix == VAE else prefix.split(".")[1]
        save_file(own, folder / f"{title}.safetensors")


def write_vocabularies(paths: Paths) -> None:
    """Small vocabularies of BERT and T5 where they are looked for."""
    for folder in ("bert", "t5xxl"):
        (paths.tokenizers / folder).mkdir(parents=True, exist_ok=True)
    (paths.tokenizers / "bert" / "vocab.txt").write_text("\n".join(WORDS), encoding="utf-8")
    trainer = SentencePieceUnigramTokenizer()
    trainer.train_from_iterator(
        SENTENCES * 20, vocab_size=50, special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>", show_progress=False,
    )  # fmt: skip
    trainer.save(str(paths.tokenizers / "t5xxl" / "tokenizer.json"))


def description(parts: dict[str, object]) -> str:
    """A YAML file as they come with latent diffusion."""
    unet, vae = parts[TRANSFORMER], parts[VAE]
    assert isinstance(unet, UNetConfig) and isinstance(vae, AutoencoderConfig)
    first_stage = {
        "embed_dim": vae.embed_dim,
        "ddconfig": {
            "z_channels": vae.z_channels, "resolution": 256, "in_channels": 3, "out_ch": 3,
            "ch": vae.channels, "ch_mult": list(vae.channel_mult),
            "num_res_blocks": vae.num_res_blocks, "attn_resolutions": [],
        },
    }  # fmt: skip
    kind = "AutoencoderKL"
    if vae.codes is not None:
        kind, first_stage["n_embed"] = "VQModelInterface", vae.codes
    params = {
        "linear_start": 0.00085, "linear_end": 0.012, "timesteps": 1000,
        "scale_factor": 0.18215 if vae.codes is None else 1.0,
        "unet_config": {
            "target": "ldm.modules.diffusionmodules.openaimodel.UNetModel",
            "params": {
                "in_channels": unet.in_channels, "out_channels": unet.out_channels,
                "model_channels": unet.model_channels, "attention_resolutions": [1, 2],
                "num_res_blocks": 1, "channel_mult": list(unet.channel_mult), "num_heads": 8,
                "context_dim": unet.context_dim,
            },
        },
        "first_stage_config": {"target": f"ldm.models.autoencoder.{kind}", "params": first_stage},
        "cond_stage_config": {"target": "ldm.modules.encoders.modules.BERTEmbedder"},
    }  # fmt: skip
    target = "ldm.models.diffusion.ddpm.LatentDiffusion"
    return yaml.safe_dump(json.loads(json.dumps({"model": {"target": target, "params": params}})))
