"""Latent diffusion's text-to-image model as a diffusers folder: what differs from the others."""

from typing import Any

from modules.model.families.bert_names import EVEN, ODD, SINGLE, original_bert_name
from modules.model.files import Entry, Weights
from modules.model.networks.autoencoder import AutoencoderConfig
from modules.model.networks.bert import BertConfig


def in_diffusers_bert(own: Weights, config: BertConfig) -> dict[str, Entry]:
    """The text transformer's tensors under diffusers' names."""
    names = list(SINGLE)
    for number in range(config.layers):
        for module in (*EVEN, *ODD):
            names += [f"model.layers.{number}.{module}.{leaf}" for leaf in ("weight", "bias")]
    originals = {name: original_bert_name(name) for name in names}
    return {
        name: own.entries[original]
        for name, original in originals.items()
        if original is not None and original in own.entries
    }


def bert_config(text: BertConfig) -> dict[str, Any]:
    """Its shape in diffusers' words."""
    return {
        "architectures": ["LDMBertModel"],
        "model_type": "ldmbert",
        "vocab_size": text.vocab_size,
        "d_model": text.width,
        "encoder_layers": text.layers,
        "encoder_attention_heads": text.heads,
        "head_dim": text.head_width,
        "encoder_ffn_dim": text.intermediate,
        "max_position_embeddings": text.positions,
        "activation_function": "gelu",
    }


def codebook_config(autoencoder: AutoencoderConfig) -> dict[str, Any]:
    """What a folder says of an autoencoder with a codebook; nothing for others."""
    if autoencoder.codes is None:
        return {}
    return {
        "_class_name": "VQModel",
        "num_vq_embeddings": autoencoder.codes,
        "vq_embed_dim": autoencoder.embed_dim,
        "latent_channels": autoencoder.z_channels,
    }


def bert_index(autoencoder: AutoencoderConfig) -> dict[str, Any]:
    """What `model_index.json` says."""
    first_stage = "AutoencoderKL" if autoencoder.codes is None else "VQModel"
    return {
        "_class_name": "LDMTextToImagePipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vqvae": ["diffusers", first_stage],
        "bert": ["latent_diffusion", "LDMBertModel"],
        "tokenizer": ["transformers", "BertTokenizer"],
        "scheduler": ["diffusers", "DDIMScheduler"],
    }
