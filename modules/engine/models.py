"""The list of model files, for an engine in this process or in another."""

import logging
import threading
from pathlib import Path

from modules.errors import ModelError
from modules.model.catalogue import Checkpoint, scan, with_hash
from modules.model.control_files import control_files, control_folders
from modules.model.embedding_sizes import embedding_sizes
from modules.model.face_files import face_files
from modules.model.folder import files_below
from modules.model.hashes import FileFacts
from modules.model.upscaler_files import upscaler_files
from modules.model.vae_files import vae_files
from modules.paths import Paths
from modules.schema.catalogue import Catalogue, CheckpointInfo

log = logging.getLogger(__name__)

NETWORK_SUFFIXES = (".safetensors", ".pt", ".ckpt", ".bin")


class ModelList:
    """Answers `Engine.catalogue`: scans folders when asked, and learns hashes in the background.

    Listing reads headers only, so it never waits for a large file; a title gains its `[hash]` as
    soon as the hash is known. Thread-safe.
    """

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._facts = FileFacts(paths.cache / "model-facts.json")
        self._lock = threading.Lock()
        self._catalogue: Catalogue | None = None
        self._hasher: threading.Thread | None = None

    def __call__(self, refresh: bool = False) -> Catalogue:
        """Return what there is; `refresh` looks at the disk again."""
        with self._lock:
            if self._catalogue is None or refresh:
                checkpoints = scan(self._paths.checkpoints, self._facts)
                self._catalogue = self._listed(checkpoints)
                self._learn_hashes(checkpoints)
            return self._catalogue

    def _listed(self, checkpoints: list[Checkpoint]) -> Catalogue:
        vaes = vae_files([self._paths.checkpoints], self._paths.vae)
        faces = face_files(self._paths.all_models, self._facts, self._paths.faces)
        return Catalogue(
            checkpoints=tuple(described(checkpoint) for checkpoint in checkpoints),
            vaes=tuple(vaes),
            vae_paths=tuple(map(str, vaes.values())),
            embeddings=_names(self._paths.embeddings),
            embedding_vectors=tuple(embedding_sizes(self._paths.embeddings, self._facts).items()),
            loras=_names(self._paths.lora),
            upscalers=_upscalers(self._paths),
            control_models=tuple(
                control_files(control_folders(self._paths.control, self._paths.models))
            ),
            restorers=tuple((name, str(path)) for name, path in faces.restorers.items()),
            face_detector=str(faces.detector or ""),
            problems=tuple(f"{one.name}: {one.note}" for one in checkpoints if one.note),
        )

    def _learn_hashes(self, checkpoints: list[Checkpoint]) -> None:
        unknown = [one for one in checkpoints if not one.sha256 and not one.note]
        if not unknown or (self._hasher is not None and self._hasher.is_alive()):
            return
        self._hasher = threading.Thread(
            target=self._hash, args=(unknown,), name="hashes", daemon=True
        )
        self._hasher.start()

    def _hash(self, unknown: list[Checkpoint]) -> None:
        for checkpoint in unknown:
            try:
                with_hash(checkpoint, self._facts)
            except (OSError, ModelError) as error:
                log.warning("%s could not be hashed: %s", checkpoint.name, error)
                continue
            with self._lock:
                self._catalogue = self._listed(scan(self._paths.checkpoints, self._facts))


def _upscalers(paths: Paths) -> tuple[tuple[str, str], ...]:
    files = upscaler_files(*paths.all_models)
    return tuple((name, str(path)) for name, path in files.items())


def described(checkpoint: Checkpoint) -> CheckpointInfo:
    """Describe a checkpoint for those above the engine."""
    return CheckpointInfo(
        title=checkpoint.title,
        name=checkpoint.name,
        path=str(checkpoint.path),
        stem=checkpoint.stem,
        sha256=checkpoint.sha256,
        size=checkpoint.size,
        native_size=checkpoint.native_size,
        examples=checkpoint.examples,
        usual=checkpoint.usual,
        family=checkpoint.family,
        reads=checkpoint.reads,
        note=checkpoint.note,
    )


def _names(folder: Path) -> tuple[str, ...]:
    """Model files below `folder`, as names relative to it."""
    found = (path.relative_to(folder).as_posix() for path in files_below(folder, NETWORK_SUFFIXES))
    return tuple(sorted(found, key=str.lower))
