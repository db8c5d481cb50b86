"""Checkpoints without a VAE of their own: it is taken from a file that goes with them."""

from pathlib import Path

from modules.errors import ModelError
from modules.model.config import read_config
from modules.model.families.record import Family
from modules.model.files import Weights, read_weights
from modules.model.vae import vae_names
from modules.model.vae_files import AUTOMATIC, choose_vae, vae_files


def with_vae(
    weights: Weights, path: Path, family: Family, description: Path, folder: Path
) -> Weights:
    """The weights of the file at `path`, with a VAE from `folder` if there is none among them.

    It is the file named like the checkpoint or noted beside it, or the only one there is: which of
    several would fit cannot be seen. The result reads from both files; closing it closes both.
    Raises ModelError if none is found.
    """
    prefix = family.autoencoder_prefix
    if any(name.startswith(prefix) for name in weights):
        return weights
    files = vae_files([path.parent], folder)
    chosen, _ = choose_vae(files, AUTOMATIC, path)
    if chosen is None and len(files) == 1:
        chosen = next(iter(files.values()))
    if chosen is None:
        raise ModelError(
            f"{path.name} holds no autoencoder (VAE).",
            f"Put one into {folder}, under a name that begins with {path.stem}.",
        )
    vae = read_weights(chosen)
    try:
        names = vae_names(vae.shapes, read_config(description).autoencoder)
    except BaseException:
        vae.close()
        raise

    def close() -> None:
        vae.close()
        weights.close()

    own = {prefix + name: vae.entries[source] for name, source in names.items()}
    return Weights(weights.name, {**weights.entries, **own}, weights.metadata, close)
