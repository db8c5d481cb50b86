"""What a checkpoint is, before any network is built: its weights, family and architecture."""

from dataclasses import replace
from pathlib import Path

from modules.model.architecture import Architecture, Prediction, fitted
from modules.model.assemble import Parts, text_config_of
from modules.model.config import read_config
from modules.model.diffusers_folder import folder_architecture, folder_family, open_folder
from modules.model.families.record import Family
from modules.model.family import detect_family
from modules.model.files import Weights, read_weights
from modules.model.schedules import NoiseSchedule
from modules.model.transformer_folder import with_folder_facts
from modules.model.transformer_models import described_by_shapes


def open_model(path: Path) -> Weights:
    """The weights at `path` (a file or a diffusers folder) under the original names."""
    return open_folder(path) if path.is_dir() else read_weights(path)


def beside(path: Path) -> Path | None:
    """The description that people put beside the file at `path`, if there is one."""
    found = path.with_suffix(".yaml")
    return found if found.is_file() else None


def family_of(path: Path, weights: Weights) -> Family:
    """The family of the model at `path`. Raises ModelError for what cannot be drawn with."""
    return folder_family(path) if path.is_dir() else detect_family(weights.shapes, path.name)


def describe(
    path: Path,
    weights: Weights,
    family: Family,
    parts: Parts,
    config: Path | None,
    config_dir: Path,
) -> tuple[Architecture, bool]:
    """The architecture of the file `weights`, and whether it says what the network predicts.

    What people put beside a file goes before the family's description.
    """
    texts = [text_config_of(*pair) for pair in zip(parts.texts, family.text, strict=True)]
    if family.flow is not None:
        described = described_by_shapes(weights, family, parts)
        if path.is_dir():
            described = with_folder_facts(described, path)
        return replace(described, texts=tuple(texts)), True
    if path.is_dir():
        return folder_architecture(path), True
    given = config or beside(path)
    described = read_config(given or config_dir / family.config)
    described = fitted(described, weights.shapes, family.unet_prefix)
    told = prediction_told(weights)
    if "ztsnr" in weights and isinstance(described.schedule, NoiseSchedule):
        schedule = replace(described.schedule, zero_terminal_snr=True)
        described = replace(described, schedule=schedule)
    described = replace(described, texts=tuple(texts), prediction=told or described.prediction)
    known = given is not None or told is not None or described.unet.in_channels != 4
    return described, known


def prediction_told(weights: Weights) -> Prediction | None:
    """What a file says that its network predicts: by an empty tensor, or in its metadata."""
    if "v_pred" in weights:
        return "v"
    told = weights.metadata.get("modelspec.prediction_type", "").lower()
    return {"v": "v", "epsilon": "epsilon", "eps": "epsilon"}.get(told)  # type: ignore[return-value]
