"""Single files that hold a whole model under diffusers' names: `unet.`, `vae.`, `text_encoder.`."""

from pathlib import Path

from modules.model.config import read_config
from modules.model.diffusers_folder import text_name, unet_names_for
from modules.model.families.diffusers_names import autoencoder_names, original_name
from modules.model.families.record import Family
from modules.model.family import DIFFUSERS_FIRST
from modules.model.files import Entry, Weights
from modules.model.networks.unet import UNetConfig


def under_original_names(weights: Weights, family: Family, description: Path) -> Weights:
    """The same tensors as a diffusers folder gives; other files are returned as they are.

    `description` is the YAML that says how many blocks the networks have. The result reads from
    `weights`. Raises ModelError if the description makes no sense.
    """
    if DIFFUSERS_FIRST not in weights:
        return weights
    described = read_config(description)
    assert isinstance(described.unet, UNetConfig), "descriptions are of U-Nets"
    unet = unet_names_for(described.unet)
    vae = autoencoder_names(len(described.autoencoder.channel_mult))
    folders = {tower.folder: tower.prefix for tower in family.text}
    entries: dict[str, Entry] = {}
    for name, entry in weights.entries.items():
        part, _, rest = name.partition(".")
        if part == "unet":
            _put(entries, family.unet_prefix, original_name(rest, unet), entry)
        elif part == "vae":
            _put(entries, family.autoencoder_prefix, original_name(rest, vae), entry)
        elif part in folders:
            _put(entries, folders[part], text_name(rest), entry)
        else:
            entries[name] = entry
    return Weights(weights.name, entries, weights.metadata, weights.close)


def _put(entries: dict[str, Entry], prefix: str, name: str | None, entry: Entry) -> None:
    if name is not None:
        entries[prefix + name] = entry
