"""What an engine says about its models and about itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class CheckpointInfo:
    """One checkpoint an engine can draw with."""

    title: str
    """`name.safetensors [hash]`, or only the name while the hash is not known."""
    name: str
    """Path below the checkpoint folder, with suffix."""
    path: str
    stem: str
    """File name without suffix."""
    sha256: str = ""
    size: int = 0
    """Bytes."""
    native_size: tuple[int, int] = (512, 512)
    """Width and height in pixels the model was trained at."""
    examples: tuple[str, ...] = ()
    """Prompts it is known to draw well, from its metadata."""
    family: str = ""
    """What it is ("sd1", "sdxl", ...), where its beginning tells."""
    reads: str = ""
    """What its network is told of a picture besides: "mask", "picture", "depth", or nothing."""
    usual: tuple[tuple[str, float | str], ...] = ()
    """Values to begin with where the model likes others than most, by paths of a request."""
    note: str = ""
    """Why it cannot be used, e.g. "incomplete: 3.1 of 6.9 GB"."""

    @property
    def short_hash(self) -> str:
        """First ten digits of the SHA-256, as A1111 writes it."""
        return self.sha256[:10]


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """What an engine can see now."""

    checkpoints: tuple[CheckpointInfo, ...] = ()
    vaes: tuple[str, ...] = ()
    vae_paths: tuple[str, ...] = ()
    """Where each of `vaes` lies."""
    embeddings: tuple[str, ...] = ()
    embedding_vectors: tuple[tuple[str, int], ...] = ()
    """Names that mean an embedding in prompts, and how many tokens each takes."""
    loras: tuple[str, ...] = ()
    upscalers: tuple[tuple[str, str], ...] = ()
    """Name and file of those that are networks; the plain ones need no file."""
    control_models: tuple[str, ...] = ()
    """Networks for units of control, as `name [hash]` with 8 digits of the short hash."""
    restorers: tuple[tuple[str, str], ...] = ()
    """Name and file of the networks that restore faces."""
    face_detector: str = ""
    """The file of what finds faces; empty if there is none."""
    problems: tuple[str, ...] = ()
    """Files that could not be read, a sentence each."""


@dataclass(frozen=True, kw_only=True)
class EngineStatus:
    """How the engine is doing."""

    state: str = "cold"
    """"cold" (nothing loaded), "starting", "ready", "busy", "down"."""
    device: str = ""
    loaded: str = ""
    """Title of the checkpoint in memory."""
    restarts: int = 0
    memory: tuple[tuple[str, Any], ...] = ()
    pid: int = 0
    troubles: tuple[Mapping[str, Any], ...] = ()
    """What went wrong with extensions there."""
    texts: tuple[int, int] = (0, 0)
    """Parts of prompts that the model in memory encoded, and that it knew already."""
