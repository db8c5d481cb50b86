"""A model ready to draw: networks on the device, prompts encoded, embeddings known."""

from dataclasses import dataclass
from pathlib import Path

from modules.conditioning.conditioner import Conditioner
from modules.conditioning.textual_inversion import EmbeddingFolder
from modules.model.device import Device
from modules.model.loader import Model, load_model
from modules.model.patch.hypernetwork import HypernetworkFolder
from modules.model.patch.network_files import NetworkFolder
from modules.model.patch.patcher import Patcher
from modules.prompt.tokenizer import ClipTokenizer


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
        fitting = known.fitting({"clip_l": self.model.text_encoder.config.width})
        if fitting.fingerprint != self.conditioner.embeddings.fingerprint:
            self.conditioner.embeddings = fitting
        return notices


def make_ready(
    path: Path,
    device: Device,
    *,
    sha256: str,
    configs: Path,
    embeddings: Path,
    networks: Path,
    hypernetworks: Path,
) -> Ready:
    """Load the checkpoint at `path`; `sha256` is its hash. Raises ModelError."""
    model = load_model(path, device=device.device, dtype=device.dtype, config_dir=configs)
    model.sha256 = sha256
    conditioner = Conditioner(ClipTokenizer.load(), model.text_encoder)
    patcher = Patcher(model, NetworkFolder(networks), HypernetworkFolder(hypernetworks))
    return Ready(model, conditioner, EmbeddingFolder(embeddings), patcher)
