"""A model ready to draw: networks on the device, prompts encoded, embeddings known."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.reader import reader_for
from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.model.loader import Model, load_model
from modules.model.memory import MemoryPlan
from modules.model.patch.hypernetwork import HypernetworkFolder
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.model.tiny_decoder import find_tiny_decoder
from modules.paths import Paths


@dataclass(frozen=True)
class Ready:
    """Everything `generate` needs besides a request."""

    model: Model
    conditioner: Conditioner
    embeddings: EmbeddingFolder
    patcher: Patcher

    def read_embeddings(self) -> list[str]:
        """Let prompts know the embeddings that fit the model; a notice for each broken file."""
        known, notices = self.embeddings.load()
        fitting = known.fitting(self.model.text_widths)
        if fitting.fingerprint != self.conditioner.embeddings.fingerprint:
            self.conditioner.embeddings = fitting
        return notices


def make_ready(
    path: Path,
    plan: MemoryPlan,
    *,
    find_sha256: Callable[[], str],
    paths: Paths,
) -> Ready:
    """Load the checkpoint at `path`; `find_sha256` gives its hash. Raises ModelError."""
    model = load_model(path, plan=plan, paths=paths)
    model.find_sha256 = find_sha256
    if model.preview_factors == model.family.preview_factors:  # latents of the usual kind
        folders = [paths.models / name for name in ("VAE-approx", "VAE-taesd")]
        decoder = find_tiny_decoder(folders, model.family.name, model.latent_channels)
        model.preview_decoder = decoder and decoder.to(model.device)
    conditioner = Conditioner(reader_for(model), family=model.family)
    patcher = Patcher(model, NetworkFolder(paths.lora), HypernetworkFolder(paths.hypernetworks))
    return Ready(model, conditioner, EmbeddingFolder(paths.embeddings), patcher)
